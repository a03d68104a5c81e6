"""getmail."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, certificates, terminal


def fresh(directory: Path) -> Machine:
    """getmail installed, no configuration yet."""
    return Machine(certificates(terminal(directory, "getmail", "secret-tool")))


def used(directory: Path) -> Machine:
    """An account of the user's own, in the directory of earlier versions."""
    host = certificates(terminal(directory, "getmail", "secret-tool"))
    own = host.home / ".getmail/getmailrc"
    own.parent.mkdir()
    own.write_bytes(b"[retriever]\r\ntype = SimplePOP3SSLRetriever\r\nusername = caf\xe9")
    (host.home / "Mail").mkdir()
    return Machine(host, (own,))
