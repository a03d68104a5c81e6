"""getmail."""

from __future__ import annotations

from pathlib import Path

from provisioner.clients.common import tls
from provisioner.host import Host
from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """getmail installed, no configuration yet."""
    return Machine(_host(directory))


def used(directory: Path) -> Machine:
    """An account of the user's own, in the directory of earlier versions."""
    host = _host(directory)
    own = host.home / ".getmail/getmailrc"
    own.parent.mkdir()
    own.write_bytes(b"[retriever]\r\ntype = SimplePOP3SSLRetriever\r\nusername = caf\xe9")
    (host.home / "Mail").mkdir()
    return Machine(host, (own,))


def _host(directory: Path) -> Host:
    host = terminal(directory, "getmail", "secret-tool")
    bundle = host.system(tls.BUNDLES[0])
    bundle.parent.mkdir(parents=True)
    bundle.touch()
    return host
