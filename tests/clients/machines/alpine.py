"""Alpine."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from provisioner.stores import alpine_passfile
from tests.clients.machines.base import Machine, terminal

# Making a key takes a moment, and the suites set alpine up hundreds of times.
pytest.MonkeyPatch().setattr(alpine_passfile, "make_key", functools.cache(alpine_passfile.make_key))


def fresh(directory: Path) -> Machine:
    """alpine installed, never started."""
    return Machine(terminal(directory, "alpine"))


def used(directory: Path) -> Machine:
    """An account of the user's own with its passwords, which are none of our business."""
    host = terminal(directory, "alpine")
    own = host.home / ".pinerc", host.home / ".pine-passfile"
    own[0].write_bytes(b"# caf\xe9\ninbox-path={imap.example.org/ssl}INBOX\n")
    own[1].write_bytes(b"\x9fSNH#")
    return Machine(host, own)
