"""mutt and NeoMutt with one muttrc: an account there is one of both, and that is what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.report import ClientRow, Report, State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from provisioner.workflows.status import status
from tests.clients.machines.base import terminal
from tests.memory_store import MemoryStore
from tests.test_crash import Silent, ask
from tests.test_holders import EMAIL, NEW, OLD, Desk, watch


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    host = terminal(tmp_path, "mutt", "neomutt", "secret-tool")
    (host.home / ".muttrc").write_text("# mine\n")
    return watch(monkeypatch, Desk(host))


def context(desk: Desk) -> Context:
    return Context(desk.host, desk.journal, Silent(), Report("test"))


def given(desk: Desk, *client_ids: str, secret: Secret = OLD) -> list[ClientRow]:
    one = context(desk)
    setup(one, Wish(EMAIL), client_ids, ask(secret), SetupOptions(check=False))
    return [row for row in one.report.rows if isinstance(row, ClientRow)]


def removed(desk: Desk, *client_ids: str) -> Report:
    one = context(desk)
    remove(one, EMAIL, client_ids, Options(), dry_run=False, wait=False)
    return one.report


@pytest.mark.parametrize(
    ("first", "second", "title", "other"),
    [("mutt", "neomutt", "mutt", "NeoMutt"), ("neomutt", "mutt", "NeoMutt", "mutt")],
)
def test_who_reads_the_file_is_said(desk: Desk, first: str, second: str, title: str, other: str) -> None:
    file = desk.host.home / ".muttrc"
    reads = f"{other} reads {file}, where {title} has the account"
    _, row = given(desk, first, second)
    assert (row.state, row.message) == (
        State.UNCHANGED,
        f"{reads}: nothing to do; `status` and `remove` know it as {first}",
    )
    one = context(desk)
    status(one, None, Options(), login=False)
    (found,) = one.report.rows
    assert isinstance(found, StatusRow)
    assert (found.client, found.message) == (first, f"as it was set up; {other} reads this file, too")
    report = removed(desk, second)
    assert report.rows == []
    assert report.next == f"{reads}. Remove it there:\n  provisioner remove {EMAIL} {first}"
    assert removed(desk, first).ok
    assert file.read_text() == "# mine\n"


def test_rotate_and_remove_see_one_account(desk: Desk) -> None:
    given(desk, "mutt", "neomutt")
    desk.rotate()
    assert desk.states == [State.CHANGED]
    assert desk.item == NEW
    assert [one.client for one in desk.journal.receipts(EMAIL)] == ["mutt"]
    removed(desk)
    assert isinstance(desk.host.secrets, MemoryStore)
    assert desk.host.secrets.items == {}


def test_a_new_password_by_the_other_one_goes_with_both(desk: Desk) -> None:
    given(desk, "mutt")
    given(desk, "neomutt", secret=NEW)
    assert desk.item == NEW
    removed(desk)
    assert (desk.host.home / ".muttrc").read_text() == "# mine\n"
    assert isinstance(desk.host.secrets, MemoryStore)
    assert desk.host.secrets.items == {}


def test_another_file_is_another_account(desk: Desk) -> None:
    (desk.host.home / ".neomuttrc").write_text("# own\n")
    given(desk, "mutt")
    one = context(desk)
    status(one, None, Options(), login=False)
    (found,) = one.report.rows
    assert isinstance(found, StatusRow)
    assert found.message == "as it was set up"
    assert "was not set up" in removed(desk, "neomutt").next
