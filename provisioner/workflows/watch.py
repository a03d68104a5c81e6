"""check --watch: tries again and again, and tells only what has changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from provisioner.errors import Cancelled
from provisioner.report import Change, ChangeRow, CheckRow, days_left
from provisioner.tables import counted
from provisioner.workflows.context import Context
from provisioner.workflows.login import Login
from provisioner.workflows.pool import log_in_all
from provisioner.workflows.turns import Attempt

if TYPE_CHECKING:
    from provisioner.check import Service

REJECTED = 3
"""The exit code of a rejected login (Report)."""
TOO_MANY = ("auth.limit", "auth.skipped")
"""Causes by which a server wants to be left alone."""
NOT_TRIED = "auth.not_tried"
"""Says nothing new of a login."""
REST = 60
"""Minutes. A login that was rejected, or one too many, is tried again after twice the time, four times, ...,
at most so long: a password that is wrong again and again locks an account, whatever the server calls it."""


class Clock:
    """The real one; the only thing that a test of watching replaces."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class _Key(NamedTuple):
    address: str
    clients: tuple[str, ...]
    service: str
    host: str
    port: int


@dataclass
class Watcher:
    """What was known after the last round."""

    minutes: float
    cert_days: int
    clock: Clock = field(default_factory=Clock)
    _known: dict[_Key, CheckRow] = field(default_factory=dict)
    _certificates: dict[tuple[str, int], tuple[str, bool]] = field(default_factory=dict)
    _refused: dict[object, tuple[int, datetime]] = field(default_factory=dict)

    def due(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Those that do not rest."""
        now = self.clock.now()
        resting = {key for key, (_, until) in self._refused.items() if now < until}
        return [one for one in attempts if _identity(one.login) not in resting]

    def take(self, row: CheckRow) -> list[ChangeRow]:
        """What is new in a row."""
        key = _Key(row.address, row.clients, row.service, row.host, row.port)
        before = self._known.get(key)
        if before and row.code == NOT_TRIED:
            return []
        self._known[key] = row
        changes = []
        if what := _change(before, row):
            changes.append(self._row(what, row, row.message, row.next))
        if certificate := self._certificate(row):
            changes.append(certificate)
        return changes

    def rest(self, attempts: Sequence[Attempt], rows: Sequence[CheckRow]) -> None:
        """Lets those of `attempts` rest which were rejected or too many, as `rows` say."""
        rejected = {
            (row.address, row.clients, row.host, row.port)
            for row in rows
            if row.exit_code == REJECTED or row.code in TOO_MANY or row.unaccepted
        }
        untold = {(row.address, row.clients, row.host, row.port) for row in rows if row.code == NOT_TRIED}
        for login in (attempt.login for attempt in attempts):
            identity = _identity(login)
            servers = ((login.imap.host, login.imap.port), (login.smtp.host, login.smtp.port))
            found = {(login.address, login.clients, *server) for server in servers}
            if not found & rejected:
                if not found & untold:
                    self._refused.pop(identity, None)
                continue
            times = self._refused.get(identity, (0, None))[0] + 1
            pause = max(self.minutes, min(self.minutes * 2 ** min(times, 16), REST))
            until = self.clock.now().timestamp() + pause * 60 - 1  # a second: rounds do not begin exactly
            self._refused[identity] = (times, datetime.fromtimestamp(until, UTC))

    def _certificate(self, row: CheckRow) -> ChangeRow | None:
        """Once for each server and certificate."""
        left = days_left(row.cert_expires, self.clock.now())
        if left is None:
            return None
        server, ending = (row.host, row.port), left < self.cert_days
        before = self._certificates.get(server)
        self._certificates[server] = (row.cert_expires, ending)
        where = f"{row.host} port {row.port}"
        if ending and before != (row.cert_expires, True):
            text = f"The certificate of {where} ends in {left} days ({row.cert_expires[:10]})."
            return self._row(Change.ENDING, row, text, "Tell whoever runs the server to renew it.")
        if before and before[1] and not ending:
            text = f"The certificate of {where} was renewed; it ends on {row.cert_expires[:10]}."
            return self._row(Change.RENEWED, row, text, "")
        return None

    def _row(self, what: Change, row: CheckRow, message: str, step: str) -> ChangeRow:
        return ChangeRow(
            time=f"{self.clock.now():%Y-%m-%dT%H:%M:%SZ}",
            change=what,
            service=row.service,
            ok=what not in (Change.FAILS, Change.REVOKED, Change.OTHER, Change.ENDING),
            code=row.code,
            message=message,
            next=step,
            host=row.host,
            port=row.port,
            user=row.user,
            address=row.address,
            clients=row.clients,
            cert_expires=row.cert_expires,
        )

    @property
    def working(self) -> int:
        return sum(row.ok for row in self._known.values())

    @property
    def all(self) -> int:
        return len(self._known)


def _identity(login: Login) -> object:
    return login.address, login.clients, login.imap, login.smtp


def _change(before: CheckRow | None, row: CheckRow) -> Change | None:
    if before is None:
        return None if row.ok else Change.FAILS
    if row.ok:
        return None if before.ok else Change.WORKS
    if before.ok:
        return Change.REVOKED if row.exit_code == REJECTED else Change.FAILS
    return Change.OTHER if row.code != before.code else None


def watch(
    context: Context,
    attempts: Callable[[], Sequence[Attempt]],
    watcher: Watcher,
    services: Sequence[Service],
    *,
    timeout: float | None = None,
    per_host: int | None = None,
) -> None:
    """Until Ctrl-C: tells what does not work at first, and from then on each change, to the listener.

    `attempts` is asked anew for every round. Raises Cancelled at Ctrl-C, and UsageError as the first round.
    """
    rounds = 0
    try:
        while True:
            started = watcher.clock.now()
            due = watcher.due(attempts())
            rows: list[CheckRow] = []
            try:
                log_in_all(due, rows.append, services=services, timeout=timeout, per_host=per_host)
            finally:  # also what is known of a round that Ctrl-C cuts short
                for row in rows:
                    for change in watcher.take(row) if row.code != Cancelled.code else ():
                        context.report.listener(change)
            watcher.rest(due, rows)
            rounds += 1
            if rounds == 1:
                context.ui.say(
                    f"{counted(watcher.working, watcher.all, 'login')}. From now on only changes are shown, "
                    f"looked for every {watcher.minutes:g} minutes; Ctrl-C ends it."
                )
            spent = (watcher.clock.now() - started).total_seconds()
            watcher.clock.sleep(max(0.0, watcher.minutes * 60 - spent))
    except (KeyboardInterrupt, Cancelled) as stopped:
        often = "in the first round" if not rounds else f"after looking {_often(rounds)}"
        found = f"; {counted(watcher.working, watcher.all, 'login')}" if watcher.all else ""
        rest = stopped.message.removeprefix("Stopped; ") if isinstance(stopped, Cancelled) else ""
        raise Cancelled(f"Stopped {often}{found}{f'; {rest}' if rest else '.'}") from None


def _often(rounds: int) -> str:
    return "once" if rounds == 1 else f"{rounds} times"
