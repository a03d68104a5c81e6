"""rotate looks everywhere: other profiles, accounts made by hand, accounts that are gone, edited blocks."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.accounts import Wish
from provisioner.clients import thunderbird
from provisioner.clients.base import Options
from provisioner.edits import prefsjs
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.journal import Journal
from provisioner.model import Account
from provisioner.report import ClientRow, Report, State
from provisioner.secret import Secret
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context
from provisioner.workflows.holders import Holder
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from tests.clients.machines import MACHINES
from tests.clients.machines.base import terminal
from tests.memory_store import MemoryStore
from tests.test_crash import Silent, ask

EMAIL = "jane.appleseed@icloud.com"
OLD, NEW = Secret("abcd-efgh-ijkl-mnop"), Secret("qrst-uvwx-yzab-cdef")
ITEM = SecretItem.shared(EMAIL)
HOOK = f"secret-tool lookup service provisioner username {EMAIL}"


class Desk:
    """A machine, and what rotate proved: the pairs of user names that it logged in with."""

    def __init__(self, host: Host) -> None:
        self.host, self.journal = host, Journal(host.state_dir)
        self.report = Report("")
        self.proven: set[tuple[str, str]] = set()

    def setup(self, *client_ids: str, profile: str | None = None, label: str = "old label") -> None:
        options = SetupOptions(check=False, label=label, client=Options(profile=profile))
        context = Context(self.host, self.journal, Silent(), Report("setup"))
        setup(context, Wish(EMAIL), client_ids, ask(OLD), options)
        assert context.report.ok, context.report

    def rotate(self, *client_ids: str, profile: str | None = None) -> dict[str, ClientRow]:
        """The rows by place."""
        self.report = Report("rotate")
        context = Context(self.host, self.journal, Silent(), self.report)
        rotation.rotate(context, Wish(EMAIL), client_ids, ask(NEW), Options(profile=profile))
        return {Path(row.path).name: row for row in self.report.rows if isinstance(row, ClientRow)}

    @property
    def states(self) -> list[State]:
        return [row.state for row in self.report.rows if isinstance(row, ClientRow)]

    @property
    def item(self) -> Secret | None:
        return self.host.secrets.get(ITEM)

    def stored(self, profile: Path, account: Account) -> Secret | None:
        return thunderbird.stored_secret(self.host, account, Options(profile=str(profile)))


def watch(monkeypatch: pytest.MonkeyPatch, desk: Desk) -> Desk:
    def works(report: object, holders: list[Holder], *rest: object) -> bool:
        desk.proven |= {(one.account.imap.username, one.account.smtp.username) for one in holders}
        return True

    monkeypatch.setattr(rotation, "_works", works)
    return desk


@pytest.fixture
def bird(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Thunderbird with two profiles."""
    host = MACHINES["thunderbird-used"][1](tmp_path).host
    root = host.home / ".thunderbird"
    (root / "other").mkdir()
    with (root / "profiles.ini").open("a") as file:
        file.write("\n[Profile1]\nName=other\nIsRelative=1\nPath=other\n")
    return watch(monkeypatch, Desk(host))


@pytest.fixture
def terminals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return watch(monkeypatch, Desk(terminal(tmp_path, "msmtp", "mbsync", "secret-tool")))


def account(desk: Desk) -> Account:
    return desk.journal.receipts(EMAIL)[0].account


def by_hand(
    desk: Desk, profile: str = "other", change: Callable[[Account], Account] = lambda one: one
) -> Path:
    """An account in another profile, as if the user had typed it there."""
    path = desk.host.home / ".thunderbird" / profile
    plan = thunderbird.plan(desk.host, change(account(desk)), OLD, Options(profile=str(path)))
    for file in plan.changes:
        file.path.write_bytes(file.after or b"")
    return path


