"""vdirsyncer."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """vdirsyncer installed, no configuration yet."""
    return Machine(terminal(directory, "vdirsyncer", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding, whose last line has no end."""
    host = terminal(directory, "vdirsyncer", "secret-tool")
    own = host.home / ".vdirsyncer/config"
    own.parent.mkdir()
    own.write_bytes(b'# caf\xe9\n[general]\nstatus_path = "~/s"\n[storage x]\ntype = "filesystem"')
    return Machine(host, (own,))
