"""fetchmail."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """fetchmail installed, no configuration yet."""
    return Machine(terminal(directory, "fetchmail", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, and directories that we would else make."""
    host = terminal(directory, "fetchmail", "secret-tool")
    own = host.home / ".fetchmailrc"
    own.write_bytes(b"# caf\xe9\r\npoll mail.example.net proto pop3 user jane password 'x'")
    own.chmod(0o600)
    (host.home / "Mail").mkdir()
    (host.home / ".config").mkdir()
    return Machine(host, (own,))
