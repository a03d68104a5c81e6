"""khard: which address books, by version, and which names are taken. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import khard
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Plan
from provisioner.report import ClientRow, Report, State
from tests.clients.machines.base import terminal
from tests.clients.machines.khard import fresh
from tests.test_msmtp import SECRET, put, write
from tests.test_setup import EMAIL, Desk
from tests.test_vdirsyncer import JANE

CONFIG = ".config/khard/khard.conf"
NAME = "jane@example.org"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


@pytest.fixture
def old(host: Host) -> Host:
    """A khard that must be told each directory."""
    (Path(host.env["PATH"]) / "khard").write_text("#!/bin/sh\necho Khard version 0.18.0\n")
    return host


def plan(host: Host, **changes: object) -> Plan:
    return khard.plan(host, dataclasses.replace(JANE, **changes), SECRET, Options())  # type: ignore[arg-type]


def lines(host: Host) -> list[str]:
    return [line for line in (host.home / CONFIG).read_text().splitlines() if line and line[0] != "#"]


def test_all_address_books_and_those_that_come(host: Host) -> None:
    put(plan(host))
    put(plan(host, address="joe@example.org"))
    assert lines(host) == [
        "[addressbooks]",
        f"[[{NAME}]]",
        f"path = ~/.contacts/{NAME}/*",
        "type = discover",
        "[[joe@example.org]]",
        "path = ~/.contacts/joe@example.org/*",
        "type = discover",
    ]
    assert not plan(host).changes


def test_each_that_is_there_where_no_pattern_is_known(old: Host) -> None:
    for _ in range(2):
        with pytest.raises(UsageError) as caught:
            plan(old)
        assert caught.value.code == "contacts.none"
        (old.home / ".contacts" / NAME / ".hidden").mkdir(parents=True, exist_ok=True)
        write(old.home / ".contacts" / NAME / "file", "")
    for name in ("work", "card"):
        (old.home / ".contacts" / NAME / name).mkdir()
    put(plan(old))
    assert lines(old) == [
        "[addressbooks]",
        f"[[{NAME}/card]]",
        f"path = ~/.contacts/{NAME}/card",
        f"[[{NAME}/work]]",
        f"path = ~/.contacts/{NAME}/work",
    ]
    assert not plan(old).changes
    (old.home / ".contacts" / NAME / "work").rmdir()
    assert plan(old).changes, "with a path that is not there it would not start"


def test_an_unknown_version_is_said(host: Host) -> None:
    assert len(plan(host).notes) == 1
    (Path(host.env["PATH"]) / "khard").write_text("#!/bin/sh\n")
    assert "does not say its version" in plan(host).notes[-1]


def test_an_address_book_of_the_users_own(host: Host) -> None:
    write(host.home / CONFIG, f"[addressbooks]\n[[{NAME}]]\npath = x\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_where_its_file_is(host: Host, tmp_path: Path) -> None:
    named = dataclasses.replace(host, env={**host.env, "KHARD_CONFIG": str(tmp_path / "other")})
    assert plan(named).where == str(tmp_path / "other")
    assert plan(host).where == str(host.home / CONFIG)


def test_a_provider_without_contacts(host: Host) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, carddav=None)
    assert caught.value.code == "server.unknown"


def test_without_khard(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"


def test_before_anything_is_fetched_it_is_said_what_comes_next(tmp_path: Path) -> None:
    old = terminal(tmp_path, "vdirsyncer", "secret-tool", "khard")
    (Path(old.env["PATH"]) / "khard").write_text("#!/bin/sh\necho Khard version 0.18.0\n")
    desk = Desk(old)
    fetch = "\n  vdirsyncer discover\n  vdirsyncer sync\n"
    again = f"  provisioner setup {EMAIL} khard"
    with pytest.raises(UsageError) as caught:
        desk.setup("khard")
    assert f"\n  provisioner setup {EMAIL} vdirsyncer{fetch}{again}" in caught.value.hint
    named = row(desk.setup("vdirsyncer", "khard"))
    assert (named.ok, named.code) == (False, "contacts.none")
    assert f"`y`:{fetch}{again}" in named.next
    report = desk.setup("all")
    found = row(report)
    assert (found.ok, found.state, report.exit_code) == (True, State.LEFT_OUT, 0)
    assert f"`y`:{fetch}{again}" in found.next
    assert found.message.startswith("left out: khard before 0.20")
    assert "discover" not in report.next
    assert not row(desk.setup("all", "khard")).ok


def row(report: Report) -> ClientRow:
    (one,) = [row for row in report.rows if isinstance(row, ClientRow) and row.client == "khard"]
    return one