def other_form(one: Account) -> Account:
    """The same mailbox with the other form of the user name."""
    return dataclasses.replace(
        one,
        imap=dataclasses.replace(one.imap, username=EMAIL),
        smtp=dataclasses.replace(one.smtp, username=EMAIL),
    )


def set_prefs(profile: Path, **values: prefsjs.Value | None) -> None:
    path = profile / "prefs.js"
    names = {name.replace("__", "."): value for name, value in values.items()}
    path.write_bytes(prefsjs.parse(path.read_bytes(), path).edit(names))


# --- Thunderbird: every profile ---


def test_a_second_profile_with_a_hand_made_account_gets_the_password_and_nothing_else(bird: Desk) -> None:
    bird.setup("thunderbird")
    path = by_hand(bird, change=other_form)
    before = (path / "prefs.js").read_bytes()
    rows = bird.rotate()
    assert {name: row.state for name, row in rows.items()} == {
        "abc.default-release": State.CHANGED,
        "other": State.CHANGED,
    }
    assert bird.stored(path, other_form(account(bird))) == NEW
    assert bird.stored(path.with_name("abc.default-release"), account(bird)) == NEW
    assert (path / "prefs.js").read_bytes() == before
    assert bird.proven == {("jane.appleseed", EMAIL), (EMAIL, EMAIL)}
    assert 'revoke "old label"' in bird.report.next


def test_a_profile_without_the_password_is_left_alone(bird: Desk) -> None:
    bird.setup("thunderbird")
    path = by_hand(bird)
    (path / "logins.json").unlink()
    assert list(bird.rotate()) == ["abc.default-release"]
    assert not (path / "logins.json").exists()


def test_another_server_or_person_is_left_alone(bird: Desk) -> None:
    bird.setup("thunderbird")
    path = by_hand(bird)
    set_prefs(
        path,
        mail__identity__id1__useremail="jane.appleseed@elsewhere.example",
        mail__server__server1__userName="joe",
    )
    assert list(bird.rotate()) == ["abc.default-release"]


def test_a_bare_local_part_of_another_address_is_left_alone(bird: Desk) -> None:
    bird.setup("thunderbird")
    (receipt,) = bird.journal.receipts()
    path = by_hand(bird)
    set_prefs(path, mail__identity__id1__useremail="jane.appleseed@elsewhere.example")
    mine = other_form(receipt.account)  # our own login has the whole address
    assert thunderbird.find(bird.host, mine, Options(profile=str(path))) == ()
    set_prefs(path, mail__identity__id1__useremail=EMAIL)
    (found,) = thunderbird.find(bird.host, mine, Options(profile=str(path)))
    assert found.account is not None
    assert found.account.imap.username == "jane.appleseed"


def test_what_is_not_changed_from_here_is_said_before_the_label(bird: Desk) -> None:
    bird.setup("thunderbird")
    path = by_hand(bird)
    set_prefs(path, mail__smtpserver__smtp1__hostname="smtp.elsewhere.example")
    rows = bird.rotate()
    assert rows["other"].state is State.BY_HAND
    assert "change the password there" in rows["other"].message
    assert bird.report.next.splitlines()[0].startswith("First change the old password by hand")
    assert bird.report.exit_code == 0
    assert bird.stored(path, account(bird)) == OLD


def test_a_second_account_of_a_profile_is_named(bird: Desk) -> None:
    bird.setup("thunderbird")
    prefs = bird.host.home / ".thunderbird/abc.default-release"
    set_prefs(
        prefs,
        mail__accountmanager__accounts="account1,account2",
        mail__account__account2__server="server2",
        mail__server__server2__type="imap",
        mail__server__server2__hostname=account(bird).imap.host,
        mail__server__server2__userName=EMAIL,
    )
    bird.rotate()
    assert bird.states == [State.CHANGED, State.BY_HAND]


