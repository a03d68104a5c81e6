"""Many logins at once: side by side over servers, polite to each server, one at a time per account."""

from __future__ import annotations

import dataclasses
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TYPE_CHECKING

from provisioner.errors import Cancelled, ProvisionError
from provisioner.outcome import CheckResult
from provisioner.report import CheckRow
from provisioner.secret import Secret
from provisioner.transcript import Transcript
from provisioner.workflows.login import SERVICES, Login, row_of

if TYPE_CHECKING:
    from provisioner.check import Conditions, Service

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
class _Job:
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


@dataclass
class _Line:
    """Who waits for one server."""

    limit: int
    limited: CheckResult | None = None
    waiting: deque[tuple[_Job, Service]] = field(default_factory=deque)
    running: int = 0


def _keys(job: _Job, service: Service) -> set[object]:
    """What may only log in once at a time: an address, and a place under whatever address."""
    return {(service, job.attempt.login.address.lower()), _place(job, service)}


def _place(job: _Job, service: Service) -> object:
    target = job.attempt.login.target(service)
    users = tuple(user.lower() for user in target.usernames)
    return service, target.host.lower(), target.port, target.security, users


class _Verdicts:
    """What places said that are wanted more than once: the same password is not sent there again."""

    def __init__(self, jobs: Sequence[_Job], services: Sequence[Service]) -> None:
        wanted = Counter(_place(job, service) for job in jobs for service in services)
        self._known: dict[object, list[tuple[Secret, CheckResult]]] = {
            place: [] for place, number in wanted.items() if number > 1
        }

    def of(self, place: object, secret: Secret) -> CheckResult | None:
        return next((result for known, result in self._known.get(place, ()) if known == secret), None)

    def keep(self, place: object, secret: Secret, result: CheckResult) -> None:
        if place in self._known:
            self._known[place].append((secret, result))


