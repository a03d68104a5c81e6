"""A client that others serve holds no password: none is asked for, and it is not set up without them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.report import ClientRow, GuideRow, Report, State
from provisioner.workflows import rotate as rotation
from provisioner.workflows.check import CheckOptions, check
from provisioner.workflows.context import Context
from provisioner.workflows.guide import guide
from provisioner.workflows.remove import remove
from tests.clients.machines.base import terminal
from tests.test_bundles import PARTS, seen
from tests.test_crash import Silent
from tests.test_setup import EMAIL, ONE, TWO, Desk, states


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(terminal(tmp_path, *PARTS, "secret-tool", "pass"))


def context_of(desk: Desk, verb: str) -> Context:
    return Context(desk.host, desk.journal, Silent(), Report(verb))


def taken_out(desk: Desk, *names: str) -> None:
    context = context_of(desk, "remove")
    remove(context, EMAIL, names, Options(), dry_run=False, wait=False)
    assert context.report.ok


def rows(report: Report) -> dict[str, ClientRow]:
    return {row.client: row for row in report.rows if isinstance(row, ClientRow)}


def guided(desk: Desk, *names: str) -> GuideRow:
    context = context_of(desk, "guide")
    guide(context, EMAIL, names, None, open_page=False)
    (row,) = context.report.rows
    assert isinstance(row, GuideRow)
    return row


def test_the_label_names_who_holds_the_password(desk: Desk) -> None:
    desk.setup("mutt-stack")
    known = {label.partition(" (")[0] for label in desk.labels if label}
    assert known == {guided(desk, "mutt-stack").label.partition(" (")[0]} == {"mbsync, msmtp"}


def test_who_works_by_others_is_asked_for_nothing(desk: Desk) -> None:
    desk.setup("mutt-stack")
    asked = desk.asked
    report = desk.setup("neomutt", check=True)
    assert states(report) == [State.UNCHANGED]
    assert rows(report)["neomutt"].message.endswith("; it needs no password: it works by mbsync and msmtp")
    assert desk.asked == asked
    row = guided(desk, "neomutt")
    assert "NeoMutt needs no password: it works by mbsync and msmtp." in row.notes
    assert "NeoMutt" not in row.label
    with pytest.raises(UsageError, match="NeoMutt has no password stored") as caught:
        check(
            context_of(desk, "check"),
            CheckOptions(wish=Wish(EMAIL), client_id="neomutt"),
            lambda prompt, rule: ONE,
        )
    assert caught.value.hint == "It holds none: check the program that fetches its mail."
    # By hand out of its files: then it is as new, and logs in by itself.
    for path in desk.host.home.rglob("*neomutt*"):
        if path.is_file():
            path.unlink()
    for path in (*desk.host.home.rglob("*.hooks"), *desk.host.home.rglob("*.settings")):
        path.unlink()
    assert states(desk.setup("neomutt")) == [State.CHANGED]
    assert desk.asked == asked + 1


def test_what_it_works_by_is_gone(desk: Desk) -> None:
    """setup says what status says, and rotate as well."""
    desk.setup("mutt-stack")
    taken_out(desk, "mbsync", "msmtp")
    asked = desk.asked
    row = rows(desk.setup("neomutt"))["neomutt"]
    assert (row.ok, row.code, desk.asked) == (False, "client.needs", asked)
    assert row.message.startswith("NeoMutt works by mbsync and msmtp, and without mbsync and msmtp ")
    mend = f"provisioner setup {EMAIL} mbsync msmtp"
    assert mend in row.next
    assert mend in seen(desk)["neomutt"].next
    assert f"provisioner remove {EMAIL} neomutt" in row.next
    context = context_of(desk, "rotate")
    with pytest.raises(Conflict, match="NeoMutt needs mbsync and msmtp, not set up any more") as caught:
        rotation.rotate(context, Wish(EMAIL), [], lambda prompt, rule: TWO, Options())
    assert mend in caught.value.hint
    assert context.report.rows == []
    taken_out(desk, "neomutt")
    assert states(desk.setup("neomutt")) == [State.CHANGED]
    assert desk.asked == asked + 1


def test_the_store_of_others_is_none_of_its_own(desk: Desk) -> None:
    desk.setup("mutt-stack")
    taken_out(desk, "mbsync", "msmtp")
    report = desk.setup("mutt-stack", store="pass")
    assert rows(report)["neomutt"].code != "store.other"


@pytest.mark.parametrize("server", ["imap.mail.me.com", "imap.example.org"])
@pytest.mark.parametrize("names", [("mutt-stack",), ("neomutt", "mutt-stack")], ids="-".join)
def test_without_a_part_that_fails_the_rest_is_not_set_up(
    desk: Desk, server: str, names: tuple[str, ...]
) -> None:
    """An account of the user's own may be for the same server: it fills another directory."""
    user = EMAIL.partition("@")[0]
    (desk.host.home / ".mbsyncrc").write_text(f"IMAPAccount {EMAIL}\nHost {server}\nUser {user}\n")
    for dry_run in (True, False):
        found = rows(desk.setup(*names, dry_run=dry_run))
        assert [row.ok for row in found.values()] == [False, True, False, True]
        assert found["mbsync"].code == "account.exists"
        assert found["neomutt"].code == "client.needs"
        assert found["neomutt"].message == (
            "NeoMutt works by mbsync and msmtp, and without mbsync it would not work."
        )
    assert "neomutt" not in seen(desk)
    assert {row.message for row in seen(desk).values()} == {"as it was set up"}


def test_an_account_by_hand_does_not_fill_its_directory(desk: Desk) -> None:
    desk.setup("mutt-stack")
    taken_out(desk, "mbsync")
    user = EMAIL.partition("@")[0]
    (desk.host.home / ".mbsyncrc").write_text(f"IMAPAccount mine\nHost imap.mail.me.com\nUser {user}\n")
    (receipt,) = desk.journal.receipts(EMAIL, "neomutt")
    assert clients.get("mbsync").find(desk.host, receipt.account, Options())
    assert seen(desk)["neomutt"].message == "needs mbsync, no longer set up"
    assert seen(desk)["notmuch"].message == "as it was set up"  # it searches whatever is below ~/Mail


def test_a_bundle_is_no_client(desk: Desk) -> None:
    options = CheckOptions(wish=Wish(EMAIL), client_id="Mutt-Stack")
    with pytest.raises(ProvisionError, match="several clients") as caught:
        check(context_of(desk, "check"), dataclasses.replace(options), lambda prompt, rule: ONE)
    assert caught.value.hint == "Name one of them: mbsync, msmtp, neomutt, notmuch."
