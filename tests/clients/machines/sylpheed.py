"""Sylpheed."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal
from tests.clients.machines.claws_mail import with_account


def fresh(directory: Path) -> Machine:
    """Sylpheed installed, never started."""
    return Machine(terminal(directory, "sylpheed"))


def used(directory: Path) -> Machine:
    """An account of the user's own."""
    return with_account(fresh(directory), ".sylpheed-2.0", 3)
