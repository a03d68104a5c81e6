"""OfflineIMAP."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, certificates, terminal


def fresh(directory: Path) -> Machine:
    """OfflineIMAP installed, no configuration yet."""
    return Machine(certificates(terminal(directory, "offlineimap", "secret-tool")))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding and without an end of its last line."""
    host = certificates(terminal(directory, "offlineimap", "secret-tool"))
    own = host.home / ".config/offlineimap/config"
    own.parent.mkdir(parents=True)
    own.write_bytes(
        b"# caf\xe9\r\n[general]\r\nui = basic\r\n\r\n[Account work]\r\nlocalrepository = w-local\r\n"
        b"remoterepository = w-remote"
    )
    own.chmod(0o640)
    return Machine(host, (own,))
