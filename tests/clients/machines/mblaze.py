"""mblaze."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """mblaze installed, no profile yet."""
    return Machine(terminal(directory, "mscan"))


def used(directory: Path) -> Machine:
    """A profile of the user's own, in an old encoding, whose last line has no end."""
    host = terminal(directory, "mscan")
    own = host.home / ".mblaze/profile"
    own.parent.mkdir()
    own.write_bytes(b"#: caf\xe9\nLocal-Mailbox: me@example.org\nSendmail: mine")
    return Machine(host, (own,))
