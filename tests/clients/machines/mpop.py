"""mpop."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """mpop installed, no configuration yet."""
    return Machine(terminal(directory, "mpop", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding and without an end of its last line."""
    host = fresh(directory).host
    own = host.home / ".mpoprc"
    own.write_bytes(b"# caf\xe9\r\ndefaults\r\ntls on\r\n\r\naccount work\r\nhost pop.example.org")
    own.chmod(0o600)
    return Machine(host, (own,))
