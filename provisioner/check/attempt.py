"""One service's check from the connection to the result."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Protocol

from provisioner.accounts import Target
from provisioner.check import diagnosis, evidence, reach, rules, second, shown, tls
from provisioner.check.conditions import Conditions, Service
from provisioner.check.diagnosis import Fault
from provisioner.check.timing import Timeouts, timed
from provisioner.check.tries import MAX_SENDS
from provisioner.check.wire import Wire
from provisioner.model import MailboxNames, Security
from provisioner.outcome import CheckResult, Contents, Note, Quota
from provisioner.secret import Secret

NEARLY_FULL = 90
"""Per cent of the quota."""
USERNAME_MAY_BE_WRONG = ("auth.bad_credentials", "auth.access_off")
SILENCE, LOOK = 3, 1.5
"""Seconds without a greeting after which a look is taken whether the port speaks TLS, and for that look.
Together less than what counts as slow, so that the look itself does not make a greeting late."""


class Session(Protocol):
    """What a protocol must offer. Every method raises Fault.

    `login` lets the password out at most `sends` times, for one method after the other; `sent` counts.
    `only_listed`: and only by a method that the server lists.
    """

    sent: int

    def __init__(self, wire: Wire, timeouts: Timeouts) -> None: ...
    def greet(self) -> None: ...
    def starttls(self) -> None: ...
    def login(
        self, user: str, secret: Secret, sends: int = MAX_SENDS, *, only_listed: bool = False
    ) -> None: ...
    def mailboxes(
        self, names: MailboxNames | None, *, send_id: bool = False, listing: bool = True
    ) -> Contents: ...
    def close(self) -> None: ...


class _Attempt:
    """Connections to one target, all within one deadline."""

    def __init__(self, service: Service, target: Target, conditions: Conditions) -> None:
        self.protocol = service.upper()
        self.session = _sessions(service)
        self.target = target
        self.timeouts = conditions.timeouts
        self.context = conditions.context
        self.deadline = time.monotonic() + self.timeouts.total
        self.slowest_greeting = 0.0
        self.timings: dict[str, float] = {}
        self.transcript = conditions.transcript(service) if conditions.transcript else None
        self.addresses = conditions.addresses
        self.certificate = tls.Verified()
        self.tried: list[str] = []
        self.sends = conditions.tries.left(service, target) if conditions.tries else MAX_SENDS
        """How often the password may still go out."""
        self.unaccepted = 0
        provider = conditions.provider
        server = provider and (provider.imap if service == "imap" else provider.smtp)
        self.only_listed = bool(server and server.plain_means_passwords)

    def connect(self, timings: dict[str, float] | None = None) -> Wire:
        return reach.connect(
            self.target.host,
            self.target.port,
            seconds=self.timeouts.connect,
            deadline=self.deadline,
            transcript=self.transcript,
            timings=timings,
            addresses=self.addresses,
        )

    def up_to_tls(self, timings: dict[str, float] | None = None) -> Wire:
        """A connection on which the TLS handshake comes next."""
        line = self.connect(timings)
        if self.target.security is Security.STARTTLS:
            try:
                session = self.session(line, self.timeouts)
                with timed(line.timings, "greeting"):
                    self.greet(session, line)
                    session.starttls()
            except BaseException:
                line.close()
                raise
        return line

    def greet(self, session: Session, clear: Wire | None = None) -> None:
        """`clear`: the connection, if it is not encrypted yet."""
        started = time.monotonic()
        patience = min(SILENCE, self.timeouts.greeting)
        if clear and not clear.arrives(patience):
            self.require_no_tls(LOOK)
        try:
            session.greet()
        except Fault as fault:
            if clear and fault.code in ("greet.timeout", "greet.dropped"):
                self.require_no_tls(patience)
            raise
        self.slowest_greeting = max(self.slowest_greeting, time.monotonic() - started)

    def require_no_tls(self, seconds: float) -> None:
        """Raises Fault if a second connection shows that the port waits in silence for a TLS hello."""
        if shown.speaks_tls(self.connect, self.target.host, seconds):
            raise Fault("tls.tls_on_plain_port") from None

    def open(self) -> Session:
        """A session inside verified TLS, ready for the login."""
        self.timings = {}
        line = self.up_to_tls(self.timings)
        try:
            line.enter("tls", self.timeouts.greeting)
            security = self.target.security
            with timed(self.timings, "tls"):
                self.certificate = tls.secure(
                    line, self.context, self.target.host, security, self.protocol, self.up_to_tls
                )
            # A new session: what was said in clear proves nothing (RFC 3207, 4.2; RFC 9051, 6.2.1).
            session = self.session(line, self.timeouts)
            if security is Security.TLS:
                with timed(self.timings, "greeting"):
                    self.greet(session)
        except BaseException:
            line.close()
            raise
        return session

    def log_in(self, session: Session, user: str, secret: Secret) -> None:
        self.tried.append(user)
        try:
            with timed(self.timings, "login"):
                session.login(user, secret, self.sends, only_listed=self.only_listed)
            self.unaccepted = 0
        except Fault:
            self.unaccepted += session.sent
            raise
        finally:
            self.sends -= session.sent


def _sessions(service: Service) -> type[Session]:
    """Who speaks the service's protocol. Only its own library is loaded."""
    if service == "imap":
        from provisioner.check.imap import ImapSession

        return ImapSession
    from provisioner.check.smtp import SmtpSession

    return SmtpSession


