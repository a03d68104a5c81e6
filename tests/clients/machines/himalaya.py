"""himalaya."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """himalaya installed, no configuration yet."""
    return Machine(terminal(directory, "himalaya", "secret-tool"))


def used(directory: Path) -> Machine:
    """Version 1, and an account of the user's own, in the older of its files; the last line has no end."""
    host = terminal(directory, "himalaya", "secret-tool")
    (directory / "bin/himalaya").write_text("#!/bin/sh\necho 'himalaya v1.2.0 +imap +smtp'\n")
    own = host.home / ".himalayarc"
    own.write_bytes(b'# caf\xc3\xa9\r\n[accounts.work]\r\ndefault = true\r\nemail = "me@example.com"')
    return Machine(host, (own,))
