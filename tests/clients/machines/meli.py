"""meli."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """meli installed, no configuration yet."""
    return Machine(terminal(directory, "meli", "secret-tool"))


def used(directory: Path) -> Machine:
    """Settings of the user's own, whose last line has no end."""
    host = terminal(directory, "meli", "secret-tool")
    own = host.home / ".config/meli/config.toml"
    own.parent.mkdir(parents=True)
    own.write_bytes(b'# caf\xc3\xa9\n[terminal]\ntheme = "light"')
    return Machine(host, (own,))
