"""What a login check found, as frozen data; no I/O."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.model import Mailboxes


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
    confidence: str = "certain"
    """`likely` where only words, or the lack of any, lead to the cause."""
    cert_expires: str = ""
    """When the server's verified certificate ends, ISO 8601 in UTC; empty if none was verified."""
    cert_issuer: str = ""