def test_a_profile_that_cannot_be_read_does_not_stop_the_others(bird: Desk) -> None:
    bird.setup("thunderbird")
    (bird.host.home / ".thunderbird/other/prefs.js").write_bytes(b"user_pref(broken")
    rows = bird.rotate()
    assert rows["other"].state is State.BY_HAND
    assert rows["abc.default-release"].state is State.CHANGED


def test_a_profile_whose_store_cannot_be_opened_is_named(bird: Desk) -> None:
    bird.setup("thunderbird")
    path = by_hand(bird)
    (path / "key4.db").write_bytes(b"damaged")
    rows = bird.rotate()
    assert rows["other"].state is State.BY_HAND
    assert "cannot be changed now" in rows["other"].message


def test_only_the_named_profile(bird: Desk) -> None:
    bird.setup("thunderbird")
    path = by_hand(bird)
    assert list(bird.rotate("thunderbird", profile="other")) == ["other"]
    assert bird.stored(path.with_name("abc.default-release"), account(bird)) == OLD
    assert '"old label"' not in bird.report.next


# --- gone ---


def test_an_account_that_is_gone_is_not_written_back(bird: Desk) -> None:
    bird.setup("thunderbird")
    bird.setup("thunderbird", profile="other")
    gone = bird.host.home / ".thunderbird/other/prefs.js"
    gone.write_bytes(b"// empty\n")
    rows = bird.rotate()
    assert rows["abc.default-release"].state is State.CHANGED
    assert rows["other"].state is State.GONE
    assert f"provisioner remove {EMAIL} thunderbird --client-profile {gone.parent}" in rows["other"].next
    assert gone.read_bytes() == b"// empty\n"
    assert bird.report.exit_code == 0
    assert 'revoke "old label"' in bird.report.next
    assert "still used" not in bird.report.next


