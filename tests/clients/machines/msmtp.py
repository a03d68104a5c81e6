"""msmtp."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """msmtp installed, no configuration yet."""
    return Machine(terminal(directory, "msmtp", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding and without an end of its last line."""
    host = terminal(directory, "msmtp", "secret-tool")
    own = host.home / ".msmtprc"
    own.write_bytes(b"# caf\xe9\r\ndefaults\r\nlogfile ~/log\r\n\r\naccount work\r\nhost mail.example.org")
    own.chmod(0o640)
    return Machine(host, (own,))
