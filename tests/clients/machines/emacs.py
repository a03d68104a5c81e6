"""Emacs."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """Emacs installed, no configuration yet."""
    return Machine(terminal(directory, "emacs", "secret-tool"))


def used(directory: Path) -> Machine:
    """An init file of the user's own, in an old encoding and without an end of its last line."""
    host = terminal(directory, "emacs", "secret-tool")
    own = host.home / ".config/emacs/init.el"
    own.parent.mkdir(parents=True)
    own.write_bytes(b';; -*- coding: latin-1 -*-\n(setq user-full-name "Caf\xe9")\n(tool-bar-mode -1)')
    return Machine(host, (own,))
