"""mutt and NeoMutt."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """mutt installed, no configuration yet."""
    return Machine(terminal(directory, "mutt", "secret-tool"))


def used(directory: Path) -> Machine:
    """A configuration of the user's own: an account, an old encoding, no end of the last line."""
    return _used(directory, "mutt")


def neomutt_fresh(directory: Path) -> Machine:
    """NeoMutt installed, no configuration yet."""
    return Machine(terminal(directory, "neomutt", "secret-tool"))


def neomutt_used(directory: Path) -> Machine:
    """NeoMutt with nothing but mutt's configuration, which it reads."""
    return _used(directory, "neomutt")


def _used(directory: Path, program: str) -> Machine:
    host = terminal(directory, program, "secret-tool")
    own, more = host.home / ".muttrc", host.home / ".mutt/me"
    more.parent.mkdir()
    own.write_bytes(b"# caf\xe9\r\nset sort = threads\r\nsource ~/.mutt/me\r\ncolor normal white black")
    own.chmod(0o640)
    more.write_bytes(b'set from = "me@example.com" \\\n  folder = ~/Mail\nset imap_pass = "`pass me`"\n')
    return Machine(host, (own, more))
