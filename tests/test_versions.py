"""Clients whose files are not the same in every version: of a newer or unknown one it is said what it got."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import clients
from provisioner.clients.base import Options
from provisioner.host import Host
from tests.clients.machines import MACHINES
from tests.clients.test_contract import CANARY, Setup, usual

KNOWN = {
    "msmtp": "msmtp version 1.8.23",
    "mpop": "mpop version 1.4.18",
    "mbsync": "isync 1.5.1",
    "aerc": "aerc 0.18.2 +notmuch (go1.19.8 amd64 linux)",
    "claws-mail": "Claws Mail version 4.3.1",
    "mutt": "Mutt 2.2.12 (2023-09-09)\nSystem: Linux 6.12.1 (x86_64)",
    "neomutt": "NeoMutt 20220429\nSystem: Linux 6.12.1 (x86_64)",
    "khard": "0.20.1",
    "himalaya": "himalaya v2.1.0",
    "meli": "meli 0.8.13",
}
"""What the newest that is known prints, or one of its patches."""
NEWER = {
    "msmtp": "msmtp version 1.9.0",
    "mpop": "mpop version 1.5.0",
    "mbsync": "isync 1.6",
    "aerc": "aerc 0.19.0",
    "claws-mail": "Claws Mail version 5.0.0",
    "mutt": "Mutt 2.3.0 (2026-01-01)\nSystem: Linux 1.0 (x86_64)",
    "neomutt": "NeoMutt 20260101\nSystem: Linux 1.0.0 (x86_64)",
    "khard": "0.99.0",
    "himalaya": "himalaya v3.0.0",
    "meli": "meli 0.9.0",
}
SAYS = " does not say its version"


def notes(client_id: str, directory: Path, says: str) -> str:
    name = f"{client_id}-fresh"
    machine = MACHINES[name][1](directory)
    setup = Setup(clients.get(client_id), machine, usual(name))
    said(setup.host, client_id, says)
    return "\n".join(setup.client.plan(setup.host, setup.account(), CANARY, Options()).notes)


def said(host: Host, program: str, text: str) -> None:
    file = Path(host.env["PATH"]) / program
    file.write_text(f"#!/bin/sh\necho '{text}'\n")


@pytest.mark.parametrize("client_id", KNOWN)
def test_a_version_that_is_newer_or_unknown_is_told_and_a_known_one_is_not(
    tmp_path: Path, client_id: str
) -> None:
    found = []
    for number, says in enumerate((KNOWN[client_id], NEWER[client_id], "It.")):
        (tmp_path / str(number)).mkdir()
        found.append(notes(client_id, tmp_path / str(number), says))
    known, newer, unknown = found
    assert "newest known here" not in known
    assert SAYS not in known
    assert "newest known here" in newer
    assert SAYS not in newer
    assert SAYS in unknown


def test_a_mutt_that_is_neomutt_is_told(tmp_path: Path) -> None:
    assert "reads a neomuttrc" in notes("mutt", tmp_path, KNOWN["neomutt"])
