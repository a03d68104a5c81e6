"""mu."""

from __future__ import annotations

from pathlib import Path

from provisioner.host import Host
from tests.clients.machines.base import Machine, terminal


def fresh(directory: Path) -> Machine:
    """mu installed, no database yet."""
    return Machine(terminal(directory, "mu"))


def used(directory: Path) -> Machine:
    """A database over the whole home, with an address of the user's own."""
    host = terminal(directory, "mu")
    (host.home / ".cache/mu/xapian").mkdir(parents=True)
    says(host, host.home, "me@example.org")
    return Machine(host)


def says(host: Host, root: Path, *addresses: str) -> None:
    """What this mu knows, as version 1.8 prints it."""
    rows = [("maildir", str(root)), *(("personal-address", one) for one in addresses)]
    table = "".join(f"| {name:17} | {value:70} |\n+---+\n" for name, value in rows)
    (Path(host.env["PATH"]) / "info").write_text(table)
    script = '#!/bin/sh\nwhile read -r line; do echo "$line"; done < "${0%mu}info"\n'
    (Path(host.env["PATH"]) / "mu").write_text(script)
