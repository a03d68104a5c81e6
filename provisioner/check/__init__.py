"""Logs in over IMAP and SMTP, the way a mail client would, and explains the result.

The password only travels inside verified TLS. Each user name is tried once, on a connection of its
own, at most two per service and the second only if the first was rejected. A mail is sent only by
roundtrip.py, which is called for nothing else.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping
from dataclasses import replace

from provisioner.accounts import Target
from provisioner.check.conditions import Conditions, Service, make_context
from provisioner.check.diagnosis import compare, exit_code, skipped
from provisioner.check.timing import Timeouts
from provisioner.errors import UsageError
from provisioner.outcome import CheckResult
from provisioner.secret import Secret

__all__ = [
    "Conditions",
    "Service",
    "Target",
    "Timeouts",
    "check_login",
    "check_service",
    "exit_code",
    "make_context",
    "skipped",
]


def check_service(
    service: Service, target: Target, secret: Secret, conditions: Conditions | None = None
) -> CheckResult:
    """Logs in to one server. IMAP opens INBOX read-only and lists the mailboxes; SMTP sends nothing.

    Raises UsageError for a user name or password that cannot be sent, or as `make_context`; nothing else.
    """
    from provisioner.check import attempt  # the network libraries load only when they are needed

    _require_sendable(target, secret)
    return attempt.check(service, target, secret, conditions or Conditions())


def check_login(
    targets: Mapping[Service, Target], secret: Secret, conditions: Conditions | None = None
) -> dict[Service, CheckResult]:
    """Checks the services side by side; the results come in the order of `targets`.

    Ctrl-C ends the wait at once. A password that one server accepts is not blamed for the refusal of the
    other (`auth.username`), nor is a user name with which it does. Raises UsageError as `check_service`.
    """
    for target in targets.values():
        _require_sendable(target, secret)
    names = tuple(target.host for target in targets.values())
    shared = replace(conditions or Conditions(), others=names)
    done: queue.SimpleQueue[tuple[Service, CheckResult | BaseException]] = queue.SimpleQueue()

    def work(service: Service, target: Target) -> None:
        try:
            done.put((service, check_service(service, target, secret, shared)))
        except BaseException as error:  # handed over to the caller's thread
            done.put((service, error))

    for job in targets.items():
        threading.Thread(target=work, args=job, daemon=True, name=f"check-{job[0]}").start()
    results: dict[Service, CheckResult] = {}
    while len(results) < len(targets):
        service, result = done.get()
        if isinstance(result, BaseException):
            raise result
        results[service] = result
    return compare({service: results[service] for service in targets})


_UNSENDABLE = frozenset("\r\n\0")


def _require_sendable(target: Target, secret: Secret) -> None:
    """Line ends and NUL would end a command and begin another."""
    if not target.usernames:
        raise UsageError("There is no user name to log in with.", "Give one with --login.")
    for value, what in ((secret.reveal(), "password"), *((user, "user name") for user in target.usernames)):
        if not value or not _UNSENDABLE.isdisjoint(value) or not _encodable(value):
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
