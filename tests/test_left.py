"""What was fetched stays on disk when its account goes: that is said, if something is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import clients
from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.report import ClientRow, Report
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from tests.clients.machines.base import certificates, terminal
from tests.test_crash import Silent
from tests.test_setup import EMAIL, ONE, Desk

FETCHERS = ("fetchmail", "getmail", "mbsync", "mpop", "offlineimap", "vdirsyncer")


def address(client_id: str) -> str:
    """Of a provider that has the servers."""
    return "jane@aol.com" if client_id == "mpop" else EMAIL


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(certificates(terminal(tmp_path, *FETCHERS, "secret-tool")))


def removed(desk: Desk, client_id: str, *, dry_run: bool) -> ClientRow:
    context = Context(desk.host, desk.journal, Silent(), Report("remove"))
    remove(context, address(client_id), [], Options(), dry_run=dry_run, wait=False)
    (row,) = context.report.rows
    assert isinstance(row, ClientRow)
    assert row.ok, row
    return row


@pytest.mark.parametrize("client_id", FETCHERS)
@pytest.mark.parametrize("exact", [True, False])
def test_fetched_mail_stays_and_is_named(desk: Desk, client_id: str, exact: bool) -> None:
    context = Context(desk.host, desk.journal, desk, Report("setup"))  # type: ignore[arg-type]
    options = SetupOptions(check=False)
    setup(context, Wish(address(client_id)), [client_id], lambda prompt, rule: ONE, options)
    (receipt,) = desk.journal.receipts()
    places = clients.get(client_id).unplan(desk.host, receipt, Options()).left
    assert places
    assert not any("What was fetched" in note for note in removed(desk, client_id, dry_run=True).notes)
    for place in places:
        assert place.is_relative_to(desk.host.home)
        (place / "cur").mkdir(parents=True, exist_ok=True)
        (place / "cur/1").write_text("mail")
    if not exact:
        (record,) = [one for one in receipt.files if not one.path.endswith(".provisioner")][:1]
        with Path(record.path).open("a") as file:
            file.write("\n# mine\n")
    said = {f"What was fetched stays in {place}; delete it if you want it gone." for place in places}
    assert said <= set(removed(desk, client_id, dry_run=True).notes)
    row = removed(desk, client_id, dry_run=False)
    assert row.message.endswith("every file is as it was before") == exact
    assert said <= set(row.notes)
    assert all((place / "cur/1").read_text() == "mail" for place in places)


@pytest.mark.parametrize(("client_id", "place"), [("notmuch", "Mail/.notmuch"), ("mu", ".cache/mu/xapian")])
@pytest.mark.parametrize("exact", [True, False])
def test_a_database_of_the_mail_stays_and_is_named(
    tmp_path: Path, client_id: str, place: str, exact: bool
) -> None:
    desk = Desk(terminal(tmp_path, client_id))
    desk.setup(client_id)
    database = desk.host.home / place
    assert not any("database" in note for note in removed(desk, client_id, dry_run=True).notes)
    database.mkdir(parents=True)
    (receipt,) = desk.journal.receipts()
    if not exact:
        with Path(receipt.where).open("a") as file:
            file.write("\n# mine\n")
    row = removed(desk, client_id, dry_run=False)
    assert row.message.endswith("every file is as it was before") == exact
    (said,) = [note for note in row.notes if "database" in note]
    assert f", {database}, is as it was" in said
