"""What has become of an account in a client since it was set up, and what it would log in with."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner import clients, seals
from provisioner.clients.base import Client, Options, asks
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Plan, Support
from provisioner.plan import prune
from provisioner.receipt import Receipt
from provisioner.report import State
from provisioner.secret import Secret
from provisioner.steps import ours
from provisioner.workflows import outdated, working
from provisioner.workflows.context import PLACEHOLDER, Context
from provisioner.workflows.stored import present, read_by_hand
from provisioner.workflows.undo import untouched

LOCKED = ("keyring.locked", "store.primary_password", "password.no_terminal")
"""Beginnings of the codes of errors that mean: nobody gave the password that protects the store."""
UNKNOWN = (
    *("keyring.none", "keyring.failed", "keyring.unsafe", "keyring.attributes"),
    *("password.command", "password.too_long"),
)
"""Codes of errors that say nothing about what is in the keyring."""
_OUR_PART_GONE = "what was written is gone, and other lines there have the account and read the same password"
_LEFT = "They work, and rotate serves them, too: take them out by hand before you run setup again."
GONE = "Put it back with setup, or take out the rest with remove."
_CHANGED = "settings have been changed since"
_REPLACED = "another password has been stored since"


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
    hook: str = ""
    """The command for the password in the client's file, where it would be another one now."""


class _Any:
    """A keyring that cannot be read: what it has is taken to be right, so that the files can be looked at."""

    def get(self, item: SecretItem) -> Secret | None:  # noqa: ARG002 - the protocol's signature
        return PLACEHOLDER

    def set(self, item: SecretItem, secret: Secret) -> None: ...
    def delete(self, item: SecretItem) -> None: ...
    def vet(self, item: SecretItem) -> None: ...


def look(context: Context, receipt: Receipt, options: Options, *, login: bool) -> tuple[str, Finding]:
    """What the client is called, and what the account in it is like now."""
    title = receipt.client
    try:
        client = clients.get(receipt.client)
        title = client.TITLE
        if lost := working.missing(context, receipt):
            return title, _drifted(
                [f"needs {working.listed(lost)}, no longer set up"],
                f"Set that up again with:{ours('setup', receipt.address, *lost)}",
            )
        return title, _look(context, client, receipt, options, login=login)
    except UsageError as error:  # set up by a newer version: no reason to hide the others
        return title, Finding(State.FAILED, error.message, error.hint, error.exit_code, code=error.code)


def _look(context: Context, client: Client, receipt: Receipt, options: Options, *, login: bool) -> Finding:
    if client.SUPPORT is Support.IMPORT:
        return _imported(context, client, receipt)
    if asks(client) or not working.has_password(receipt):
        return _settings(context, client, receipt, options)
    items = [record.item for record in receipt.secrets if not record.item.is_seal]
    changes: list[str] = []
    hint = ""
    try:
        if not items:
            return _compare(context, client, receipt, options)
        files = _files(context, client, receipt, options)
        if files.exit_code:
            changes, hint = [files.message], files.next
        finding = _keyring(context.host, client, receipt, options, items, changes, hint)
        if finding.state is not State.OK:
            return finding
        return dataclasses.replace(files, secret=finding.secret)
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


def _settings(context: Context, client: Client, receipt: Receipt, options: Options) -> Finding:
    """A client without a password, or that asks for it: planning again changes nothing."""
    try:
        plan = prune(client.plan(context.host, receipt.account, PLACEHOLDER, options))
        if not plan.empty:
            return _different(context, context.host, client, receipt, options, plan)
    except ProvisionError as error:
        return _drifted([error.message], error.hint)
    return Finding(State.OK, "as it was set up" + "; it asks for the password" * asks(client))


def _different(
    context: Context, host: Host, client: Client, receipt: Receipt, options: Options, plan: Plan
) -> Finding:
    """Planning again changes something. Raises ProvisionError as `Client.plan`."""
    found = outdated.outdated(context, host, client, receipt, options, plan)
    anew = f"To write it anew:{_setup(host, client, receipt)}"
    if found is None:
        return _drifted([_CHANGED], anew)
    if not found.works:
        return _drifted([found.message], anew)
    return Finding(State.OK, found.message, anew, hook=found.hook)


def _setup(host: Host, client: Client, receipt: Receipt) -> str:
    """The command that sets it up again in the same place."""
    places = [one.where for one in client.detect(host)]  # of one with a file for each account: the directory
    usual = len(places) == 1 and Path(receipt.where).is_relative_to(places[0])
    place = () if usual else ("--client-profile", receipt.where)
    return ours("setup", receipt.address, client.ID, *place)


def _compare(context: Context, client: Client, receipt: Receipt, options: Options) -> Finding:
    """A client with a store of its own: planning again with the password that it has changes nothing."""
    host = context.host
    secret = client.stored_secret(host, receipt.account, options)
    if secret is None:
        return _drifted(["the account or its stored password is gone"], GONE)
    finding = Finding(State.OK, "as it was set up")
    try:
        plan = prune(client.plan(host, receipt.account, secret, options))
        if not plan.empty:
            finding = _different(context, host, client, receipt, options, plan)
    except ProvisionError as error:
        if _unread(error):
            raise
        return _drifted([error.message], error.hint, secret)
    seal = receipt.seal
    if finding.exit_code == 0 and seal and seal != client.stored_seal(host, receipt.account, options):
        finding = _drifted([_REPLACED], _kept(host, client, receipt))
    return dataclasses.replace(finding, secret=secret)


def _kept(host: Host, client: Client, receipt: Receipt) -> str:
    return (
        f"`provisioner status --check` tells whether it logs in. To keep it:{_setup(host, client, receipt)}"
    )


def _files(context: Context, client: Client, receipt: Receipt, options: Options) -> Finding:
    """What has become of the files of a client that reads the keyring, whatever is in there."""
    host = dataclasses.replace(context.host, secrets=_Any())
    same = Finding(State.OK, "as it was set up")
    try:
        if client.stored_secret(host, receipt.account, options) is None:
            if read_by_hand(host, client, receipt, options) is None:
                return _drifted(["the account is gone"], GONE)
            return _drifted([_OUR_PART_GONE], _LEFT) if receipt.files else same
        plan = prune(client.plan(host, receipt.account, PLACEHOLDER, options))
        return _different(context, host, client, receipt, options, plan) if plan.changes else same
    except ProvisionError as error:
        return _drifted([error.message], error.hint)


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
        secret = present(host, receipt, options)
    if seals.Seal.BROKEN in known:
        return _drifted([*changes, _REPLACED], hint or _kept(host, client, receipt), secret)
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


def _imported(context: Context, client: Client, receipt: Receipt) -> Finding:
    """A file that the user opened: what the other program made of it cannot be seen from here."""
    if untouched(context, receipt):
        return Finding(State.OK, "the file is still there; delete it once it is installed")
    if all(context.host.read(Path(record.path)) is None for record in receipt.files):
        return Finding(State.OK, "handed over; the file has been deleted")
    anew = _setup(context.host, client, receipt)
    return _drifted(["the file has been changed since"], f"To write it anew:{anew}")
