"""Proves a login and turns what happened into rows; shared by setup, check and status."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from provisioner.accounts import Candidate, Target
from provisioner.errors import ProvisionError
from provisioner.model import Account, AppPassword, MailboxNames, Provider
from provisioner.outcome import CheckResult
from provisioner.report import CheckRow, Report
from provisioner.secret import Secret
from provisioner.steps import ours

if TYPE_CHECKING:
    from provisioner.anonymous import Anonymizer
    from provisioner.check import Service
    from provisioner.transcript import Transcript

SERVICES: tuple[Service, ...] = ("imap", "smtp")
_NEW_PASSWORD = (
    "auth.bad_credentials",
    "auth.account_password",
    "auth.password_mangled",
    "auth.app_password_required",
    "auth.expired",
)
"""Causes that end when clients get another password."""


@dataclass(frozen=True)
class Login:
    """What is tried: the servers, and what the provider profile says about password and mailboxes.

    `address` is whose account it is, `clients` the IDs of those that would log in like this.
    """

    address: str
    imap: Target
    smtp: Target
    rule: AppPassword | None = None
    mailboxes: MailboxNames | None = None
    clients: tuple[str, ...] = ()
    provider: Provider | None = None

    def target(self, service: Service) -> Target:
        return self.imap if service == "imap" else self.smtp

    def at_once(self, service: Service) -> int | None:
        """Connections that the provider allows at the same time, where that is known."""
        server = getattr(self.provider, service, None)
        return server.connections if server else None

    def transcript(self, service: Service, secret: Secret) -> Transcript:
        """An empty one, which masks this login."""
        from provisioner.transcript import Transcript

        names = dict.fromkeys(self.imap.usernames + self.smtp.usernames)
        hosts = (self.target(service).host, self.imap.host, self.smtp.host)
        return Transcript(self.address, tuple(names), secret, hosts)

    @classmethod
    def of(cls, candidate: Candidate) -> Login:
        """Every user-name form that the provider profile allows."""
        provider = candidate.provider
        return cls(
            candidate.address,
            candidate.imap,
            candidate.smtp,
            provider.app_password if provider else None,
            provider.mailboxes if provider else None,
            provider=provider,
        )

    @classmethod
    def stored(cls, account: Account, provider: Provider | None, clients: tuple[str, ...] = ()) -> Login:
        """Exactly the servers and user names that a client has."""
        imap, smtp = (
            Target(server.host, server.port, server.security, (server.username,))
            for server in (account.imap, account.smtp)
        )
        rule = provider.app_password if provider else None
        return cls(account.address, imap, smtp, rule, clients=clients, provider=provider)


def prove(
    login: Login,
    secret: Secret,
    report: Report,
    services: Sequence[Service] = SERVICES,
    timeout: float | None = None,
    *,
    verbose: bool = False,
    send_test: bool = False,
) -> dict[Service, CheckResult]:
    """Logs in, IMAP and SMTP side by side, and adds a row for each. `timeout`: seconds for all of it.

    `verbose`: the rows have transcripts. `send_test`: if all logins work, a mail to oneself goes over the
    same connections, with a row of its own.
    """
    from provisioner import check  # the network libraries load only when they are needed

    sessions: dict[Service, Any] = {}
    tapes = {service: login.transcript(service, secret) for service in services} if verbose else {}
    conditions = check.Conditions(
        timeouts=check.Timeouts.of(timeout),
        rule=login.rule,
        mailboxes=login.mailboxes,
        provider=login.provider,
        transcript=(lambda service: tapes[service].note) if verbose else None,
        keep=sessions.__setitem__ if send_test else None,
    )
    targets = {service: login.target(service) for service in services}
    results = check.check_login(targets, secret, conditions)
    try:
        for service, result in results.items():
            report.add(row_of(login, service, result, tapes.get(service)))
        if sessions:
            _send_test(login, secret, report, results, sessions, tapes)
    finally:
        for session in sessions.values():
            session.close()
    return results


def _send_test(
    login: Login,
    secret: Secret,
    report: Report,
    results: Mapping[Service, CheckResult],
    sessions: Mapping[Service, Any],
    tapes: Mapping[Service, Transcript],
) -> None:
    from provisioner.check import roundtrip

    if len(sessions) < len(SERVICES):
        report.next = "No test mail was sent: both logins have to work first."
        return
    before = {service: len(tape.lines) for service, tape in tapes.items()}
    targets = {service: login.target(service) for service in SERVICES}
    result = roundtrip.prove(login.address, sessions["smtp"], sessions["imap"], targets, secret, results)
    talk = [line for service, tape in tapes.items() for line in tape.lines[before[service] :]]
    row = row_of(login, "smtp", result)
    report.add(_with(row, talk, tapes["smtp"].mask) if tapes else row)


def row_of(
    login: Login, service: Service, result: CheckResult | ProvisionError, transcript: Transcript | None = None
) -> CheckRow:
    """What a login showed, or why it could not even be tried. With a `transcript`, masked as that is."""
    from provisioner import check

    if isinstance(result, ProvisionError):
        target = login.target(service)
        return CheckRow(
            service=service,
            ok=False,
            code=result.code,
            message=result.message,
            next=result.hint,
            host=target.host,
            port=target.port,
            user=target.usernames[0] if target.usernames else "",
            seconds=0.0,
            exit_code=result.exit_code,
            address=login.address,
            clients=login.clients,
        )
    row = CheckRow(
        service=result.service,
        ok=result.ok,
        code=result.code,
        message=result.message,
        next=_next(login, result),
        host=result.host,
        port=result.port,
        user=result.user,
        seconds=round(result.seconds, 3),
        mailboxes=result.mailbox_count,
        confidence=result.confidence,
        layers={layer: round(seconds, 3) for layer, seconds in result.layers.items()},
        quota=result.quota,
        notes=result.notes,
        exit_code=check.exit_code(result.code),
        address=login.address,
        clients=login.clients,
        cert_expires=result.cert_expires,
        cert_issuer=result.cert_issuer,
        round_trip=None if result.round_trip is None else round(result.round_trip, 3),
        saves_sent=result.saves_sent,
        unaccepted=result.unaccepted,
    )
    return _with(row, transcript.lines, transcript.mask) if transcript else row


def _next(login: Login, result: CheckResult) -> str:
    """A stored password is of no use any more where it is: a new one goes in by `rotate`."""
    if not login.clients or result.code not in _NEW_PASSWORD:
        return result.next
    into = f"To put a new password into every client that has this one:{ours('rotate', login.address)}"
    return f"{result.next}\n{into}"


def _with(row: CheckRow, transcript: Sequence[str], mask: Anonymizer) -> CheckRow:
    """The row with its transcript, in words that are as fit for a report as that is."""
    # What certificates and name servers say is evidence.
    seen = mask.names if row.code.startswith(("net.", "tls.")) else mask.all
    notes = [
        replace(note, message=mask.names(note.message), next=mask.names(note.next)) for note in row.notes
    ]
    return replace(
        row,
        message=seen(row.message),
        next=mask.names(row.next),
        notes=tuple(notes),
        transcript=tuple(transcript),
    )
