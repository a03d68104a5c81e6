"""status: what is set up where, under which label, since when, and what has changed since."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import msgspec

from provisioner import clients, keyring_changes, providers
from provisioner.accounts import parse_address
from provisioner.archive import Unreadable
from provisioner.clients.base import Options
from provisioner.clients.common import hook
from provisioner.errors import Conflict, ProvisionError
from provisioner.plan import prune
from provisioner.receipt import Receipt, ReceiptState
from provisioner.report import State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows import alike, drafts, working
from provisioner.workflows.context import Context, at_receipt
from provisioner.workflows.drift import Finding, look
from provisioner.workflows.login import Login
from provisioner.workflows.pool import log_in_all
from provisioner.workflows.turns import Attempt


def status(
    context: Context, address: str | None, options: Options, *, login: bool, timeout: float | None = None
) -> None:
    """A row for each account in each client; `login`: log in with what each client has stored.

    Different accounts log in side by side, the clients of one account one after the other. A receipt that
    cannot be read is a row of its own and hides no other. Raises Conflict (`state.unsafe`).
    """
    wanted = "@".join(parse_address(address)) if address else None
    for damaged in context.journal.unreadable(wanted):
        context.report.add(_damaged(damaged))
    present, busy = _present(context)
    for row in drafts.rows(context, wanted):
        context.report.add(row if busy is None else _going_on(row, busy))
    receipts = [one for one in present if wanted is None or one.address.lower() == wanted.lower()]
    stopped = [one for one in reversed(receipts) if one.state is ReceiptState.OPEN]
    for receipt in stopped:
        finding = _COMPLETE if context.journal.committed(receipt) else _HALFWAY
        title, standing = working.titled(receipt.client), _standing(context, receipt, present)
        context.report.add(_row(standing, title, finding if busy is None else _at_work(busy)))
    # What a stopped run replaces or ends is half-way, or void: there is no more to be said of it.
    replaced = {receipt.supersedes for receipt in receipts}
    found: list[tuple[Login, Secret]] = []
    for receipt in receipts:
        if receipt.state is ReceiptState.DONE and receipt.id not in replaced:
            title, finding = look(context, receipt, at_receipt(options, receipt), login=login)
            if login and finding.state is State.OK and finding.secret:
                finding = _tried(context, receipt, options, finding, finding.secret)
            if twins := alike.readers(context, receipt):
                names = " and ".join(client.TITLE for client in twins)
                finding = dataclasses.replace(
                    finding, message=f"{finding.message}; {names} reads this file, too"
                )
            if finding.state is State.OK and (
                unsafe := keyring_changes.unsafe(receipt, context.host.secrets)
            ):
                message = f"{finding.message}; its password is not safe there: {unsafe.message.rstrip('.')}"
                finding = dataclasses.replace(finding, message=message, next=unsafe.hint)
            context.report.add(_row(receipt, title, finding))
            if login and finding.secret:
                join(found, stored_login(context, receipt), finding.secret)
    if not context.report.rows:
        context.report.next = f"Nothing is set up here{f' for {wanted}' if wanted else ''}."
    log_in_all([Attempt.having(*one) for one in found], context.report.add, timeout=timeout)


def _tried(context: Context, receipt: Receipt, options: Options, finding: Finding, secret: Secret) -> Finding:
    """A failure, without a login, if what the client runs for the password does not print it."""
    client = clients.get(receipt.client)
    try:
        plan = prune(client.plan(context.host, receipt.account, secret, at_receipt(options, receipt)))
        hook.prove(context.host, receipt.account, plan, secret, line=finding.hook)
    except ProvisionError as error:
        return Finding(State.FAILED, error.message, error.hint, error.exit_code, code=error.code)
    return finding


def _vetted(context: Context, receipt: Receipt, finding: Finding) -> Finding:
    """With a word if the keyring has become plain text."""
    unsafe = keyring_changes.unsafe(receipt, context.host.secrets)
    if unsafe is None:
        return finding
    message = f"{finding.message}; its password is not safe there: {unsafe.message.rstrip('.')}"
    return dataclasses.replace(finding, message=message, next=unsafe.hint)


def _present(context: Context) -> tuple[list[Receipt], str | None]:
    """All receipts, and who is changing what they say: None if no run is going on."""
    receipts = context.journal.readable()
    if all(one.state is not ReceiptState.OPEN for one in receipts) and not context.journal.drafts():
        return receipts, None
    with context.journal.glance() as busy:  # else the run may have ended in between
        return context.journal.readable(), busy


def _standing(context: Context, receipt: Receipt, present: Sequence[Receipt]) -> Receipt:
    """What an unfinished run's row says of the account: what is true once the next command has run."""
    earlier = next((one for one in present if one.id == receipt.supersedes), None)
    if not context.journal.committed(receipt):
        return earlier or msgspec.structs.replace(receipt, label="", created="", rotated="")
    return msgspec.structs.replace(receipt, created=earlier.created) if earlier else receipt


def _going_on(export: StatusRow, who: str) -> StatusRow:
    finding = _at_work(who)
    return dataclasses.replace(export, state=finding.state, message=finding.message, next=finding.next)


def _at_work(who: str) -> Finding:
    return Finding(
        State.RUNNING,
        f"another provisioner{who} is changing this now",
        "Run status again when it has finished.",
        Conflict.exit_code,
    )


_HALFWAY = Finding(
    State.UNFINISHED,
    "a run was stopped half-way",
    "The next setup, rotate or remove takes back what it had changed.",
    Conflict.exit_code,
)
_COMPLETE = Finding(
    State.UNFINISHED,
    "a run was stopped when its changes were complete",
    "They stay: the next setup, rotate or remove finishes the run.",
    Conflict.exit_code,
)


def stored_login(context: Context, receipt: Receipt) -> Login:
    """The servers and user names that were set up."""
    provider = providers.find(context.host, receipt.provider)
    return Login.stored(receipt.account, provider, (receipt.client,))


def join(found: list[tuple[Login, Secret]], login: Login, secret: Secret) -> None:
    """Adds the login, or its client to one that is the same: the same password is tried only once."""
    for number, (other, stored) in enumerate(found):
        same = other.address.lower() == login.address.lower()
        if same and stored == secret and (other.imap, other.smtp) == (login.imap, login.smtp):
            together = tuple(dict.fromkeys((*other.clients, *login.clients)))
            found[number] = (dataclasses.replace(other, clients=together), stored)
            return
    found.append((login, secret))


def _damaged(damaged: Unreadable) -> StatusRow:
    error = damaged.error
    return StatusRow(
        address=damaged.address,
        client="",
        title="",
        path=str(damaged.path),
        provider="",
        label="",
        created="",
        updated="",
        rotated="",
        state=State.FAILED,
        message=error.message,
        next=error.hint,
        ok=False,
        exit_code=error.exit_code,
    )


def _row(receipt: Receipt, title: str, finding: Finding) -> StatusRow:
    return StatusRow(
        address=receipt.address,
        client=receipt.client,
        title=title,
        path=receipt.where,
        provider=receipt.provider,
        label=receipt.label,
        created=receipt.created,
        updated=receipt.updated,
        rotated=receipt.rotated,
        state=finding.state,
        message=finding.message,
        next=finding.next,
        ok=finding.exit_code == 0,
        exit_code=finding.exit_code,
    )
