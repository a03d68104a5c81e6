"""Logs in over IMAP and SMTP, the way a mail client would, and explains the result.

The password only travels inside verified TLS. Each user name is tried once, on a connection of its
own, at most two per service and the second only if the first was rejected. No mail is sent.
"""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from provisioner.check import diagnosis
from provisioner.check.timing import Timeouts
from provisioner.errors import UsageError
from provisioner.model import AppPassword, CheckResult, MailboxNames, Security
from provisioner.secret import Secret

__all__ = ["Target", "Timeouts", "check_imap", "check_login", "check_smtp", "exit_code", "make_context"]


@dataclass(frozen=True, slots=True)
class Target:
    """A server to log in to, and the user names it may take, the likeliest first."""

    host: str
    port: int
    security: Security
    usernames: tuple[str, ...]


def make_context() -> ssl.SSLContext:
    """The TLS settings of a check; making them reads the CA bundle, so share them."""
    from provisioner.check import tls

    return tls.make_context()


def check_imap(
    target: Target,
    secret: Secret,
    *,
    hints: AppPassword | None = None,
    names: MailboxNames | None = None,
    timeouts: Timeouts | None = None,
    context: ssl.SSLContext | None = None,
) -> CheckResult:
    """Logs in, opens INBOX read-only and lists the mailboxes.

    `hints`: what the provider's app-specific passwords look like; `names`: what it calls its mailboxes.
    Raises UsageError for a user name or password that cannot be sent; nothing else.
    """
    from provisioner.check import attempt, imap

    _require_sendable(target, secret)
    session = imap.ImapSession
    return attempt.check(
        "imap", session, target, secret, hints, names, timeouts or Timeouts(), context or make_context()
    )


def check_smtp(
    target: Target,
    secret: Secret,
    *,
    hints: AppPassword | None = None,
    timeouts: Timeouts | None = None,
    context: ssl.SSLContext | None = None,
) -> CheckResult:
    """Logs in to the server for sending, and sends nothing. Otherwise as `check_imap`."""
    from provisioner.check import attempt, smtp

    _require_sendable(target, secret)
    session = smtp.SmtpSession
    return attempt.check(
        "smtp", session, target, secret, hints, None, timeouts or Timeouts(), context or make_context()
    )


def check_login(
    imap: Target | None,
    smtp: Target | None,
    secret: Secret,
    *,
    hints: AppPassword | None = None,
    names: MailboxNames | None = None,
    timeout: float | None = None,
    context: ssl.SSLContext | None = None,
    on_result: Callable[[CheckResult], None] | None = None,
) -> tuple[CheckResult, ...]:
    """Checks both services side by side; None leaves one out. The results come IMAP first.

    `timeout`: seconds for each service as a whole. `on_result` is called in the caller's thread with
    each result as soon as it is there. Ctrl-C ends the wait at once.
    """
    timeouts = replace(Timeouts(), total=timeout) if timeout is not None else Timeouts()
    jobs: list[Callable[[], CheckResult]] = []
    for target in (imap, smtp):
        if target:
            _require_sendable(target, secret)
    shared = context or make_context()
    if imap:
        jobs.append(
            lambda: check_imap(imap, secret, hints=hints, names=names, timeouts=timeouts, context=shared)
        )
    if smtp:
        jobs.append(lambda: check_smtp(smtp, secret, hints=hints, timeouts=timeouts, context=shared))
    done: queue.SimpleQueue[tuple[int, CheckResult | BaseException]] = queue.SimpleQueue()

    def work(index: int, job: Callable[[], CheckResult]) -> None:
        try:
            done.put((index, job()))
        except BaseException as error:  # handed over to the caller's thread
            done.put((index, error))

    for index, job in enumerate(jobs):
        threading.Thread(target=work, args=(index, job), daemon=True, name=f"check-{index}").start()
    results: dict[int, CheckResult] = {}
    while len(results) < len(jobs):
        index, result = done.get()
        if isinstance(result, BaseException):
            raise result
        results[index] = result
        if on_result:
            on_result(result)
    return tuple(results[index] for index in sorted(results))


def exit_code(results: tuple[CheckResult, ...]) -> int:
    """The process's exit code: 0 if all is well, else 3 rejected, 4 unreachable, 1 other."""
    return diagnosis.exit_code(result.code for result in results)


def _require_sendable(target: Target, secret: Secret) -> None:
    """Line ends and NUL would end a command and begin another."""
    if not target.usernames:
        raise UsageError("There is no user name to log in with.", "Give one with --login.")
    for value, what in ((secret.reveal(), "password"), *((user, "user name") for user in target.usernames)):
        if not value or any(char in value for char in "\r\n\0") or not _encodable(value):
            raise UsageError(
                f"The {what} is empty or holds characters that cannot be sent.",
                "Type or copy it again.",
                code="usage.unsendable",
            )


def _encodable(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
