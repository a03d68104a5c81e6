"""What a login check found, as frozen data; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provisioner.model import Mailboxes


@dataclass(frozen=True, slots=True)
class Quota:
    """Bytes of storage (RFC 9208): of several limits the one that is nearest."""

    used: int
    limit: int

    @property
    def percent(self) -> int:
        return 100 * self.used // self.limit


@dataclass(frozen=True, slots=True)
class Note:
    """Something to know about a login that works: a cause code, its sentence and its next step."""

    code: str
    message: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class Contents:
    """What was seen behind a login: the special-use mailboxes, how many there are, how full they are."""

    mailboxes: Mailboxes | None = None
    count: int = 0
    quota: Quota | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one login attempt at one service showed.

    `code` is one of the stable cause codes of `provisioner.check.diagnosis`; `seconds` is wall time.
    """

    service: str
    host: str
    port: int
    user: str
    ok: bool
    code: str
    message: str
    next: str = ""
    seconds: float = 0.0
    mailboxes: Mailboxes | None = None
    mailbox_count: int = 0
    quota: Quota | None = None
    notes: tuple[Note, ...] = ()
    tried: tuple[str, ...] = ()
    """The user names that were sent, in order."""
    unaccepted: int = 0
    """How often a password was sent that the server has not accepted, for whatever reason."""
    layers: Mapping[str, float] = field(default_factory=dict)
    """Seconds of the last connection in dns, tcp, tls, greeting, login and mailboxes, as far as it came."""
    refused_certificate: str = ""
    """Who showed a certificate that was refused, if no mail server talks there."""
    confidence: str = "certain"
    """`likely` where only words, or the lack of any, lead to the cause."""
    cert_expires: str = ""
    """When the server's verified certificate ends, ISO 8601 in UTC; empty if none was verified."""
    cert_issuer: str = ""
    round_trip: float | None = None
    """Seconds from the start of sending a test mail until it was found; None if it was not."""
    saves_sent: bool | None = None
    """Whether the server itself keeps a copy of what is sent; None: not known."""
