"""notmuch."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """notmuch installed, no database yet."""
    return Machine(terminal(directory, "notmuch"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding, whose last line has no end."""
    host = terminal(directory, "notmuch")
    own = host.home / ".config/notmuch/default/config"
    own.parent.mkdir(parents=True)
    own.write_bytes(
        b"# caf\xe9\n[database]\npath=Mail\n[user]\nprimary_email=me@example.org\nother_email=i@example.org"
    )
    return Machine(host, (own,))
