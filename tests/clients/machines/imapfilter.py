"""imapfilter."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """imapfilter installed, no configuration yet."""
    return Machine(terminal(directory, "imapfilter", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding and without an end of its last line."""
    host = terminal(directory, "imapfilter", "secret-tool")
    own = host.home / ".imapfilter/config.lua"
    own.parent.mkdir()
    own.write_bytes(b"-- caf\xe9\r\noptions.timeout = 60\r\nwork = IMAP { server = 'h', username = 'u' }")
    own.chmod(0o640)
    return Machine(host, (own,))
