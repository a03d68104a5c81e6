"""mbsync."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """mbsync installed, no configuration yet."""
    return Machine(terminal(directory, "mbsync", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own whose last section has no end, read as version 1.5 does."""
    host = terminal(directory, "mbsync", "secret-tool")
    own = host.home / ".config/isyncrc"
    own.parent.mkdir()
    own.write_bytes(b"IMAPAccount work\nHost imap.example.org\nUser caf\xe9")
    (host.home / "Mail").mkdir()
    return Machine(host, (own,))
