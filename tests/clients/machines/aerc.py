"""aerc."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """aerc installed, no accounts yet."""
    return Machine(terminal(directory, "aerc", "secret-tool"))


def used(directory: Path) -> Machine:
    """An account of the user's own, and one in an old encoding whose last line has no end."""
    host = terminal(directory, "aerc", "secret-tool")
    own = host.home / ".config/aerc/accounts.conf"
    own.parent.mkdir(parents=True)
    own.write_bytes(
        b"; caf\xe9\r\n[work]\r\nsource = imaps://me@imap.example.com\r\nfrom = Me <me@example.com>"
    )
    own.chmod(0o600)
    return Machine(host, (own,))
