"""What a new client must have before it counts: nothing of it is left to memory."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioner import clients
from provisioner.clients.base import Options
from provisioner.errors import ProvisionError
from provisioner.model import Account, Security, Server, Support
from tests.clients.machines import MACHINES
from tests.clients.test_contract import CANARY, Setup, usual

ROOT = Path(__file__).parent.parent.parent
NOT_RUN = re.compile(r"not run|not tried")
SERVERS = ("imap", "smtp", "pop")


def lines(setup: Setup, account: Account) -> Counter[bytes]:
    """The lines that are written for it, but for those that are other ones each time."""

    def once() -> Counter[bytes]:
        changes = setup.client.plan(setup.host, account, CANARY, Options()).changes
        return Counter(line for change in changes for line in (change.after or b"").splitlines())

    return once() & once()


def served(account: Account) -> Iterator[tuple[str, Server]]:
    for name in SERVERS:
        if (server := getattr(account, name)) is not None:
            yield name, server


ONE_WAY = {
    "apple-mail": "its format has one key for both, `...UseSSL`, which test_apple_mail.py wants to be true",
    "vdirsyncer": "it has HTTPS only",
}
LOGS_IN = [
    name
    for name, (client_id, _) in MACHINES.items()
    if clients.get(client_id).ABOUT.holds_password and client_id not in ONE_WAY
]
"""Machines whose client has connections of its own to secure, in one way or the other."""


@pytest.mark.parametrize("name", LOGS_IN)
def test_the_security_of_each_server_reaches_the_files(name: str, tmp_path: Path) -> None:
    """For a server that the client names, TLS and STARTTLS are not the same, or one of them is refused."""
    client_id, make = MACHINES[name]
    setup = Setup(clients.get(client_id), make(tmp_path), usual(name))
    used = 0
    for which, server in served(setup.account()):
        written: list[Counter[bytes]] = []
        refused = False
        for security in Security:
            changed: Any = {which: dataclasses.replace(server, security=security)}
            account = dataclasses.replace(setup.account(), **changed)
            try:
                written.append(lines(setup, account))
            except ProvisionError as error:
                if "TLS" not in error.message:
                    raise
                refused = True
        named = any(server.host.encode() in line for found in written for line in found)
        used += named
        assert not named or refused or written[0] != written[1], f"{which}: {server.host}"
    assert used, "it names none of the account's servers"


@pytest.mark.parametrize("client_id", clients.CLIENT_IDS)
def test_a_client_is_run_live_or_says_that_it_is_not(client_id: str) -> None:
    live = "".join(path.read_text("utf-8") for path in sorted((ROOT / "tests/live").glob("test_*.py")))
    apart = "".join(path.read_text("utf-8") for path in (ROOT / "tests/live").glob("test_leaks*.py"))
    word = re.compile(rf"""["' ]{re.escape(client_id)}["' ,]""")
    run = len(word.findall(live)) > len(word.findall(apart))
    assert run != bool(NOT_RUN.search(clients.get(client_id).ABOUT.proof))


@pytest.mark.parametrize("client_id", clients.CLIENT_IDS)
def test_a_client_that_is_written_to_is_tried_beside_files_of_the_user_s(
    client_id: str, tmp_path: Path
) -> None:
    if clients.get(client_id).SUPPORT is not Support.IMPORT:
        assert MACHINES[f"{client_id}-fresh"][0] == client_id
        used, make = MACHINES[f"{client_id}-used"]
        assert used == client_id
        machine = make(tmp_path)
        assert machine.own or any(machine.host.home.iterdir())


def test_the_readme_names_every_client_and_its_grade() -> None:
    section = (ROOT / "README.md").read_text("utf-8").partition("\n## What is supported\n")[2]
    rows = {
        grade.strip(): [one.strip() for one in names.split(",")]
        for grade, names in re.findall(r"^\| ([^|]+) \| ([^|]+) \|", section.partition("\n## ")[0], re.M)
    }
    known = [clients.get(client_id) for client_id in clients.CLIENT_IDS]
    for client in known:
        not_run = client.SUPPORT is Support.FULL and NOT_RUN.search(client.ABOUT.proof)
        grade = "full, not run" if not_run else client.SUPPORT.value
        assert client.TITLE in rows[grade], f"{client.TITLE}: {grade}"
    named = [name for grade, names in rows.items() if grade in ("full", "config", "import") for name in names]
    assert sorted(named) == sorted(
        client.TITLE
        for client in known
        if client.SUPPORT is not Support.FULL or not NOT_RUN.search(client.ABOUT.proof)
    )
