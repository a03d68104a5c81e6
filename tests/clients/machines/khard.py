"""khard."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """khard 0.21 installed, no configuration yet."""
    host = terminal(directory, "khard")
    (directory / "bin/khard").write_text("#!/bin/sh\necho Khard version 0.21.0\n")
    return Machine(host)


def used(directory: Path) -> Machine:
    """An address book of the user's own before another section, whose last line has no end."""
    host = fresh(directory).host
    own = host.home / ".config/khard/khard.conf"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"# caf\xe9\n[addressbooks]\n  [[mine]]\n  path = ~/mine\n\n[general]\ndebug = no")
    return Machine(host, (own,))
