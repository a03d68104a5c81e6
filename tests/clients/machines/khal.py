"""khal."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """khal installed, no configuration yet."""
    return Machine(terminal(directory, "khal"))


def used(directory: Path) -> Machine:
    """A calendar of the user's own before another section, whose last line has no end."""
    host = terminal(directory, "khal")
    own = host.home / ".config/khal/config"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"# caf\xe9\n[calendars]\n  [[mine]]\n  path = ~/mine\n\n[default]\ntimedelta = 2d")
    return Machine(host, (own,))
