"""What every workflow is given: the machine, the journal, a way to talk to the person, the report."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from provisioner import locks
from provisioner.accounts import Candidate, Wish, parse_address, resolve
from provisioner.apply import apply
from provisioner.clients.base import Options
from provisioner.deed import Deed
from provisioner.errors import Cancelled, Conflict
from provisioner.host import Host
from provisioner.journal import Journal
from provisioner.model import AppPassword, Plan, Provider
from provisioner.passwords import shape_warning
from provisioner.providers import load_all, load_file
from provisioner.receipt import Receipt
from provisioner.report import Report
from provisioner.secret import Secret


class Ui(Protocol):
    """The person at the terminal, if there is one."""

    @property
    def interactive(self) -> bool:
        """Questions can be asked."""
        ...

    @property
    def on_screen(self) -> bool:
        """Results are shown on a terminal: seen now, and kept in no file."""
        ...

    def say(self, text: str) -> None:
        """Tells something that is not a result: instructions, progress."""
        ...

    def warn(self, text: str) -> None: ...

    def confirm(self, question: str) -> bool: ...

    def progress(self, total: int) -> AbstractContextManager[Callable[[], None]]:
        """A bar, if somebody can see it; what it gives is called after each of `total` steps."""
        ...

    def ask_hidden(self, prompt: str) -> str:
        """What is typed, without showing it. Raises UsageError where there is no terminal."""
        ...

    def choose(self, question: str, choices: list[str]) -> list[str]:
        """Some of `choices`, at least one."""
        ...

    def open(self, target: str) -> None:
        """Opens a page or a file as the desktop does."""
        ...


PLACEHOLDER = Secret("placeholder, not a password")
"""Stands for the password while nothing is written: before it is known, and in a dry run without check."""

AskPassword = Callable[[str, AppPassword | None], Secret]
"""(prompt, rule) -> password, from wherever the user said it comes."""


@dataclass(frozen=True)
class Context:
    host: Host
    journal: Journal
    ui: Ui
    report: Report


def find_candidate(context: Context, wish: Wish, profile_file: str | None = None) -> Candidate:
    """The account that was asked for, from shipped, own and `--profile` provider profiles."""
    if not profile_file:
        about = wish.provider or parse_address(wish.address)[1]
        known = load_all(context.host, about) or load_all(context.host)
        return resolve(wish, known.values())
    own = load_file(Path(profile_file))
    # A profile that is named on the command line is meant, whatever the domain of the address.
    return resolve(dataclasses.replace(wish, provider=wish.provider or own.id), [own])


def ask_app_password(context: Context, provider: Provider | None, ask: AskPassword) -> Secret:
    """The password, with a warning (and on a terminal a question) if it does not look like the provider's."""
    rule = provider.app_password if provider else None
    if provider and provider.warning:
        context.ui.warn(provider.warning)
    secret = ask("Password: ", rule)
    if warning := shape_warning(secret, rule):
        context.ui.warn(warning)
        if context.ui.interactive and not context.ui.confirm("Try it all the same?"):
            raise Cancelled("Stopped; the password was not used and nothing was changed.")
    return secret


def carry_out(
    context: Context, deeds: Sequence[Deed], *, wait: bool, verify: Callable[[], None] = lambda: None
) -> None:
    """Applies the deeds, and says what could not be tidied. Parameters and errors are those of `apply`."""
    if trouble := apply(deeds, context.host, context.journal, wait=wait, verify=verify):
        context.ui.warn(
            f"All changes are made and stay, but the run could not be finished: {trouble} "
            "The next setup, rotate or remove does that."
        )


def at_receipt(options: Options, receipt: Receipt) -> Options:
    """The options for the very place that a receipt is about, not the one the client would start now."""
    return dataclasses.replace(options, profile=receipt.where)


def is_at(receipt: Receipt, profile: str | None) -> bool:
    """The receipt is about the place that was named, by its path or the end of it."""
    if profile is None:
        return True
    place, wanted = Path(receipt.where), Path(profile).expanduser()
    return place.resolve() == wanted.resolve() or place.name == profile or place.suffix == f".{profile}"


@contextlib.contextmanager
def undisturbed(context: Context, *, wait: bool = False, dry_run: bool = False) -> Iterator[None]:
    """No other provisioner is half-way through its changes while plans are made and carried out.

    A dry run leaves nothing behind, not even a lock. Raises Conflict (`provisioner.running`).
    """
    with contextlib.nullcontext() if dry_run else context.journal.locked(wait=wait):
        yield


def refuse_running(context: Context, plan: Plan, *, wait: bool = False) -> None:
    """Raises Conflict if the plan's client is running. Better known before a password is asked for.

    Another provisioner holds the client's lock, too, but only together with its own: `wait` for that one.
    """
    if plan.locks:
        with undisturbed(context, wait=wait), locks.hold(plan.locks, plan.title):
            pass


def wait_until_closed(context: Context, plan: Plan) -> None:
    """Waits for the plan's client. It writes its files when it ends, so plan again afterwards."""
    told = False
    while True:
        try:
            return refuse_running(context, plan, wait=True)
        except Conflict as error:
            if error.code != "client.running":
                raise
        if not told:
            context.ui.say(f"Waiting until {plan.title} is closed ...")
            told = True
        locks.pause()  # without our own lock, which others may need meanwhile
