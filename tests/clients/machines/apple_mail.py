"""Apple Mail."""

from __future__ import annotations

from pathlib import Path

from provisioner.host import Host
from tests.clients.machines.base import Machine


def mac(directory: Path) -> Machine:
    """A Mac."""
    home = directory / "home"
    (home / "Library").mkdir(parents=True, mode=0o700)
    return Machine(Host(home=home, platform="darwin", root=directory))
