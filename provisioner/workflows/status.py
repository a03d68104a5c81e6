"""status: what is set up where, under which label, since when, and what has changed since."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from provisioner import clients, providers
from provisioner.accounts import parse_address
from provisioner.clients.base import Client, Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.model import Support
from provisioner.plan import prune
from provisioner.receipt import Receipt
from provisioner.report import Report, Row, State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows.context import Context, at_receipt
from provisioner.workflows.login import Login, prove
from provisioner.workflows.remove import untouched

AT_ONCE = 8
"""Accounts that log in at the same time."""


def status(
    context: Context, address: str | None, options: Options, *, login: bool, timeout: float | None = None
) -> None:
    """A row for each account in each client; `login`: log in with what each client has stored.

    Different accounts log in side by side, the clients of one account one after the other.
    """
    wanted = "@".join(parse_address(address)) if address else None
    for receipt in context.journal.unfinished():
        if wanted is None or receipt.address.lower() == wanted.lower():
            context.report.add(
                _row(
                    receipt,
                    receipt.client,
                    State.UNFINISHED,
                    "a run was stopped half-way",
                    Conflict.exit_code,
                )
            )
    logins: dict[str, list[tuple[Login, Secret]]] = {}
    for receipt in context.journal.receipts(wanted):
        secret = _add(context, receipt, at_receipt(options, receipt))
        if login and secret:
            provider = providers.find(context.host, receipt.provider)
            logins.setdefault(receipt.account.key, []).append(
                (Login.stored(receipt.account, provider), secret)
            )
    if not context.report.rows:
        context.report.next = f"Nothing is set up here{f' for {wanted}' if wanted else ''}."
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for rows in pool.map(lambda account: _prove_all(account, timeout), logins.values()):
            for row in rows:
                context.report.add(row)


def _prove_all(logins: list[tuple[Login, Secret]], timeout: float | None) -> list[Row]:
    report = Report("status")
    for login, secret in logins:
        prove(login, secret, report, timeout=timeout)
    return report.rows


def _add(context: Context, receipt: Receipt, options: Options) -> Secret | None:
    """Adds the row of one receipt; returns the password that the client has stored, if it can be read."""
    try:
        client = clients.get(receipt.client)
    except UsageError as error:  # set up by a newer version: no reason to hide the others
        context.report.add(_row(receipt, receipt.client, State.FAILED, error.message, error.exit_code))
        return None
    secret = None
    try:
        if client.SUPPORT is Support.IMPORT:
            state, message = _imported(context, receipt)
        else:
            secret = client.stored_secret(context.host, receipt.account, options)
            state, message = _state(context, client, receipt, secret, options)
    except ProvisionError as error:
        locked = error.code.startswith("store.primary_password")
        state, message = State.LOCKED if locked else State.DRIFTED, error.message
    exit_code = Conflict.exit_code if state is State.DRIFTED else 0
    context.report.add(_row(receipt, client.TITLE, state, message, exit_code))
    return secret


def _state(
    context: Context, client: Client, receipt: Receipt, secret: Secret | None, options: Options
) -> tuple[State, str]:
    """Nothing has drifted if planning again, with the password that the client has, changes nothing."""
    if secret is None:
        return State.DRIFTED, "the account or its stored password is gone"
    if not prune(client.plan(context.host, receipt.account, secret, options)).empty:
        return State.DRIFTED, "settings have been changed since"
    if receipt.seal != client.stored_seal(context.host, receipt.account, options):
        return State.DRIFTED, "another password has been stored since"
    return State.OK, "as it was set up"


def _imported(context: Context, receipt: Receipt) -> tuple[State, str]:
    """A file that the user opened: what the other program made of it cannot be seen from here."""
    if untouched(context, receipt):
        return State.OK, "the file is still there; delete it once it is installed"
    if all(context.host.read(Path(record.path)) is None for record in receipt.files):
        return State.OK, "handed over; the file has been deleted"
    return State.DRIFTED, "the file has been changed since"


def _row(receipt: Receipt, title: str, state: State, message: str, exit_code: int) -> StatusRow:
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
        state=state,
        message=message,
        ok=exit_code == 0,
        exit_code=exit_code,
    )
