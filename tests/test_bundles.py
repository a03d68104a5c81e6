"""Bundles: names for clients that work together, and what NeoMutt does differently in one."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.clients.common import muttmail
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Mailboxes, Use
from provisioner.report import ClientRow, Report, State, StatusRow
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from provisioner.workflows.status import status
from tests.clients.machines.base import terminal
from tests.clients.test_contract import keyring, snapshot
from tests.test_crash import Silent
from tests.test_msmtp import JANE
from tests.test_setup import EMAIL, TWO, Desk, states

PARTS = ["mbsync", "msmtp", "neomutt", "notmuch"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(terminal(tmp_path, *PARTS, "secret-tool"))


def of(report: Report) -> list[str]:
    return [row.client for row in report.rows if isinstance(row, ClientRow)]


def settings(host: Host) -> str:
    (path,) = host.home.rglob("*.settings")
    return path.read_text()


def test_every_part_is_a_client_and_no_bundle_has_the_name_of_one() -> None:
    for name, parts in clients.BUNDLES.items():
        assert set(parts) < set(clients.CLIENT_IDS)
        assert name not in {*clients.CLIENT_IDS, "all"}


def test_a_bundle_is_its_clients_beside_others() -> None:
    together = frozenset(PARTS)
    assert clients.expand(["Mutt-Stack", "curl"]) == {**dict.fromkeys(PARTS, together), "curl": frozenset()}
    assert list(clients.expand(["msmtp", "curl", "msmtp"])) == ["msmtp", "curl"]
    # Named alone as well, it still belongs to the bundle, whichever comes first.
    assert clients.expand(["msmtp", "mutt-stack"]) == clients.expand(["mutt-stack", "msmtp"])


def test_setup_rotate_and_remove(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = snapshot(desk.host)
    assert states(desk.setup("mutt-stack", dry_run=True)) == [State.PLANNED] * 4
    assert snapshot(desk.host) == before
    report = desk.setup("mutt-stack")
    assert (of(report), states(report)) == (PARTS, [State.CHANGED] * 4)
    assert f"provisioner remove {EMAIL} mbsync msmtp neomutt notmuch" in report.next
    assert f'set sendmail = "msmtp -a {EMAIL}"' in settings(desk.host)
    assert states(desk.setup("mutt-stack")) == [State.UNCHANGED] * 4
    # What was set up as a part stays one.
    assert states(desk.setup("neomutt")) == [State.UNCHANGED]

    monkeypatch.setattr(rotation, "_works", lambda *rest: True)
    context = Context(desk.host, desk.journal, Silent(), Report("rotate"))
    rotation.rotate(context, Wish(EMAIL), ["mutt-stack"], lambda prompt, rule: TWO, Options())
    assert of(context.report) == PARTS[:3]  # notmuch has no password
    assert TWO in keyring(desk.host).values()

    for dry_run in (True, False):
        context = Context(desk.host, desk.journal, Silent(), Report("remove"))
        remove(context, EMAIL, ["mutt-stack"], Options(), dry_run=dry_run, wait=False)
        assert context.report.ok
    assert sorted(of(context.report)) == PARTS
    assert snapshot(desk.host) == before
    assert keyring(desk.host) == {}


def test_what_neomutt_watches_is_there_before_the_first_mail(desk: Desk) -> None:
    """Else it starts with an error."""
    desk.setup("mutt-stack")
    (hooks,) = desk.host.home.rglob("*.hooks")
    (line,) = (line for line in hooks.read_text().splitlines() if line.startswith("mailboxes "))
    boxes = [desk.host.home / box.removeprefix("~/") for box in re.findall('"([^"]+)"', line)]
    assert boxes
    assert all((box / part).is_dir() for box in boxes for part in ("cur", "new", "tmp"))
    # What has changed since does not keep them, but mail does.
    (boxes[0] / "cur" / "1:2,").write_text("mail")
    rc = desk.host.home / ".config/neomutt/neomuttrc"
    rc.write_text(rc.read_text() + "set sort = date\n")
    context = Context(desk.host, desk.journal, Silent(), Report("remove"))
    remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
    assert context.report.ok
    assert [path.name for path in (desk.host.home / "Mail").rglob("*") if path.is_file()] == ["1:2,"]


def test_a_password_that_goes_with_the_run_is_not_said_to_stay(desk: Desk) -> None:
    """Nor is it in a dry run, which says what the real one does."""
    desk.setup("mutt-stack")

    rows: list[ClientRow] = []

    def removed(*names: str, dry_run: bool) -> list[tuple[str, ...]]:
        context = Context(desk.host, desk.journal, Silent(), Report("remove"))
        remove(context, EMAIL, names, Options(), dry_run=dry_run, wait=False)
        rows[:] = [row for row in context.report.rows if isinstance(row, ClientRow)]
        return [row.notes for row in rows]

    assert removed(dry_run=True) == [(), (), (), ()]
    assert ["\n- keyring item" in row.diff for row in rows] == [False, True, False, False]
    lost = "NeoMutt needs msmtp: without that, it does not work as set up."
    assert removed("msmtp", dry_run=True) == [("The password stays in the keyring: mbsync uses it.", lost)]
    assert keyring(desk.host) != {}
    assert removed(dry_run=False) == [(), ("The password is gone from the keyring.",), (), ()]
    assert keyring(desk.host) == {}


def seen(desk: Desk) -> dict[str, StatusRow]:
    context = Context(desk.host, desk.journal, Silent(), Report("status"))
    status(context, None, Options(), login=False)
    return {row.client: row for row in context.report.rows if isinstance(row, StatusRow)}


def test_what_works_by_others_is_said_to_lack_them(desk: Desk) -> None:
    """NeoMutt in the bundle has no password: nothing waits for it, and it is not well without the others."""
    desk.setup("mutt-stack")
    assert {row.message for row in seen(desk).values()} == {"as it was set up"}
    assert not seen(desk)["neomutt"].label
    for dry_run in (True, False):
        context = Context(desk.host, desk.journal, Silent(), Report("remove"))
        remove(context, EMAIL, ["msmtp", "mbsync"], Options(), dry_run=dry_run, wait=False)
        rows = {row.client: row for row in context.report.rows if isinstance(row, ClientRow)}
        assert "NeoMutt needs msmtp: without that, it does not work as set up." in rows["msmtp"].notes
        lost = "NeoMutt and notmuch need mbsync: without that, they do not work as set up."
        assert lost in rows["mbsync"].notes
    assert context.report.next.startswith("To end the app-specific password, revoke ")
    assert keyring(desk.host) == {}
    row = seen(desk)["neomutt"]
    assert (row.state, row.ok) == (State.DRIFTED, False)
    assert row.message == "needs mbsync and msmtp, no longer set up"
    assert row.next == f"Set that up again with:\n  provisioner setup {EMAIL} mbsync msmtp"
    assert seen(desk)["notmuch"].message == "needs mbsync, no longer set up"
    desk.setup("mbsync", "msmtp")
    assert {row.message for row in seen(desk).values()} == {"as it was set up"}


def test_who_joins_later_needs_the_password_no_more(desk: Desk) -> None:
    desk.setup("mbsync", "msmtp", "neomutt", "notmuch")
    desk.setup("mutt-stack")
    context = Context(desk.host, desk.journal, Silent(), Report("remove"))
    remove(context, EMAIL, ["msmtp", "mbsync"], Options(), dry_run=False, wait=False)
    assert context.report.next.startswith("To end the app-specific password, revoke ")
    assert keyring(desk.host) == {}


def test_rotate_says_why_neomutt_gets_no_password(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_works", lambda *rest: True)
    desk.setup("mutt-stack")
    context = Context(desk.host, desk.journal, Silent(), Report("rotate"))
    rotation.rotate(context, Wish(EMAIL), [], lambda prompt, rule: TWO, Options())
    rows = {row.client: row for row in context.report.rows if isinstance(row, ClientRow)}
    assert list(rows) == ["mbsync", "msmtp", "neomutt"]
    assert rows["neomutt"].message == "needs no password: it works by mbsync and msmtp"
    assert rows["neomutt"].state is State.UNCHANGED
    with pytest.raises(UsageError, match="NeoMutt has no password"):
        rotation.rotate(context, Wish(EMAIL), ["neomutt"], lambda prompt, rule: TWO, Options())


def test_neomutt_alone_talks_to_the_servers_and_can_join_later(desk: Desk) -> None:
    desk.setup("mbsync", "msmtp", "neomutt")
    assert "set smtp_url" in settings(desk.host)
    assert states(desk.setup("mutt-stack")) == [
        State.UNCHANGED,
        State.UNCHANGED,
        State.CHANGED,
        State.CHANGED,
    ]
    assert "set mbox_type = Maildir" in settings(desk.host)


def test_a_part_that_is_not_installed_is_named_and_the_others_are_set_up(tmp_path: Path) -> None:
    desk = Desk(terminal(tmp_path, "mbsync", "neomutt", "notmuch", "secret-tool"))
    report = desk.setup("mutt-stack")
    assert states(report) == [State.CHANGED, State.FAILED, State.FAILED, State.CHANGED]
    assert "msmtp, which is to send the mail, is not installed" in report.rows[-2].message  # type: ignore[union-attr]


def test_all_takes_what_is_found_in_one_report(desk: Desk) -> None:
    assert of(desk.setup("all")) == ["msmtp", "mbsync", "neomutt", "notmuch"]
    with pytest.raises(UsageError, match=r"\bmsmtp, mbsync, neomutt, notmuch\b") as caught:
        desk.setup()
    assert "`all`" in caught.value.hint


def test_a_bundle_is_offered_where_all_of_it_is_found(desk: Desk) -> None:
    desk.interactive, desk.chosen = True, ["mutt-stack"]
    assert of(desk.setup(dry_run=True)) == PARTS
    assert desk.choices == ["msmtp", "mbsync", "neomutt", "notmuch", "mutt-stack"]
    desk.chosen = desk.choices  # `all`: every client, each by itself
    desk.setup()
    assert "set smtp_url" in settings(desk.host)


def test_mailboxes_are_directories_below_each_other() -> None:
    boxes = Mailboxes({Use.SENT: "INBOX.Sent", Use.TRASH: "Bin"}, delimiter=".")
    mail = muttmail.over_maildir(dataclasses.replace(JANE, mailboxes=boxes))
    assert (mail.record, mail.trash) == ("+INBOX/Sent", "+Bin")
    assert mail.mailboxes[1] == "~/Mail/jane@example.org/INBOX/Sent"
    assert mail.servers == ()


@pytest.mark.parametrize("address", ["a b@example.org", "a/b@example.org"])
def test_an_address_that_does_not_go_into_a_command_is_refused(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        muttmail.over_maildir(dataclasses.replace(JANE, address=address))
    assert caught.value.code == "value.unwritable"