class _Scheduler:
    """Hands out logins to threads: as many per server as it likes, never two of one account and service."""

    def __init__(self, jobs: Sequence[_Job], services: Sequence[Service], per_host: int | None) -> None:
        self._changed = threading.Condition()
        self._lines: dict[str, _Line] = {}
        self._busy: set[object] = set()
        for job in jobs:
            for service in services:
                host = job.attempt.login.target(service).host
                limit = per_host or job.attempt.login.at_once(service) or PER_HOST
                line = self._lines.setdefault(host, _Line(limit))
                line.limit = min(line.limit, limit)
                line.waiting.append((job, service))
        wanted = sum(min(line.limit, len(line.waiting)) for line in self._lines.values())
        self.threads = min(AT_ONCE, wanted)

    def take(self) -> tuple[_Job, Service] | None:
        """The next login, once there is one that may begin; None if there are no more."""
        with self._changed:
            while self._lines:
                if found := self._next():
                    return found
                self._changed.wait()
            return None

    def _next(self) -> tuple[_Job, Service] | None:
        for host, line in self._lines.items():
            if line.running >= line.limit:
                continue
            for place, (job, service) in enumerate(line.waiting):
                if not (keys := _keys(job, service)) & self._busy:
                    del line.waiting[place]
                    line.running += 1
                    self._busy |= keys
                    self._lines[host] = self._lines.pop(host)  # the other servers come first now
                    return job, service
        return None

    def limited(self, job: _Job, service: Service) -> CheckResult | None:
        """By what the server has asked for no more logins."""
        with self._changed:
            line = self._lines.get(job.attempt.login.target(service).host)
            return line.limited if line else None

    def done(self, job: _Job, service: Service, result: CheckResult | ProvisionError) -> None:
        """A server that says that it is too much gets half as many from then on, or none."""
        with self._changed:
            host = job.attempt.login.target(service).host
            line = self._lines.get(host)
            if line:
                line.running -= 1
                line.limit = max(1, line.limit // 2) if result.code in BUSY else line.limit
                if isinstance(result, CheckResult) and result.code == LIMITED:
                    line.limited = result
                if not line.waiting and not line.running:
                    del self._lines[host]
            self._busy -= _keys(job, service)
            self._changed.notify_all()

    def stop(self) -> None:
        """Nothing new begins."""
        with self._changed:
            self._lines.clear()
            self._changed.notify_all()


def log_in_all(
    attempts: Sequence[Attempt],
    add: Callable[[CheckRow], None],
    *,
    services: Sequence[Service] = SERVICES,
    timeout: float | None = None,
    per_host: int | None = None,
    done: Callable[[], None] = lambda: None,
    verbose: bool = False,
) -> None:
    """Adds the rows of each attempt, in the order of `attempts`, as soon as those before it are known, too.

    `timeout`: seconds for one service of one account. `done` is called after each attempt. `verbose`: with
    transcripts. On Ctrl-C come the rows of all that is known, then Cancelled, which says how many were not
    tried to the end. Raises UsageError (`tls.ca_file`).
    """
    from provisioner import check  # the network libraries load only when they are needed
    from provisioner.check.reach import Addresses

    if not attempts:
        return
    jobs = [
        _Job(number, attempt, len(services), {} if verbose else None)
        for number, attempt in enumerate(attempts)
    ]
    scheduler, verdicts = _Scheduler(jobs, services, per_host), _Verdicts(jobs, services)
    finished: SimpleQueue[_Job | BaseException] = SimpleQueue()
    # Without a listing it is one round trip less, and only logins are asked about.
    conditions = check.Conditions(timeouts=check.Timeouts.of(timeout), addresses=Addresses(), listing=False)

    def work() -> None:
        result: CheckResult | ProvisionError
        while task := scheduler.take():
            job, service = task
            try:
                if limited := scheduler.limited(job, service):
                    result = check.skipped(service, job.attempt.login.target(service), limited)
                else:
                    result = _log_in(job, service, conditions, verdicts)
            except BaseException as error:  # handed over to the caller's thread
                finished.put(error)
                scheduler.stop()
                return
            scheduler.done(job, service, result)
            with job.lock:
                job.results[service] = result
                job.left -= 1
                last = job.left == 0
                if last:
                    job.secret = None
            if last:
                finished.put(job)

    waiting = dict(enumerate(jobs))
    ready: set[int] = set()
    try:
        for _ in range(scheduler.threads):
            threading.Thread(target=work, daemon=True, name="login").start()
        for _ in jobs:
            job = finished.get()
            if isinstance(job, BaseException):
                raise job
            done()
            ready.add(job.number)
            while waiting and next(iter(waiting)) in ready:
                number = next(iter(waiting))
                for row in _rows(waiting[number], services):
                    add(row)
                del waiting[number]
    except KeyboardInterrupt:
        scheduler.stop()
        left = sum(job.left > 0 for job in jobs)
        for job in waiting.values():
            for row in _rows(job, services, stopped=True):
                add(row)
        accounts, were = "account" if len(jobs) == 1 else "accounts", "was" if left == 1 else "were"
        raise Cancelled(f"Stopped; {left} of {len(jobs)} {accounts} {were} not tried to the end.") from None
    finally:
        scheduler.stop()


def _log_in(
    job: _Job, service: Service, conditions: Conditions, verdicts: _Verdicts
) -> CheckResult | ProvisionError:
    from provisioner import check

    login, secret, place = job.attempt.login, job.password(), _place(job, service)
    if isinstance(secret, ProvisionError):
        return secret
    if known := verdicts.of(place, secret):
        return known
    own = dataclasses.replace(conditions, rule=login.rule, provider=login.provider)
    if job.tapes is not None:
        tape = job.tapes[service] = login.transcript(service, secret)
        own = dataclasses.replace(own, transcript=lambda _: tape.note)
    try:
        result = check.check_service(service, login.target(service), secret, own)
    except ProvisionError as error:
        return error
    verdicts.keep(place, secret, result)
    return result


def _unfinished() -> Cancelled:
    return Cancelled("Stopped before this login had ended.", "Run it again.")


def _rows(job: _Job, services: Sequence[Service], *, stopped: bool = False) -> list[CheckRow]:
    """What is known of an account. Of one that was `stopped` half way, also which service is not."""
    from provisioner.check.diagnosis import compare

    with job.lock:
        known = dict(job.results)
    if known and stopped:
        known = {service: known.get(service, _unfinished()) for service in services}
    judged = compare({name: one for name, one in known.items() if isinstance(one, CheckResult)})
    login, tapes = job.attempt.login, job.tapes or {}
    return [
        row_of(login, service, judged.get(service, known[service]), tapes.get(service))
        for service in services
        if service in known
    ]
