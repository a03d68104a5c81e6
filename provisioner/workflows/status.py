"""status: what is set up where, under which label, since when, and what has changed since."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner import clients, providers, seals
from provisioner.accounts import parse_address
from provisioner.archive import Unreadable
from provisioner.clients.base import Client, Options, asks
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Support
from provisioner.plan import prune
from provisioner.receipt import Receipt, ReceiptState
from provisioner.report import State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows import alike, drafts
from provisioner.workflows.context import PLACEHOLDER, Context, at_receipt
from provisioner.workflows.login import Login
from provisioner.workflows.pool import Attempt, log_in_all
from provisioner.workflows.undo import untouched

LOCKED = ("keyring.locked", "store.primary_password", "password.no_terminal")
"""Beginnings of the codes of errors that mean: nobody gave the password that protects the store."""
UNKNOWN = ("keyring.none", "keyring.failed", "keyring.unsafe", "keyring.attributes", "password.command")
"""Codes of errors that say nothing about what is in the keyring."""
GONE = "Put it back with setup, or take out the rest with remove."


@dataclass(frozen=True)
class Finding:
    """What an account in a client is like now, and the password that would be used, if it could be read."""

    state: State
    message: str
    next: str = ""
    exit_code: int = 0
    secret: Secret | None = None
    code: str = "client.no_password"
    """Why there is no password, if there is none."""


class _Any:
    """A keyring that cannot be read: what it has is taken to be right, so that the files can be looked at."""

    def get(self, item: SecretItem) -> Secret | None:  # noqa: ARG002 - the protocol's signature
        return PLACEHOLDER

    def set(self, item: SecretItem, secret: Secret) -> None: ...
    def delete(self, item: SecretItem) -> None: ...


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
    for row in drafts.rows(context, wanted):
        context.report.add(row)
    receipts = [
        one for one in context.journal.readable() if wanted is None or one.address.lower() == wanted.lower()
    ]
    stopped = [one for one in reversed(receipts) if one.state is ReceiptState.OPEN]
    for receipt in stopped:
        finding = _COMPLETE if context.journal.committed(receipt) else _HALFWAY
        context.report.add(_row(receipt, receipt.client, finding))
    # What a stopped run replaces or ends is half-way, or void: there is no more to be said of it.
    replaced = {receipt.supersedes for receipt in receipts}
    found: list[tuple[Login, Secret]] = []
    for receipt in receipts:
        if receipt.state is ReceiptState.DONE and receipt.id not in replaced:
            title, finding = look(context, receipt, at_receipt(options, receipt), login=login)
            if twins := alike.readers(context, receipt):
                names = " and ".join(client.TITLE for client in twins)
                finding = dataclasses.replace(
                    finding, message=f"{finding.message}; {names} reads this file, too"
                )
            context.report.add(_row(receipt, title, finding))
            if login and finding.secret:
                join(found, stored_login(context, receipt), finding.secret)
    if not context.report.rows:
        context.report.next = f"Nothing is set up here{f' for {wanted}' if wanted else ''}."
    log_in_all([Attempt.having(*one) for one in found], context.report.add, timeout=timeout)


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


def look(context: Context, receipt: Receipt, options: Options, *, login: bool) -> tuple[str, Finding]:
    """What the client is called, and what the account in it is like now."""
    title = receipt.client
    try:
        client = clients.get(receipt.client)
        title = client.TITLE
        return title, _look(context, client, receipt, options, login=login)
    except UsageError as error:  # set up by a newer version: no reason to hide the others
        return title, Finding(State.FAILED, error.message, error.hint, error.exit_code, code=error.code)


def _look(context: Context, client: Client, receipt: Receipt, options: Options, *, login: bool) -> Finding:
    if client.SUPPORT is Support.IMPORT:
        return _imported(context, receipt)
    if asks(client) or not client.ABOUT.holds_password:
        return _settings(context.host, client, receipt, options)
    items = [record.item for record in receipt.secrets if not record.item.is_seal]
    changes: list[str] = []
    hint = ""
    try:
        if not items:
            return _compare(context.host, client, receipt, options)
        changes, hint = _files(context.host, client, receipt, options)
        return _keyring(context.host, client, receipt, options, items, changes, hint)
    except ProvisionError as error:
        state = _unread(error)
        if changes or state is None:
            return _drifted([*changes, error.message], hint or error.hint)
        # Who asks for a login is told by the exit code, too, that there was none.
        code = error.exit_code if login else 0
        return Finding(state, error.message, error.hint, code, code=error.code)


def _unread(error: ProvisionError) -> State | None:
    """The state of a password that could not be read; None if the error is about something else."""
    if error.code.startswith(LOCKED):
        return State.LOCKED
    return State.UNKNOWN if error.code in UNKNOWN else None


def _settings(host: Host, client: Client, receipt: Receipt, options: Options) -> Finding:
    """A client without a password, or that asks for it: planning again changes nothing."""
    try:
        same = prune(client.plan(host, receipt.account, PLACEHOLDER, options)).empty
    except ProvisionError as error:
        return _drifted([error.message], error.hint)
    return (
        Finding(State.OK, "as it was set up" + "; it asks for the password" * asks(client))
        if same
        else _drifted(["settings have been changed since"], GONE)
    )


def _compare(host: Host, client: Client, receipt: Receipt, options: Options) -> Finding:
    """A client with a store of its own: planning again with the password that it has changes nothing."""
    secret = client.stored_secret(host, receipt.account, options)
    if secret is None:
        return _drifted(["the account or its stored password is gone"], GONE)
    try:
        same = prune(client.plan(host, receipt.account, secret, options)).empty
    except ProvisionError as error:
        if _unread(error):
            raise
        return _drifted([error.message], error.hint, secret)
    if not same:
        return _drifted(["settings have been changed since"], secret=secret)
    if receipt.seal and receipt.seal != client.stored_seal(host, receipt.account, options):
        return _drifted(["another password has been stored since"], secret=secret)
    return Finding(State.OK, "as it was set up", secret=secret)


def _files(host: Host, client: Client, receipt: Receipt, options: Options) -> tuple[list[str], str]:
    """What has changed in the files of a client that reads the keyring, whatever is in there; and a hint."""
    host = dataclasses.replace(host, secrets=_Any())
    try:
        if client.stored_secret(host, receipt.account, options) is None:
            return ["the account is gone"], GONE
        same = not prune(client.plan(host, receipt.account, PLACEHOLDER, options)).changes
    except ProvisionError as error:
        return [error.message], error.hint
    return ([] if same else ["settings have been changed since"]), ""


def _keyring(
    host: Host,
    client: Client,
    receipt: Receipt,
    options: Options,
    items: Sequence[SecretItem],
    changes: Sequence[str],
    hint: str,
) -> Finding:
    """`changes` and what has changed in the keyring. Raises ProvisionError (`keyring.*`)."""
    known = [seals.state(item, host.secrets) for item in items]
    if seals.Seal.ALONE in known:
        return _drifted([*changes, f"its password is gone from {items[0].place}"], hint or GONE)
    secret = None
    with contextlib.suppress(ProvisionError):  # then it is among the changes
        secret = client.stored_secret(host, receipt.account, options)
    if seals.Seal.BROKEN in known:
        return _drifted([*changes, "another password has been stored since"], hint, secret)
    if changes:
        return _drifted(changes, hint, secret)
    if seals.Seal.MISSING in known and any(record.item.is_seal for record in receipt.secrets):
        return Finding(
            State.UNKNOWN,
            "whether another password has been stored cannot be told: its seal is gone",
            "Run setup with the password again, which makes a new seal.",
            secret=secret,
        )
    return Finding(State.OK, "as it was set up", secret=secret)


def _drifted(changes: Sequence[str], hint: str = "", secret: Secret | None = None) -> Finding:
    *first, last = changes
    message = "; ".join([*(change.removesuffix(".") for change in first), last])
    return Finding(State.DRIFTED, message, hint, Conflict.exit_code, secret)


def _imported(context: Context, receipt: Receipt) -> Finding:
    """A file that the user opened: what the other program made of it cannot be seen from here."""
    if untouched(context, receipt):
        return Finding(State.OK, "the file is still there; delete it once it is installed")
    if all(context.host.read(Path(record.path)) is None for record in receipt.files):
        return Finding(State.OK, "handed over; the file has been deleted")
    return _drifted(["the file has been changed since"])


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
