"""check: log in over IMAP and SMTP and explain the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner import clients
from provisioner.accounts import Wish
from provisioner.clients.base import Client, Options, asks
from provisioner.errors import UsageError
from provisioner.model import Account, Support
from provisioner.report import CERT_DAYS
from provisioner.secret import Secret
from provisioner.steps import ours
from provisioner.workflows import working
from provisioner.workflows.context import AskPassword, Context, ask_app_password, at_receipt, find_candidate
from provisioner.workflows.login import SERVICES, Login, prove
from provisioner.workflows.many import check_many, listed
from provisioner.workflows.turns import Attempt
from provisioner.workflows.watch import Watcher, watch

if TYPE_CHECKING:
    from provisioner.check import Service


@dataclass(frozen=True)
class CheckOptions:
    """What was asked for: one account (`wish`), or `everything`, or those of the file `accounts`.

    `given`: the first option, as typed, that is about one account; `minutes`: between rounds of watching.
    """

    wish: Wish | None = None
    client_id: str | None = None
    everything: bool = False
    accounts: str | None = None
    given: str = ""
    services: Sequence[Service] = SERVICES
    client: Options = field(default_factory=Options)
    timeout: float | None = None
    profile_file: str | None = None
    per_host: int | None = None
    minutes: float | None = None
    cert_days: int = CERT_DAYS
    verbose: bool = False
    send_test: bool = False


def check(context: Context, options: CheckOptions, ask: AskPassword) -> None:
    """A row for each service of each account; with `minutes`, what changes, until Ctrl-C.

    Raises UsageError for options that exclude each other and as the workflows for one and for many.
    """
    if (options.wish is not None) + options.everything + (options.accounts is not None) != 1:
        raise UsageError(
            "It is not said what is to be checked, or more than one thing is.",
            "Give either EMAIL, or --all, or --accounts FILE.",
        )
    if options.wish is None and options.given:
        raise UsageError(f"{options.given} is about one account.", "Give it together with EMAIL.")
    if options.send_test and (
        options.wish is None or options.minutes is not None or len(options.services) < len(SERVICES)
    ):
        raise UsageError(
            "--send-test is for one account, once, and needs both logins.",
            "Give EMAIL, without --watch and --only.",
        )
    if options.minutes is not None:
        watcher = Watcher(options.minutes, options.cert_days)
        limits = {"timeout": options.timeout, "per_host": options.per_host}
        return watch(context, _attempts(context, options, ask), watcher, options.services, **limits)  # type: ignore[arg-type]
    if options.wish is None:
        attempts = _attempts(context, options, ask)()
        if options.everything:
            context.report.errors += [damaged.error for damaged in context.journal.unreadable(None)]
        return check_many(
            context,
            attempts,
            options.services,
            timeout=options.timeout,
            per_host=options.per_host,
            verbose=options.verbose,
        )
    attempt = _one(context, options.wish, options, ask)
    secret = attempt.secret()
    prove(
        attempt.login,
        secret,
        context.report,
        options.services,
        options.timeout,
        verbose=options.verbose,
        send_test=options.send_test,
    )
    return None


def _attempts(context: Context, options: CheckOptions, ask: AskPassword) -> Callable[[], Sequence[Attempt]]:
    """What is tried in each round. A file is read, and a password asked for, only once."""
    if options.everything:
        from provisioner.workflows.everything import stored_everywhere  # all that is about clients

        return lambda: stored_everywhere(context, options.client)
    if options.accounts is not None:
        attempts: Sequence[Attempt] = listed(context, Path(options.accounts))
    elif options.wish is not None:
        attempts = [_one(context, options.wish, options, ask)]
    return lambda: attempts


def _one(context: Context, wish: Wish, options: CheckOptions, ask: AskPassword) -> Attempt:
    """Each user-name form that the provider profile allows, with a password that is asked for now; or
    exactly what a client has stored, read at each try."""
    candidate = find_candidate(context, wish, options.profile_file)
    if options.client_id is None:
        return Attempt.having(Login.of(candidate), ask_app_password(context, candidate.provider, ask))
    client = clients.get(options.client_id)
    fallback = candidate.account()
    account, _ = _place(context, wish.address, client.ID, fallback, options.client)

    def secret() -> Secret:
        known, where = _place(context, wish.address, client.ID, fallback, options.client)
        found = client.stored_secret(context.host, known, where)
        if found is None:
            raise _nothing_stored(context, client, candidate.address)
        return found

    return Attempt(Login.stored(account, candidate.provider, (client.ID,)), secret)


def _nothing_stored(context: Context, client: Client, address: str) -> UsageError:
    hint = f"Set it up with:{ours('setup', address, client.ID)}"
    if not client.ABOUT.holds_password or working.without(context, address, client.ID):
        hint = "It holds none: check the program that fetches its mail."
    elif asks(client):
        hint = "It asks you for it: check without --client."
    elif client.SUPPORT is not Support.FULL:
        hint = "It keeps its passwords where provisioner cannot read them: check without --client."
    return UsageError(
        f"{client.TITLE} has no password stored for {address}.", hint, code="client.no_password"
    )


def _place(
    context: Context, address: str, client_id: str, fallback: Account, options: Options
) -> tuple[Account, Options]:
    """The account as the receipt has it (else `fallback`), and where in the client it is."""
    if receipts := context.journal.receipts(address, client_id):
        return receipts[-1].account, options if options.profile else at_receipt(options, receipts[-1])
    return fallback, options
