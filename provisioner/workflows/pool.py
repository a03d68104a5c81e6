"""Many logins at once, by threads that take turns (turns.py)."""

from __future__ import annotations

import dataclasses
import itertools
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from provisioner.errors import Cancelled, ProvisionError
from provisioner.outcome import CheckResult
from provisioner.report import CheckRow
from provisioner.workflows.login import SERVICES, row_of
from provisioner.workflows.turns import Attempt, Job, Scheduler, Task, Verdicts

if TYPE_CHECKING:
    from provisioner.check import Conditions, Service

PAUSE = 0.1
"""Seconds between two looks at what is known by now."""


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
    from provisioner.check.tries import Tries

    if not attempts:
        return
    jobs = [
        Job(number, attempt, len(services), {} if verbose else None)
        for number, attempt in enumerate(attempts)
    ]
    tasks = [Task.of(job, service) for job in jobs for service in services]
    scheduler, verdicts = Scheduler(tasks, per_host), Verdicts(tasks)
    # Without a listing it is one round trip less, and only logins are asked about.
    conditions = check.Conditions(
        timeouts=check.Timeouts.of(timeout), addresses=Addresses(), tries=Tries(), listing=False
    )
    finished: deque[Job] = deque()
    broken: list[BaseException] = []
    over = threading.Event()
    count = itertools.count(1)

    def work() -> None:
        result: CheckResult | ProvisionError
        task: Task | None = None
        try:
            taken = scheduler.take()
            while taken:
                task, limited = taken
                if limited:
                    result = check.skipped(task.service, task.target, limited)
                else:
                    result = _log_in(task, conditions, verdicts)
                if task.job.take(task.service, result):
                    finished.append(task.job)
                    if next(count) == len(jobs):
                        over.set()
                taken = scheduler.take(task, result)
        except BaseException as error:  # handed over to the caller's thread
            broken.append(error)
            scheduler.stop()
            over.set()

    waiting = dict(enumerate(jobs))
    ready: set[int] = set()
    try:
        for _ in range(scheduler.threads):
            threading.Thread(target=work, daemon=True, name="login").start()
        while waiting:
            # To wake this thread for each job would take the others' turns: a third of the time for many.
            over.wait(PAUSE)
            if broken:
                raise broken[0]
            while finished:
                ready.add(finished.popleft().number)
                done()
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


def _log_in(task: Task, conditions: Conditions, verdicts: Verdicts) -> CheckResult | ProvisionError:
    from provisioner import check

    job, login, secret = task.job, task.job.attempt.login, task.job.password()
    if isinstance(secret, ProvisionError):
        return secret
    if known := verdicts.of(task, secret):
        return known
    own = dataclasses.replace(conditions, rule=login.rule, provider=login.provider)
    if job.tapes is not None:
        tape = job.tapes[task.service] = login.transcript(task.service, secret)
        own = dataclasses.replace(own, transcript=lambda _: tape.note)
    try:
        result = check.check_service(task.service, task.target, secret, own)
    except ProvisionError as error:
        return error
    verdicts.keep(task, secret, result)
    return result


def _unfinished() -> Cancelled:
    return Cancelled("Stopped before this login had ended.", "Run it again.")


def _rows(job: Job, services: Sequence[Service], *, stopped: bool = False) -> list[CheckRow]:
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
