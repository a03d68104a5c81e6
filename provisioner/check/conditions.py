"""Under which conditions logins are tried: what all services and accounts of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from provisioner.check.timing import Timeouts
from provisioner.check.tries import Tries
from provisioner.model import AppPassword, MailboxNames, Provider

if TYPE_CHECKING:
    import ssl

    from provisioner.check.attempt import Session
    from provisioner.check.reach import Addresses
    from provisioner.check.wire import Transcript

Service = Literal["imap", "smtp"]


def make_context() -> ssl.SSLContext:
    """The TLS settings of a check; making them reads the CA bundle, so share them.

    Raises UsageError (`tls.ca_file`) when SSL_CERT_FILE or SSL_CERT_DIR leads to no certificate.
    """
    from provisioner.check import tls  # the network libraries load only when they are needed

    return tls.make_context()


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How logins are tried. Making them without a `context` raises UsageError, as `make_context`."""

    context: ssl.SSLContext = field(default_factory=make_context)
    timeouts: Timeouts = field(default_factory=Timeouts)
    rule: AppPassword | None = None
    """What the provider's app-specific passwords look like."""
    mailboxes: MailboxNames | None = None
    """What the provider calls its mailboxes."""
    provider: Provider | None = None
    """Whose servers these are, for what they mean by what they say."""
    transcript: Callable[[Service], Transcript] | None = None
    """Gives, for each service, who is told what goes over its connections, the password included."""
    others: tuple[str, ...] = ()
    """Names of servers, looked up to tell why another one's is not found."""
    addresses: Addresses | None = None
    """Look-ups that several checks share."""
    tries: Tries | None = None
    """What is left for each account, if there are several logins."""
    listing: bool = True
    """Whether mailboxes and quota are wanted, beside the proof that the inbox opens."""
    keep: Callable[[Service, Session], None] | None = None
    """Is given the session of each login that works, from the thread that made it, and has to close it."""