def check(service: Service, target: Target, secret: Secret, conditions: Conditions) -> CheckResult:
    """The result of trying each user name once, the second only if the first was rejected."""
    started = time.monotonic()
    attempt = _Attempt(service, target, conditions)
    provider, listing = conditions.provider, conditions.listing
    contents = Contents()
    known = [server.host for server in (provider.imap, provider.smtp) if server] if provider else []
    send_id = bool(provider and provider.imap and provider.imap.send_id)
    usernames = list(dict.fromkeys(target.usernames))[:MAX_SENDS]
    user = usernames[0]
    fault: Fault | None = None if attempt.sends else Fault("auth.not_tried")
    hint = ""
    for user in usernames:
        if not attempt.sends:
            break
        try:
            talk = attempt.open()
            kept = False
            try:
                attempt.log_in(talk, user, secret)
                with timed(attempt.timings, "mailboxes"):
                    contents = talk.mailboxes(conditions.mailboxes, send_id=send_id, listing=listing)
                if conditions.keep:
                    conditions.keep(service, talk)
                    kept = True
            finally:
                if not kept:
                    talk.close()
        except Fault as error:
            fault = evidence.at_provider(error, rules.of_provider(provider))
            if fault.code not in USERNAME_MAY_BE_WRONG:
                break
        else:
            fault = None
            break
    if fault is None:
        slow = attempt.slowest_greeting > conditions.timeouts.slow
        fault = Fault("greet.slow" if slow else "ok", seconds=f"{attempt.slowest_greeting:.0f}")
    else:
        if conditions.tries:  # a server may count what it cannot judge
            conditions.tries.refuse(service, target, attempt.tried, attempt.unaccepted)
        if fault.code in USERNAME_MAY_BE_WRONG:
            user = usernames[0]
            hint = _untried(service, usernames[len(attempt.tried) :])
        evidence.refine(fault, secret, conditions.rule)
        fault = second.look(fault, target.host, [*conditions.others, *known], attempt.deadline)
    ok = diagnosis.exit_code(fault.code) == 0
    secrets = [] if ok else list(secret.forms(*usernames))
    message, next_step = diagnosis.explain(
        fault.code,
        fault.facts | {"user": user, "service": service},
        host=target.host,
        port=target.port,
        secrets=secrets,
        step=fault.next,
    )
    return CheckResult(
        service=service,
        host=target.host,
        port=target.port,
        user=user,
        ok=ok,
        code=fault.code,
        message=message,
        next=next_step + hint,
        seconds=time.monotonic() - started,
        mailboxes=contents.mailboxes,
        mailbox_count=contents.count,
        quota=contents.quota,
        notes=tuple(_notes(service, target, attempt.tried, contents.quota)) if ok else (),
        tried=tuple(attempt.tried),
        unaccepted=attempt.unaccepted,
        layers=attempt.timings,
        refused_certificate=second.refused_certificate(fault),
        confidence=fault.confidence,
        cert_expires=attempt.certificate.expires,
        cert_issuer=attempt.certificate.issuer,
    )


def _untried(service: Service, users: list[str]) -> str:
    """A sentence about user names for which no try was left."""
    if not users:
        return ""
    option = diagnosis.login_option(service, users[0])
    return f" The user name {users[0]} was not tried, as a password was sent twice: try it with {option}."


def _notes(service: str, target: Target, tried: list[str], quota: Quota | None) -> Iterator[Note]:
    """What is worth knowing about a login that works."""
    *refused, user = tried
    if refused and (code := diagnosis.form_wanted(refused[0], user)):
        facts = {"user": refused[0], "other": user, "option": diagnosis.login_option(service, user)}
        yield _note(code, facts, target)
    if quota and quota.percent >= NEARLY_FULL:
        sizes = {"used": diagnosis.size(quota.used), "limit": diagnosis.size(quota.limit)}
        yield _note("box.nearly_full", sizes | {"percent": f"{quota.percent}"}, target)


def _note(code: str, facts: dict[str, str], target: Target) -> Note:
    message, step = diagnosis.explain(code, facts, host=target.host, port=target.port)
    return Note(code, message, step)
