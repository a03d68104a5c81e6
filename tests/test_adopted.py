"""Accounts that were in a client before us: they stay, and never get a revoked password back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.host import Host
from provisioner.receipt import UNKNOWN
from provisioner.report import ClientRow, Report, State
from provisioner.secret import Secret
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from tests.clients.machines import MACHINES
from tests.clients.machines.base import terminal
from tests.memory_store import MemoryStore
from tests.test_crash import Silent, ask
from tests.test_holders import EMAIL, ITEM, NEW, OLD, Desk, account, watch

STAYS = "the account was there before provisioner and stays, with the present password"
THIRD = Secret("ghij-klmn-opqr-stuv")


def forgotten(desk: Desk) -> None:
    """Nothing says any more who has set the accounts up."""
    shutil.rmtree(desk.host.state_dir)


def removed(desk: Desk, *client_ids: str) -> tuple[Report, list[ClientRow]]:
    report = Report("remove")
    context = Context(desk.host, desk.journal, Silent(), report)
    remove(context, EMAIL, client_ids, Options(), dry_run=False, wait=False)
    return report, [row for row in report.rows if isinstance(row, ClientRow)]


def again(desk: Desk, secret: Secret, *client_ids: str) -> None:
    context = Context(desk.host, desk.journal, Silent(), Report("setup"))
    setup(context, Wish(EMAIL), client_ids, ask(secret), SetupOptions(check=False))
    assert context.report.ok, context.report


def backups(desk: Desk) -> list[Path]:
    return [path for path in (desk.host.state_dir / "backups").rglob("*") if path.is_file()]


def files(host: Host) -> dict[Path, bytes]:
    """All but our own records."""
    own = host.state_dir
    found = (path for path in host.home.rglob("*") if path.is_file() and own not in path.parents)
    return {path: path.read_bytes() for path in found}


@pytest.fixture
def bird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    desk = watch(monkeypatch, Desk(MACHINES["thunderbird-used"][1](tmp_path).host))
    desk.setup("thunderbird")
    return desk


@pytest.fixture
def terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return watch(monkeypatch, Desk(terminal(tmp_path, "msmtp", "mbsync", "alpine", "secret-tool")))


@pytest.mark.parametrize("verb", ["rotate", "setup"])
def test_an_adopted_account_stays_with_the_new_password(bird: Desk, verb: str) -> None:
    mine, profile = account(bird), Path(bird.journal.receipts()[0].where)
    forgotten(bird)
    if verb == "rotate":
        bird.rotate()
    else:
        again(bird, NEW, "thunderbird")
    assert bird.journal.receipts()[0].adopted
    assert backups(bird) == []
    before = files(bird.host)
    report, (row,) = removed(bird)
    assert (row.state, row.message) == (State.REMOVED, STAYS)
    assert "still" not in report.next
    assert "revoke" not in report.next
    assert files(bird.host) == before
    assert bird.stored(profile, mine) == NEW
    assert bird.journal.receipts() == []


def test_no_later_password_brings_the_first_one_back(bird: Desk) -> None:
    """First with the very password that it has, but a pref to mend: so that there is a backup."""
    mine, profile = account(bird), Path(bird.journal.receipts()[0].where)
    forgotten(bird)
    prefs = profile / "prefs.js"
    prefs.write_bytes(prefs.read_bytes().replace(b'try_ssl", 2', b'try_ssl", 3'))
    again(bird, OLD, "thunderbird")
    (receipt,) = bird.journal.receipts()
    assert (receipt.adopted, receipt.replaced, len(backups(bird))) == (True, False, 1)
    bird.rotate()
    assert backups(bird) == []
    (receipt,) = bird.journal.receipts()
    assert {(one.before, one.after) for one in receipt.files} == {(UNKNOWN, UNKNOWN)}
    again(bird, THIRD, "thunderbird")
    assert backups(bird) == []
    assert removed(bird)[1][0].message == STAYS
    assert bird.stored(profile, mine) == THIRD


def test_one_without_a_password_before_has_none_afterwards(bird: Desk) -> None:
    mine, profile = account(bird), Path(bird.journal.receipts()[0].where)
    forgotten(bird)
    (profile / "logins.json").unlink()
    before = (profile / "prefs.js").read_bytes()
    again(bird, OLD, "thunderbird")
    bird.rotate()
    (row,) = removed(bird)[1]
    assert row.message.startswith("the account was there before provisioner and stays; every file")
    assert (profile / "prefs.js").read_bytes() == before
    assert bird.stored(profile, mine) is None


def test_an_adopted_block_keeps_its_item(terminals: Desk) -> None:
    terminals.setup("msmtp")
    forgotten(terminals)
    before = files(terminals.host)
    terminals.rotate()
    assert terminals.item == NEW
    (row,) = removed(terminals)[1]
    assert row.message == STAYS
    assert not any("gone" in note for note in row.notes)
    assert files(terminals.host) == before
    assert isinstance(terminals.host.secrets, MemoryStore)
    assert terminals.item == NEW
    assert terminals.host.secrets.get(ITEM.seal) is None


def test_the_item_stays_for_it_when_all_are_removed(terminals: Desk) -> None:
    terminals.setup("msmtp")
    forgotten(terminals)
    terminals.rotate()
    again(terminals, NEW, "mbsync")
    _, rows = removed(terminals)
    assert [row.client for row in rows] == ["mbsync", "msmtp"]
    assert terminals.item == NEW
    assert terminals.host.secrets.get(ITEM.seal) is None


def test_a_store_in_files_of_ours_is_not_put_back_either(terminals: Desk) -> None:
    terminals.setup("alpine")
    forgotten(terminals)
    terminals.rotate()
    assert backups(terminals) == []
    before = files(terminals.host)
    assert removed(terminals)[1][0].message == STAYS
    assert files(terminals.host) == before
