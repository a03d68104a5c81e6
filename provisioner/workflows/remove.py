"""remove: undo a setup, exactly where nothing else has changed, else by taking out only our part."""

from __future__ import annotations

import dataclasses
import stat
from collections.abc import Sequence
from pathlib import Path

from provisioner import clients
from provisioner.accounts import parse_address
from provisioner.apply import Deed, apply
from provisioner.archive import digest
from provisioner.clients.base import Client, Options
from provisioner.errors import Conflict, ProvisionError
from provisioner.model import FileChange, Plan, SecretChange, Support
from provisioner.plan import diff, prune
from provisioner.receipt import Receipt, ReceiptState
from provisioner.report import ClientRow, State
from provisioner.workflows.context import Context, is_at, recover, wait_until_closed
from provisioner.workflows.guide import revoke_hint


def remove(
    context: Context,
    address: str,
    client_ids: Sequence[str],
    options: Options,
    *,
    dry_run: bool,
    wait: bool,
    force: bool = False,
) -> None:
    """Removes the account from each named client, or from all that have it; fills the report.

    `force`: where our part cannot be taken out of a file that has been changed since, put the whole file
    back as it was before the first setup; what is there now is kept aside.
    """
    local, domain = parse_address(address)
    wanted = [clients.get(client_id).ID for client_id in client_ids]
    if not dry_run:
        recover(context, f"{local}@{domain}", wait=wait)
    receipts = [
        receipt
        for receipt in context.journal.receipts(f"{local}@{domain}")
        if (not wanted or receipt.client in wanted) and is_at(receipt, options.profile)
    ]
    for receipt in receipts:
        context.report.add(_one(context, receipt, options, dry_run=dry_run, wait=wait, force=force))
    if not receipts:
        where = f" in {', '.join(wanted)}" if wanted else ""
        context.report.next = f"{local}@{domain} was not set up{where} by provisioner: nothing to remove."
        return
    if not dry_run and context.report.ok:
        hints = (
            revoke_hint(context, receipt.address, receipt.provider, receipt.label) for receipt in receipts
        )
        context.report.next = "\n".join(dict.fromkeys(hints))


def _one(
    context: Context, receipt: Receipt, options: Options, *, dry_run: bool, wait: bool, force: bool
) -> ClientRow:
    title = receipt.client
    try:
        client = clients.get(receipt.client)
        title = client.TITLE
        plan, forced = _whole_plan(context, client, receipt, options, force=force)
        notes = plan.notes
        if wait and not dry_run:
            wait_until_closed(context, plan)
        if not dry_run:
            with context.journal.locked(wait=wait):
                # Again: until now the client, or another provisioner, may have written.
                plan, forced = _whole_plan(context, client, receipt, options, force=force)
                notes = plan.notes
                if forced:
                    kept = context.journal.keep_aside(receipt, plan)
                    notes = (*notes, f"What was there until now is kept in {kept}.")
                deed = Deed(plan, receipt.account, receipt.label, receipt)
                apply([deed], context.host, context.journal, wait=wait)
        return ClientRow(
            client=client.ID,
            title=plan.title,
            ok=True,
            state=State.PLANNED if dry_run else State.REMOVED,
            message="would change:" if dry_run else plan.done or f"{receipt.address} removed",
            path=receipt.where,
            notes=notes,
            diff=diff(plan) if dry_run else "",
        )
    except ProvisionError as error:
        return ClientRow.failed(receipt.client, title, receipt.where, error)


def _whole_plan(
    context: Context, client: Client, receipt: Receipt, options: Options, *, force: bool
) -> tuple[Plan, bool]:
    plan, forced = _plan(context, client, receipt, options, force=force)
    return dataclasses.replace(plan, secrets=_items(context, receipt)), forced


def _items(context: Context, receipt: Receipt) -> tuple[SecretChange, ...]:
    """The keyring items that go: ours, and needed by no other client."""
    # One that cannot be read is about another address, or `recover` had stopped, and so of other items.
    others = [one for one in context.journal.readable() if one.id != receipt.id]
    needed = {record.item for one in others if one.state is ReceiptState.DONE for record in one.secrets}
    changes = []
    for record in receipt.secrets:
        if (record.item.ours or not record.had_before) and record.item not in needed:
            value = context.host.secrets.get(record.item)
            changes += [SecretChange(record.item, value, None)] if value is not None else []
    return tuple(changes)


def _plan(
    context: Context, client: Client, receipt: Receipt, options: Options, *, force: bool
) -> tuple[Plan, bool]:
    """What to change, and whether that overwrites what someone else has written since."""
    # What the user imported by hand is not undone by restoring a file: the client says what else to do.
    if client.SUPPORT is not Support.IMPORT and untouched(context, receipt):
        try:
            return _restore(context, client, receipt), False
        except ProvisionError as error:
            if error.code != "backup.damaged":
                raise
    try:
        return prune(client.unplan(context.host, receipt, options)), False
    except Conflict as error:
        if force:
            return _restore(context, client, receipt), True
        backup = context.journal.backup_directory(receipt)
        hint = (
            f"{error.hint} Or put back the files as they were before {receipt.created} (copies in {backup}), "
            "with --force; what is there now is kept aside."
        )
        raise Conflict(error.message, hint, code=error.code) from None


def untouched(context: Context, receipt: Receipt) -> bool:
    """Every file is still exactly what we wrote, and what was there before is at hand."""
    return all(
        record.exact and digest(context.host.read(Path(record.path))) == record.after
        for record in receipt.files
    )


def _restore(context: Context, client: Client, receipt: Receipt) -> Plan:
    """Every file as it was before the first setup, newest first."""
    changes = []
    for record in reversed(receipt.files):
        path = Path(record.path)
        before = context.journal.backup(receipt, record)
        changes.append(
            FileChange(
                path,
                before=context.host.read(path),
                after=before,
                mode=record.mode or stat.S_IRUSR | stat.S_IWUSR,
                shown=("(as provisioner wrote it)\n", "(as it was before)\n" if before is not None else ""),
            )
        )
    return Plan(
        client=client.ID,
        title=client.TITLE,
        where=receipt.where,
        changes=tuple(changes),
        locks=tuple(Path(path) for path in receipt.locks),
        done=f"{receipt.address} removed, every file is as it was before",
    )
