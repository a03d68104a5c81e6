"""TLS in clients that know less of it than they should: which certificates to trust, and no STARTTLS."""

from __future__ import annotations

from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Security, Server

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""The system's trusted certificates: Debian, Arch and Alpine; Fedora; openSUSE; macOS and the BSDs
(the lists in Go's crypto/x509, root_linux.go and root_bsd.go)."""


def bundle(host: Host, title: str) -> str:
    """The file of trusted certificates, for a client that verifies nothing unless it is named one.

    Raises UsageError (`tls.no_bundle`) that names `title`, the client.
    """
    for path in BUNDLES:
        if host.read(host.system(path)) is not None:
            return path
    raise UsageError(
        f"{title} must be told which certificates to trust, and this computer has no file of them.",
        "Install your system's package `ca-certificates`, then run the command again.",
        code="tls.no_bundle",
    )


def require_from_the_start(server: Server, title: str, reason: str) -> None:
    """Raises UsageError (`tls.no_starttls`) for STARTTLS; `reason` says what the client would do with it."""
    if server.security is not Security.TLS:
        raise UsageError(
            f"{title} cannot be set up for {server.host}:{server.port}, which needs STARTTLS: {reason}.",
            "If the server has TLS from the start, too, name that: --imap-security tls --imap HOST:993.",
            code="tls.no_starttls",
        )
