"""goimapnotify."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """goimapnotify installed, no configuration yet."""
    return Machine(terminal(directory, "goimapnotify", "secret-tool"))


def used(directory: Path) -> Machine:
    """The usual file, with an account of the user's own."""
    host = terminal(directory, "goimapnotify", "secret-tool")
    own = host.home / ".config/goimapnotify/goimapnotify.yaml"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"configurations:\r\n  - host: imap.example.com\r\n    username: caf\xc3\xa9")
    return Machine(host, (own,))
