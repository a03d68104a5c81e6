"""Whose turn it is: side by side over servers, polite to each server, one at a time per account."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provisioner.accounts import Target
from provisioner.errors import ProvisionError
from provisioner.outcome import CheckResult
from provisioner.secret import Secret
from provisioner.workflows.login import Login

if TYPE_CHECKING:
    from provisioner.check import Service
    from provisioner.transcript import Transcript

AT_ONCE = 32
"""Logins at the same time, whatever the servers."""
PER_HOST = 4
"""Connections to one server at the same time, unless its profile or the user says otherwise."""

BUSY = ("greet.bye", "greet.busy")
"""Causes by which a server says, before a password is sent, that it gets too much."""
LIMITED = "auth.limit"
"""The cause by which it says so of passwords."""


@dataclass(frozen=True)
class Attempt:
    """A login that is wanted. `secret` is called just before it, in another thread, and may raise
    ProvisionError, which becomes the row."""

    login: Login
    secret: Callable[[], Secret] = field(repr=False)

    @classmethod
    def having(cls, login: Login, secret: Secret) -> Attempt:
        """With a password that is known already."""
        return cls(login, lambda: secret)


@dataclass
class Job:
    """An attempt on its way: the password while it is needed, and what is known of it."""

    number: int
    attempt: Attempt
    left: int
    tapes: dict[Service, Transcript] | None
    secret: Secret | ProvisionError | None = field(default=None, repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock)
    results: dict[Service, CheckResult | ProvisionError] = field(default_factory=dict)

    def password(self) -> Secret | ProvisionError:
        """Asked for once, by whichever service comes first."""
        with self.lock:
            if self.secret is None:
                try:
                    self.secret = self.attempt.secret()
                except ProvisionError as error:
                    self.secret = error
            return self.secret

    def take(self, service: Service, result: CheckResult | ProvisionError) -> bool:
        """Whether it was the last one of the account."""
        with self.lock:
            self.results[service] = result
            self.left -= 1
            if self.left == 0:
                self.secret = None
            return self.left == 0


@dataclass(frozen=True, eq=False, slots=True)
class Task:
    """One login of a job. `place`: where, and as whom; `keys`: what may only log in once at a time:
    an address, and each form of the user name under whatever address."""

    job: Job
    service: Service
    place: object
    keys: frozenset[object]

    @classmethod
    def of(cls, job: Job, service: Service) -> Task:
        login = job.attempt.login
        target = login.target(service)
        users = tuple(user.lower() for user in target.usernames)
        place = (service, target.host.lower(), target.port, target.security, users)
        logins = ((service, target.host.lower(), user) for user in users)
        return cls(job, service, place, frozenset(((service, login.address.lower()), *logins)))

    @property
    def target(self) -> Target:
        return self.job.attempt.login.target(self.service)


@dataclass
class _Line:
    """Who waits for one server."""

    limit: int
    limited: CheckResult | None = None
    """By what the server has asked for no more logins."""
    waiting: deque[Task] = field(default_factory=deque)
    running: int = 0


class Verdicts:
    """What places said that are wanted more than once: the same password is not sent there again."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        wanted = Counter(task.place for task in tasks)
        self._known: dict[object, list[tuple[Secret, CheckResult]]] = {
            place: [] for place, number in wanted.items() if number > 1
        }

    def of(self, task: Task, secret: Secret) -> CheckResult | None:
        return next((result for known, result in self._known.get(task.place, ()) if known == secret), None)

    def keep(self, task: Task, secret: Secret, result: CheckResult) -> None:
        if task.place in self._known:
            self._known[task.place].append((secret, result))


class Scheduler:
    """Hands out logins to threads: as many per server as it likes, never two of one account and service."""

    def __init__(self, tasks: Iterable[Task], per_host: int | None) -> None:
        self._changed = threading.Condition()
        self._idle = 0
        self._lines: dict[str, _Line] = {}
        self._busy: set[object] = set()
        for task in tasks:
            limit = per_host or task.job.attempt.login.at_once(task.service) or PER_HOST
            line = self._lines.setdefault(task.target.host, _Line(limit))
            line.limit = min(line.limit, limit)
            line.waiting.append(task)
        wanted = sum(min(line.limit, len(line.waiting)) for line in self._lines.values())
        self.threads = min(AT_ONCE, wanted)

    def take(
        self, ended: Task | None = None, result: CheckResult | ProvisionError | None = None
    ) -> tuple[Task, CheckResult | None] | None:
        """The next login, once there is one that may begin, and by what its server wants no more of them.

        None if there are no more. `ended` gave `result`: a server that says that it is too much gets half as
        many from then on, or none.
        """
        with self._changed:
            if ended and result:
                self._end(ended, result)
            while self._lines:
                if found := self._next():
                    return found
                self._idle += 1
                self._changed.wait()
                self._idle -= 1
            return None

    def _next(self) -> tuple[Task, CheckResult | None] | None:
        for host, line in self._lines.items():
            if line.running >= line.limit:
                continue
            for place, task in enumerate(line.waiting):
                if self._busy.isdisjoint(task.keys):
                    del line.waiting[place]
                    line.running += 1
                    self._busy |= task.keys
                    self._lines[host] = self._lines.pop(host)  # the other servers come first now
                    return task, line.limited
        return None

    def _end(self, task: Task, result: CheckResult | ProvisionError) -> None:
        host = task.target.host
        if line := self._lines.get(host):
            line.running -= 1
            line.limit = max(1, line.limit // 2) if result.code in BUSY else line.limit
            if isinstance(result, CheckResult) and result.code == LIMITED:
                line.limited = result
            if not line.waiting and not line.running:
                del self._lines[host]
        self._busy -= task.keys
        if self._idle:
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing new begins."""
        with self._changed:
            self._lines.clear()
            self._changed.notify_all()
