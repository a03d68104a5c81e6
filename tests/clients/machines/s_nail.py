"""s-nail."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """s-nail installed, no configuration yet."""
    return Machine(terminal(directory, "s-nail", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding and without an end of its last line."""
    host = terminal(directory, "s-nail", "secret-tool")
    own = host.home / ".mailrc"
    own.write_bytes(b"# caf\xe9\nset nosave\naccount work {\n set from=jane@example.org\n}\nalias bob bob@x")
    own.chmod(0o644)
    return Machine(host, (own,))
