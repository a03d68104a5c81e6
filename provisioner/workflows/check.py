"""check: log in over IMAP and SMTP and explain the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from provisioner import clients
from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.errors import UsageError
from provisioner.model import Account, Support
from provisioner.secret import Secret
from provisioner.workflows.context import AskPassword, Context, ask_app_password, at_receipt, find_candidate
from provisioner.workflows.login import Login, prove

if TYPE_CHECKING:
    from provisioner.check import Service


def check(
    context: Context,
    wish: Wish,
    ask: AskPassword,
    services: Sequence[Service],
    *,
    timeout: float | None = None,
    profile_file: str | None = None,
) -> None:
    """Tries each user-name form that the provider profile allows, with a password that is asked for."""
    candidate = find_candidate(context, wish, profile_file)
    secret = ask_app_password(context, candidate.provider, ask)
    prove(Login.of(candidate), secret, context.report, services, timeout)


def check_client(
    context: Context,
    wish: Wish,
    client_id: str,
    services: Sequence[Service],
    options: Options,
    *,
    timeout: float | None = None,
    profile_file: str | None = None,
) -> None:
    """Logs in with exactly what the client has stored. Raises UsageError if it has nothing."""
    client = clients.get(client_id)
    candidate = find_candidate(context, wish, profile_file)
    account, secret = stored(context, wish.address, client_id, candidate.account(), options)
    if secret is None:
        hint = f"Set it up with: provisioner setup {candidate.address} {client.ID}"
        if client.SUPPORT is not Support.FULL:
            hint = "It keeps its passwords where provisioner cannot read them: check without --client."
        raise UsageError(
            f"{client.TITLE} has no password stored for {candidate.address}.", hint, code="client.no_password"
        )
    prove(Login.stored(account, candidate.provider, (client.ID,)), secret, context.report, services, timeout)


def stored(
    context: Context, address: str, client_id: str, fallback: Account, options: Options
) -> tuple[Account, Secret | None]:
    """The account as the receipt has it (else `fallback`) and the password that the client keeps for it."""
    account = fallback
    if receipts := context.journal.receipts(address, client_id):
        account = receipts[-1].account
        options = options if options.profile else at_receipt(options, receipts[-1])
    return account, clients.get(client_id).stored_secret(context.host, account, options)
