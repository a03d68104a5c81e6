"""Logs in over IMAP and SMTP, the way a mail client would, and explains the result.

The password only travels inside verified TLS. Each user name is tried once, on a connection of its
own, at most two per service and the second only if the first was rejected. A mail is sent only by
roundtrip.py, which is called for nothing else.
"""

from __future__ import annotations

import queue
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from provisioner.accounts import Target
from provisioner.check.diagnosis import compare, exit_code
from provisioner.check.timing import Timeouts
from provisioner.errors import UsageError
from provisioner.model import AppPassword, MailboxNames, Provider
from provisioner.outcome import CheckResult
from provisioner.secret import Secret

if TYPE_CHECKING:
    from provisioner.check.attempt import Session
    from provisioner.check.reach import Addresses
    from provisioner.check.wire import Transcript

__all__ = [
    "Service",
    "Target",
    "Timeouts",
    "check_imap",
    "check_login",
    "check_smtp",
    "exit_code",
    "make_context",
]


Service = Literal["imap", "smtp"]


def make_context() -> ssl.SSLContext:
    """The TLS settings of a check; making them reads the CA bundle, so share them.

    Raises UsageError (`tls.ca_file`) when SSL_CERT_FILE or SSL_CERT_DIR leads to no certificate.
    """
    from provisioner.check import tls

    return tls.make_context()


def check_imap(
    target: Target,
    secret: Secret,
    *,
    rule: AppPassword | None = None,
    mailboxes: MailboxNames | None = None,
    provider: Provider | None = None,
    timeouts: Timeouts | None = None,
    context: ssl.SSLContext | None = None,
    transcript: Transcript | None = None,
    others: Sequence[str] = (),
    addresses: Addresses | None = None,
    listing: bool = True,
    keep: Callable[[Session], None] | None = None,
) -> CheckResult:
    """Logs in, opens INBOX read-only and lists the mailboxes.

    `rule`: what the provider's app-specific passwords look like; `mailboxes`: what it calls its own.
    `provider`: whose servers these are, for what they mean by what they say. `others`: names of
    servers besides its own, looked up to tell why this one's is not found. `addresses`: look-ups that
    several checks share. `listing`: whether mailboxes and quota are wanted.
    Raises UsageError for a user name or password that cannot be sent, or as `make_context`; nothing else.
    """
    from provisioner.check import attempt, imap

    _require_sendable(target, secret)
    limits = timeouts or Timeouts()
    return attempt.check(
        "imap",
        imap.ImapSession,
        target,
        secret,
        rule,
        mailboxes,
        limits,
        context or make_context(),
        transcript,
        provider,
        others,
        addresses,
        listing,
        keep=keep,
    )


def check_smtp(
    target: Target,
    secret: Secret,
    *,
    rule: AppPassword | None = None,
    provider: Provider | None = None,
    timeouts: Timeouts | None = None,
    context: ssl.SSLContext | None = None,
    transcript: Transcript | None = None,
    others: Sequence[str] = (),
    addresses: Addresses | None = None,
    keep: Callable[[Session], None] | None = None,
) -> CheckResult:
    """Logs in to the server for sending, and sends nothing. Otherwise as `check_imap`."""
    from provisioner.check import attempt, smtp

    _require_sendable(target, secret)
    limits = timeouts or Timeouts()
    return attempt.check(
        "smtp",
        smtp.SmtpSession,
        target,
        secret,
        rule,
        None,
        limits,
        context or make_context(),
        transcript,
        provider,
        others,
        addresses,
        keep=keep,
    )


def check_login(
    targets: Mapping[Service, Target],
    secret: Secret,
    *,
    rule: AppPassword | None = None,
    mailboxes: MailboxNames | None = None,
    provider: Provider | None = None,
    timeout: float | None = None,
    context: ssl.SSLContext | None = None,
    transcript: Callable[[Service], Transcript] | None = None,
    keep: Callable[[Service, Session], None] | None = None,
) -> dict[Service, CheckResult]:
    """Checks the services side by side; the results come in the order of `targets`.

    `timeout`: seconds for each service as a whole. Ctrl-C ends the wait at once. A password that one
    server accepts is not blamed for the refusal of the other (`auth.username`). `provider` is whose servers
    these are. `transcript` gives, for
    each service, who is told what goes over its connections, the password included. `keep` is given the
    session of each login that works, from the thread that made it, and then has to close it.
    Raises UsageError as `check_imap`.
    """
    timeouts = replace(Timeouts(), total=timeout) if timeout is not None else Timeouts()
    for target in targets.values():
        _require_sendable(target, secret)
    shared = context or make_context()
    names = tuple(target.host for target in targets.values())
    done: queue.SimpleQueue[tuple[Service, CheckResult | BaseException]] = queue.SimpleQueue()

    def work(service: Service, target: Target) -> None:
        told = transcript(service) if transcript else None
        kept = (lambda session: keep(service, session)) if keep else None
        try:
            if service == "imap":
                result = check_imap(
                    target,
                    secret,
                    rule=rule,
                    mailboxes=mailboxes,
                    provider=provider,
                    timeouts=timeouts,
                    context=shared,
                    transcript=told,
                    others=names,
                    keep=kept,
                )
            else:
                result = check_smtp(
                    target,
                    secret,
                    rule=rule,
                    provider=provider,
                    timeouts=timeouts,
                    context=shared,
                    transcript=told,
                    others=names,
                    keep=kept,
                )
            done.put((service, result))
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
