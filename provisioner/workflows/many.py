"""check with many accounts: those of a file, and how all are tried."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner import accounts_file
from provisioner.accounts import Candidate, Target, parse_address, resolve
from provisioner.accounts_file import Listed
from provisioner.errors import ProvisionError, UsageError
from provisioner.model import Provider, Security
from provisioner.providers import load_all
from provisioner.secret import Secret
from provisioner.strict import MAX_PROBLEMS
from provisioner.workflows.context import Context
from provisioner.workflows.login import Login
from provisioner.workflows.pool import log_in_all
from provisioner.workflows.turns import Attempt

if TYPE_CHECKING:
    from provisioner.check import Service

FEW = 5
"""So many providers are looked for one by one; for more all profiles are read."""
_keyring = threading.Lock()


def check_many(
    context: Context,
    attempts: Sequence[Attempt],
    services: Sequence[Service],
    *,
    timeout: float | None = None,
    per_host: int | None = None,
    verbose: bool = False,
) -> None:
    """A row for each account and service, with progress on a terminal."""
    if not attempts and not context.report.errors:
        context.report.next = "Nothing is set up here."
    with context.ui.progress(len(attempts)) as done:
        log_in_all(
            attempts,
            context.report.add,
            services=services,
            timeout=timeout,
            per_host=per_host,
            done=done,
            verbose=verbose,
        )


def listed(context: Context, path: Path) -> list[Attempt]:
    """The accounts of a file (accounts_file.py), which is read now; the passwords, when they are needed.

    Raises UsageError as accounts_file.load, and `accounts.invalid` for providers that are not known and for
    an account that stands there twice, in whatever words.
    """
    entries = accounts_file.load(path)
    about = {one.wish.provider or parse_address(one.wish.address)[1] for one in entries}
    known: dict[str, Provider] = {}
    for name in about if len(about) <= FEW else [None]:
        known |= load_all(context.host, name)
    attempts: list[Attempt] = []
    problems: list[str] = []
    seen: dict[_Place, set[str]] = {}
    for number, entry in enumerate(entries):
        if len(problems) >= MAX_PROBLEMS:
            problems.append(f"  ... and {len(entries) - number} more accounts, not looked at")
            break
        try:
            candidate = resolve(entry.wish, known.values())
            if same := _same(candidate, entry.where, seen):
                problems.append(f"  {entry.where}: the same account as {same}")
            attempts.append(_attempt(context, entry, candidate))
        except UsageError as error:
            # In a file that holds passwords, what stands in the wrong column may be one.
            unknown = entry.secret is not None and entry.wish.provider is not None
            message = "its provider is not known here" if unknown else error.message
            problems.append(f"  {entry.where}: {message}")
        except ProvisionError as error:  # no password can log in there; the others can be tried all the same
            nowhere = Target("", 0, Security.TLS, ())
            attempts.append(Attempt(Login(entry.wish.address, nowhere, nowhere), failing(error)))
    if problems:
        raise UsageError(
            f"{path} names accounts that cannot be checked:\n" + "\n".join(problems),
            "Name each once, with its `provider`, or `imap` and `smtp`; `provisioner providers` lists the "
            "providers.",
            code="accounts.invalid",
        )
    return attempts


_Place = tuple[str, str, str, int, str]
"""An address, and a service, server, port and user name with which it logs in."""


def _same(candidate: Candidate, where: str, seen: dict[_Place, set[str]]) -> str:
    """Which account of those before it logs in at the same servers, for both services; notes this one."""
    before: list[set[str]] = []
    for service, target in (("imap", candidate.imap), ("smtp", candidate.smtp)):
        server = (candidate.address.lower(), service, target.host.lower(), target.port)
        places = [seen.setdefault((*server, user.lower()), set()) for user in target.usernames]
        before.append(set().union(*places))
        for place in places:
            place.add(where)
    return min(set.intersection(*before), default="")


def _attempt(context: Context, entry: Listed, candidate: Candidate) -> Attempt:
    login = Login.of(candidate)

    def password() -> Secret:
        if entry.item is None:
            return entry.password(context.host.secrets, login.rule)
        with _keyring:  # one conversation with the keyring at a time
            return entry.password(context.host.secrets, login.rule)

    return Attempt(login, password)


def failing(error: ProvisionError) -> Callable[[], Secret]:
    """Instead of a password that cannot be had."""

    def fail() -> Secret:
        raise error

    return fail