@pytest.mark.parametrize("what", ["account", "profile"])
def test_if_all_are_gone_no_password_is_asked_for(
    bird: Desk, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    bird.setup("thunderbird")
    profile = bird.host.home / ".thunderbird/abc.default-release"
    if what == "account":
        (profile / "prefs.js").write_bytes(b"")
    else:
        profile.rename(profile.with_name("elsewhere"))
    monkeypatch.setattr(rotation, "ask_app_password", lambda *rest: pytest.fail("asked"))
    with pytest.raises(UsageError) as caught:
        bird.rotate()
    assert caught.value.code == "account.not_set_up"
    assert "any more" in caught.value.message
    assert bird.states == [State.GONE]


def test_a_block_that_is_gone(terminals: Desk) -> None:
    terminals.setup("msmtp", "mbsync")
    config = terminals.host.home / ".config/msmtp/config"
    config.write_text("# mine\n")
    rows = terminals.rotate()
    assert (rows["config"].state, rows["isyncrc" if "isyncrc" in rows else ".mbsyncrc"].state) == (
        State.GONE,
        State.CHANGED,
    )
    assert config.read_text() == "# mine\n"
    assert terminals.item == NEW


# --- edited blocks ---


def edit(path: Path, old: str, new: str) -> bytes:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path.read_bytes()


def test_an_edited_block_is_rotated_by_its_item_and_stays_as_it_is(terminals: Desk) -> None:
    terminals.setup("msmtp", "mbsync")
    config = terminals.host.home / ".config/msmtp/config"
    edited = edit(config, "tls_certcheck on", "tls_certcheck on\nlogfile ~/log")
    terminals.rotate()
    assert terminals.states == [State.CHANGED, State.CHANGED]
    assert config.read_bytes() == edited
    assert terminals.item == NEW
    assert 'revoke "old label"' in terminals.report.next
    assert {receipt.label == "old label" for receipt in terminals.journal.receipts()} == {False}


def test_a_block_with_a_command_of_its_own_stops_all_and_can_be_left_out(terminals: Desk) -> None:
    terminals.setup("msmtp", "mbsync")
    config = terminals.host.home / ".config/msmtp/config"
    edit(config, HOOK, "pass show mail")
    with pytest.raises(Conflict) as caught:
        terminals.rotate()
    assert caught.value.message.startswith("msmtp: ")
    assert caught.value.hint.endswith(f"Without msmtp:\n  provisioner rotate {EMAIL} --client mbsync")
    assert terminals.item == OLD
    terminals.rotate("mbsync")
    assert terminals.item == NEW


def test_failing_at_the_end_gives_the_item_back(terminals: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    terminals.setup("msmtp")
    edit(terminals.host.home / ".config/msmtp/config", "tls_certcheck on", "# edited")
    answers = iter([True, False])
    monkeypatch.setattr(rotation, "_works", lambda *rest: next(answers))
    with pytest.raises(Exception, match="does not any more"):
        terminals.rotate()
    assert terminals.item == OLD


# --- written by hand ---


def msmtp_account(command: str) -> str:
    return f"account mine\nhost smtp.mail.me.com\nuser {EMAIL}\n{command}\n"


def test_a_hand_written_account_is_named_before_the_label(terminals: Desk) -> None:
    terminals.setup("mbsync")
    own = terminals.host.home / ".msmtprc"
    own.write_text(msmtp_account("passwordeval pass show mail"))
    rows = terminals.rotate()
    assert rows[".msmtprc"].state is State.BY_HAND
    assert rows[".msmtprc"].message.startswith(f"~/.msmtprc line 4 has {EMAIL} at smtp.mail.me.com")
    assert terminals.report.next.startswith("First change")
    assert own.read_text() == msmtp_account("passwordeval pass show mail")


def test_a_hand_written_account_that_reads_our_item_needs_no_warning(terminals: Desk) -> None:
    terminals.setup("mbsync")
    own = terminals.host.home / ".msmtprc"
    own.write_text(msmtp_account(f'passwordeval "{HOOK}"'))
    before = own.read_bytes()
    terminals.rotate()
    assert State.BY_HAND not in terminals.states
    assert own.read_bytes() == before
    assert isinstance(terminals.host.secrets, MemoryStore)
    assert terminals.item == NEW


def test_markers_deleted_lines_kept(terminals: Desk) -> None:
    terminals.setup("msmtp")
    config = terminals.host.home / ".config/msmtp/config"
    config.write_text(
        "".join(
            line for line in config.read_text().splitlines(keepends=True) if "provisioner jane" not in line
        )
    )
    terminals.rotate()
    assert terminals.states == [State.CHANGED]
    assert terminals.item == NEW


# --- one password, one label ---


def labels(desk: Desk) -> dict[str, tuple[str, bool]]:
    """Of each client: the label, and whether another password took the place of the first."""
    return {one.client: (one.label, bool(one.rotated)) for one in desk.journal.receipts(EMAIL)}


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """msmtp and mbsync, which share an item, and alpine, which has a store of its own."""
    desk = watch(monkeypatch, Desk(terminal(tmp_path, "msmtp", "mbsync", "alpine", "secret-tool")))
    desk.setup("msmtp", "mbsync", "alpine")
    return desk


def test_who_shares_the_item_is_rotated_as_well(mixed: Desk) -> None:
    mixed.rotate("msmtp")
    found = labels(mixed)
    assert found["mbsync"] == found["msmtp"]
    assert found["mbsync"][1]
    assert found["mbsync"][0] != "old label"
    assert found["alpine"] == ("old label", False)


@pytest.mark.parametrize("rest", ["alpine", ""])
def test_the_rest_takes_over_the_label_of_the_same_password(mixed: Desk, rest: str) -> None:
    mixed.rotate("msmtp")
    label = labels(mixed)["msmtp"][0]
    mixed.rotate(*([rest] if rest else []))
    assert labels(mixed) == dict.fromkeys(("msmtp", "mbsync", "alpine"), (label, True))
    assert 'revoke "old label"' in mixed.report.next
    report = Report("remove")
    context = Context(mixed.host, mixed.journal, Silent(), report)
    remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
    assert report.next.splitlines() == [line for line in report.next.splitlines() if label in line]
    assert len(report.next.splitlines()) == 1


def test_a_password_put_in_by_hand_has_no_label_to_take_over(mixed: Desk) -> None:
    mixed.host.secrets.set(ITEM, NEW)
    mixed.rotate()
    assert len({label for label, _ in labels(mixed).values()}) == 1
    assert "old label" not in labels(mixed)["msmtp"]


def taken_out(desk: Desk, *client_ids: str) -> Report:
    report = Report("remove")
    context = Context(desk.host, desk.journal, Silent(), report)
    remove(context, EMAIL, client_ids, Options(), dry_run=False, wait=False)
    assert report.ok, report
    return report


UNNAMED = "Now revoke the old password where you made it."


def test_remove_says_that_a_password_put_in_by_hand_goes_too(mixed: Desk) -> None:
    mixed.host.secrets.set(ITEM, NEW)
    assert UNNAMED not in taken_out(mixed, "msmtp").next  # mbsync reads it
    report = taken_out(mixed)
    assert mixed.item is None
    assert UNNAMED in report.next
    assert 'revoke "old label"' in report.next
    notes = {row.client: " ".join(row.notes) for row in report.rows if isinstance(row, ClientRow)}
    assert 'another one than "old label"' in notes["mbsync"]
    assert "another" not in notes["alpine"]


def test_a_password_put_into_thunderbirds_own_store_goes_too(bird: Desk) -> None:
    bird.setup("thunderbird")
    (receipt,) = bird.journal.receipts()
    assert UNNAMED not in taken_out(bird).next
    bird.setup("thunderbird")
    for change in thunderbird.plan(bird.host, receipt.account, NEW, Options(profile=receipt.where)).changes:
        if change.after is not None:
            change.path.write_bytes(change.after)
    assert bird.stored(Path(receipt.where), receipt.account) == NEW
    assert UNNAMED in taken_out(bird).next


def test_a_client_set_up_later_has_the_label_of_its_password(terminals: Desk) -> None:
    terminals.setup("msmtp")
    terminals.setup("mbsync", label="")
    assert labels(terminals)["mbsync"] == ("old label", False)


# --- at the same time ---


@pytest.mark.parametrize("own", ["", "# mine\n"])
def test_a_remove_while_the_password_is_typed_is_told(terminals: Desk, own: str) -> None:
    config = terminals.host.home / ".config/msmtp/config"
    if own:
        config.parent.mkdir(parents=True)
        config.write_text(own)
    terminals.setup("msmtp")

    def removed_meanwhile(*_rest: object) -> Secret:
        context = Context(terminals.host, terminals.journal, Silent(), Report("remove"))
        remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
        return NEW

    context = Context(terminals.host, terminals.journal, Silent(), Report("rotate"))
    with pytest.raises(Conflict) as caught:
        rotation.rotate(context, Wish(EMAIL), [], removed_meanwhile, Options())
    assert caught.value.code == "drift"
    assert caught.value.message.startswith("Another provisioner has changed what is set up")
    assert terminals.item is None
    assert (config.read_text() if config.exists() else "") == own


def test_a_profile_that_goes_while_the_password_is_typed_is_told(bird: Desk) -> None:
    bird.setup("thunderbird")
    (receipt,) = bird.journal.receipts()

    def gone_meanwhile(*_rest: object) -> Secret:
        shutil.rmtree(bird.host.home / ".thunderbird")
        return NEW

    context = Context(bird.host, bird.journal, Silent(), Report("rotate"))
    with pytest.raises(Conflict) as caught:
        rotation.rotate(context, Wish(EMAIL), [], gone_meanwhile, Options())
    assert "--client-profile" not in f"{caught.value.message} {caught.value.hint}"
    assert caught.value.message == f"Mozilla Thunderbird: {receipt.where} is not there any more."
