"""curl."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """curl installed, no configuration yet."""
    return Machine(terminal(directory, "curl", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, and another of our files beside."""
    host = terminal(directory, "curl", "secret-tool")
    own = host.home / ".curlrc", host.home / ".config/provisioner/curl/notes"
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(b"proxy = caf\xe9")
    return Machine(host, own)
