"""How long the check waits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Dovecot was seen to hold back its answer to repeated wrong logins for 17 s."""

    connect: float = 10
    """The name look-up, and again all addresses together."""
    greeting: float = 15
    """TLS, the greeting, and each answer before the login."""
    reply: float = 30
    """The answer to the login, and the mailboxes."""
    total: float = 60
    """One service, every connection and user name included."""
    slow: float = 5
    """A greeting later than this is worth a remark."""
