"""remove: undo a setup, exactly where nothing else has changed, else by taking out only our part."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from provisioner import clients
from provisioner.accounts import parse_address
from provisioner.clients.base import Options
from provisioner.clients.common.keeper import has_files
from provisioner.deed import Deed
from provisioner.errors import Cancelled, ProvisionError
from provisioner.model import Plan
from provisioner.plan import diff
from provisioner.receipt import Receipt
from provisioner.report import ClientRow, State
from provisioner.secret import Secret
from provisioner.steps import ours
from provisioner.workflows import alike, working
from provisioner.workflows.context import (
    Context,
    carry_out,
    is_at,
    undisturbed,
    wait_until_closed,
)
from provisioner.workflows.guide import revoke_hints
from provisioner.workflows.in_use import Password
from provisioner.workflows.recovery import recover
from provisioner.workflows.stored import if_readable, labelled, present
from provisioner.workflows.undo import Removal, removal
from provisioner.workflows.unneeded import Run


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

    `force`: take our part out even where someone has changed it; where that cannot be done, put the whole
    file back as it was before the first setup; where nothing is left to change, forget the receipt. What
    is overwritten is kept aside.
    """
    address = "@".join(parse_address(address))
    if not dry_run:
        recover(context, address, wait=wait)
    if wait and not dry_run:
        _wait(context, address, client_ids, options, force=force)
    # What is set up is read only now: another provisioner may have changed it.
    with undisturbed(context, wait=wait, dry_run=dry_run):
        present, wanted, receipts = _chosen(context, address, client_ids, options)
        freed: list[tuple[Receipt, Password]] = []
        # Accounts that stay come last: until then their receipts say that their passwords are needed.
        run = Run(going=frozenset(receipt.id for receipt in receipts))
        for receipt in sorted(receipts, key=lambda one: one.adopted):
            row = _one(context, receipt, options, run, freed, dry_run=dry_run, wait=wait, force=force)
            context.report.add(row)
            if row.ok:
                run = Run(run.going, run.gone | {receipt.id})
    if not receipts:
        if twins := _twins(context, present, wanted):
            context.report.next = "\n".join(twins)
            return
        where = f" in {', '.join(wanted)}" if wanted else ""
        context.report.next = f"{address} was not set up{where} by provisioner: nothing to remove."
        return
    if not dry_run and context.report.ok:
        context.report.next = revoke_hints(
            context,
            [
                password
                for receipt, password in freed
                if not receipt.replaced  # still in use there
                if working.has_password(receipt)
            ],
        )


def _chosen(
    context: Context, address: str, client_ids: Sequence[str], options: Options
) -> tuple[list[Receipt], list[str], list[Receipt]]:
    """What is set up for the address, the clients that were named, and which of it is to go."""
    present = context.journal.receipts(address)
    # A client that only another version of provisioner knows can be named as well.
    known = {receipt.client for receipt in present}
    wanted = [name if name in known else clients.get(name).ID for name in clients.expand(client_ids)]
    receipts = [
        receipt
        for receipt in present
        if (not wanted or receipt.client in wanted) and is_at(receipt, options.profile)
    ]
    return present, wanted, receipts


def _wait(
    context: Context, address: str, client_ids: Sequence[str], options: Options, *, force: bool
) -> None:
    """Waits until all that must be closed is; what is in the way of a removal is its row later."""
    _, _, receipts = _chosen(context, address, client_ids, options)
    run = Run(going=frozenset(receipt.id for receipt in receipts))
    for receipt in receipts:
        try:
            with undisturbed(context, wait=True):
                found = removal(context, receipt, options, run, force=force)
            wait_until_closed(context, found.plan)
        except Cancelled:
            raise
        except ProvisionError:
            continue


def _twins(context: Context, present: Sequence[Receipt], wanted: Sequence[str]) -> list[str]:
    """How clients without a receipt get rid of the account that they read in another client's file."""
    return [
        f"{alike.said(client, receipt)}. Remove it there:" + ours("remove", receipt.address, receipt.client)
        for receipt in present
        for client in alike.readers(context, receipt)
        if client.ID in wanted
    ]


def _one(
    context: Context,
    receipt: Receipt,
    options: Options,
    run: Run,
    freed: list[tuple[Receipt, Password]],
    *,
    dry_run: bool,
    wait: bool,
    force: bool,
) -> ClientRow:
    """`freed`: its password is added to them."""
    title = receipt.client
    try:
        if receipt.client in clients.CLIENT_IDS:
            title = clients.get(receipt.client).TITLE
        if dry_run:
            found = removal(context, receipt, options, run, force=force)
            return _planned(context, receipt, found, run)
        found = removal(context, receipt, options, run, force=force)
        secret = if_readable(labelled, context.host, receipt)
        stored = if_readable(present, context.host, receipt)
        before, keep = context.journal.kept(), {change.path for change in found.keep}
        deed = Deed(found.plan, receipt.account, receipt.label, receipt, keep=keep)
        carry_out(context, [deed], wait=wait)
        kept = sorted(context.journal.kept() - before)
        freed.append((receipt, Password.of(receipt, receipt.label, secret)))
        notes = [*found.plan.notes, *working.stopped(context, receipt, run.going), *_stays(found.plan)]
        if receipt.label and stored not in (None, secret) and _went(context, receipt, found.plan, stored):
            freed.append((receipt, Password(receipt.account, "", stored)))
            notes.append(f'Its password was another one than "{receipt.label}": someone had put it in since.')
        stores = dict.fromkeys(change.item.place for change in found.plan.secrets if not change.item.is_seal)
        notes += [f"The password is gone from {place}." for place in stores]
        notes += [f"The copy of what was there until now: {path}" for path in kept]
        if kept:
            notes.append("It may hold passwords: delete it when you do not need it.")
        done = found.plan.done or f"{receipt.address} removed"
        return _row(receipt, found.plan, State.REMOVED, done, notes)
    except ProvisionError as error:
        return ClientRow.failed(receipt.client, title, receipt.where, error)


def _went(context: Context, receipt: Receipt, plan: Plan, stored: Secret | None) -> bool:
    """The removal, which is done, took this password away."""
    if any(not record.item.is_seal for record in receipt.secrets):
        return any(one.before == stored for one in plan.secrets if not one.item.is_seal and one.after is None)
    return if_readable(present, context.host, receipt) != stored


def _stays(plan: Plan) -> Iterator[str]:
    """What was fetched for the account is nobody's to delete but the person's."""
    yield from plan.stays
    for directory in filter(has_files, plan.left):
        yield f"What was fetched stays in {directory}; delete it if you want it gone."


def _planned(context: Context, receipt: Receipt, found: Removal, run: Run) -> ClientRow:
    notes = [*found.plan.notes, *working.stopped(context, receipt, run.going), *_stays(found.plan)]
    notes += [f"{change.path} is copied first, as it is now." for change in found.keep]
    stored = if_readable(present, context.host, receipt)
    text = diff(found.plan if stored is None else dataclasses.replace(found.plan, secret=stored))
    message = "would change:" if text else f"would change no file: {found.plan.done}"
    return dataclasses.replace(_row(receipt, found.plan, State.PLANNED, message, notes), diff=text)


def _row(receipt: Receipt, plan: Plan, state: State, message: str, notes: Sequence[str]) -> ClientRow:
    return ClientRow(
        client=receipt.client,
        title=plan.title,
        ok=True,
        state=state,
        message=message,
        path=receipt.where,
        notes=tuple(notes),
    )
