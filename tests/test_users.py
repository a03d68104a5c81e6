"""One password of several addresses and of accounts set up by hand: who has it is known to every verb."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from provisioner import clients, seals
from provisioner.accounts import Wish
from provisioner.clients import thunderbird
from provisioner.clients.base import Options
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.journal import Journal
from provisioner.model import Account, Security, Server
from provisioner.report import ClientRow, Report, State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context
from provisioner.workflows.guide import revoke_hints
from provisioner.workflows.recovery import _passwords
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from provisioner.workflows.status import status
from provisioner.workflows.users import same_login
from tests.clients.machines import MACHINES
from tests.clients.machines.base import terminal
from tests.memory_store import MemoryStore
from tests.test_adopted import files
from tests.test_crash import Silent, ask

EMAIL, ALIAS = "jane.appleseed@icloud.com", "jane@example.org"
OLD, NEW = Secret("abcd-efgh-ijkl-mnop"), Secret("qrst-uvwx-yzab-cdef")
ITEM = SecretItem.shared(EMAIL)
HOOK = f"secret-tool lookup service provisioner username {EMAIL}"


class Desk:
    """A machine on which an address and its alias have one login."""

    def __init__(self, host: Host) -> None:
        self.host, self.journal = host, Journal(host.state_dir)

    def context(self, verb: str) -> Context:
        return Context(self.host, self.journal, Silent(), Report(verb))

    def setup(
        self, address: str, *client_ids: str, secret: Secret = OLD, label: str | None = None, place: str = ""
    ) -> Report:
        context = self.context("setup")
        wish = Wish(EMAIL) if address == EMAIL else Wish(address, provider="icloud", login=EMAIL)
        options = SetupOptions(check=False, label=label, client=Options(profile=place or None))
        setup(context, wish, client_ids, ask(secret), options)
        return context.report

    def rotate(self, address: str, *client_ids: str) -> Report:
        context = self.context("rotate")
        rotation.rotate(context, Wish(address), client_ids, ask(NEW), Options())
        return context.report

    def remove(self, address: str, *client_ids: str) -> Report:
        context = self.context("remove")
        remove(context, address, client_ids, Options(), dry_run=False, wait=False)
        assert context.report.ok, context.report
        return context.report

    def forget(self, client_id: str) -> None:
        """As if the account had been set up by hand."""
        for receipt in self.journal.receipts(None, client_id):
            (self.journal.directory / "receipts" / f"{receipt.id}.json").unlink()

    @property
    def status(self) -> dict[tuple[str, str], str]:
        context = self.context("status")
        status(context, None, Options(), login=False)
        rows = (row for row in context.report.rows if isinstance(row, StatusRow))
        return {(row.address, row.client): row.message for row in rows}

    @property
    def labels(self) -> dict[tuple[str, str], tuple[str, bool]]:
        return {(one.address, one.client): (one.label, bool(one.rotated)) for one in self.journal.receipts()}

    def stored(self, address: str, client_id: str) -> Secret | None:
        (receipt,) = self.journal.receipts(address, client_id)
        at = Options(profile=receipt.where)
        return clients.get(client_id).stored_secret(self.host, receipt.account, at)


def messages(report: Report) -> list[str]:
    return [row.message for row in report.rows if isinstance(row, ClientRow)]


@pytest.fixture
def proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_works", lambda *_rest: True)


@pytest.fixture
def terminals(tmp_path: Path, proven: None) -> Desk:
    return Desk(terminal(tmp_path, "msmtp", "mbsync", "secret-tool"))


@pytest.fixture
def bird(tmp_path: Path, proven: None) -> Desk:
    """Thunderbird and msmtp."""
    desk = Desk(MACHINES["thunderbird-used"][1](tmp_path).host)
    for name in ("msmtp", "secret-tool"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    env = {**desk.host.env, "PATH": f"{desk.host.env.get('PATH', '')}:{tmp_path / 'bin'}"}
    desk.host = dataclasses.replace(desk.host, env=env, secrets=MemoryStore())
    return desk


# --- one login ---


def login(imap: tuple[str, str], smtp: tuple[str, str]) -> Account:
    incoming = Server(imap[0], 993, Security.TLS, imap[1])
    outgoing = Server(smtp[0], 587, Security.STARTTLS, smtp[1])
    return Account("x@example.org", "", "", "", incoming, outgoing)


BOTH = login(("imap.example", "jane"), ("smtp.example", "jane@example"))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (login(("IMAP.example", "Jane"), ("smtp.example", "jane@example")), True),
        (login(("imap.example", "jane@example"), ("smtp.example", "jane@example")), True),
        (login(("imap.example", "jane"), ("elsewhere.example", "someone")), True),
        (login(("imap.example", "joe"), ("smtp.example", "joe@example")), False),
        (login(("elsewhere.example", "jane"), ("smtp.example", "jane@example")), False),
    ],
)
def test_what_is_one_login(other: Account, same: bool) -> None:
    assert same_login(BOTH, other) is same
    assert same_login(other, BOTH) is same


SHARED = ["msmtp-fresh", "thunderbird-used", "claws-mail-used", "alpine-fresh", "mbsync-used", "curl-fresh"]


@pytest.mark.parametrize("order", [(EMAIL, ALIAS), (ALIAS, EMAIL)], ids=["own-first", "alias-first"])
@pytest.mark.parametrize("name", SHARED)
@pytest.mark.usefixtures("proven")
def test_rotate_and_remove_know_both_addresses(name: str, order: Sequence[str], tmp_path: Path) -> None:
    client_id, make = MACHINES[name]
    desk = Desk(make(tmp_path).host)
    before = files(desk.host)
    for address in (EMAIL, ALIAS):
        assert desk.setup(address, client_id, label="first").ok
    report = desk.rotate(EMAIL)
    assert [message.startswith(f"{ALIAS}: ") for message in messages(report)] == [False, True]
    assert report.next.startswith('To end the app-specific password, revoke "first" at ')
    ((label, rotated),) = set(desk.labels.values())
    assert label != "first"
    assert rotated
    assert [desk.stored(address, client_id) for address in order] == [NEW, NEW]
    assert set(desk.status.values()) == {"as it was set up"}

    first, last = order
    other = f" ({last})"
    expected = f'The password "{label}" is still used by {client_id}{other}: do not revoke it yet.'
    assert desk.remove(first).next == expected
    assert desk.stored(last, client_id) == NEW
    assert desk.status == {(last, client_id): "as it was set up"}
    assert f'revoke "{label}" at ' in desk.remove(last).next
    if isinstance(desk.host.secrets, MemoryStore):
        assert desk.host.secrets.items == {}
    if client_id != "thunderbird":  # which keeps its key
        assert files(desk.host).keys() == before.keys()


@pytest.mark.usefixtures("proven")
def test_a_file_of_two_addresses_is_put_back_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(MACHINES["claws-mail-used"][1](tmp_path).host)
    for address in (EMAIL, ALIAS):
        desk.setup(address, "claws-mail")
    before = files(desk.host)
    answers = iter([True, False])
    monkeypatch.setattr(rotation, "_works", lambda *_rest: next(answers))
    with pytest.raises(ProvisionError, match="does not any more"):
        desk.rotate(EMAIL)
    assert files(desk.host) == before
    assert [desk.stored(address, "claws-mail") for address in (EMAIL, ALIAS)] == [OLD, OLD]


def test_an_address_without_a_receipt_finds_those_of_its_login(terminals: Desk) -> None:
    terminals.setup(EMAIL, "msmtp")
    context = terminals.context("rotate")
    wish = Wish(ALIAS, provider="icloud", login=EMAIL)
    rotation.rotate(context, wish, [], ask(NEW), Options())
    assert terminals.host.secrets.get(ITEM) == NEW


def test_another_login_is_left_alone(terminals: Desk) -> None:
    terminals.setup(EMAIL, "msmtp")
    context = terminals.context("setup")
    setup(context, Wish("joe@icloud.com"), ["msmtp"], ask(OLD), SetupOptions(check=False))
    terminals.rotate(EMAIL)
    assert terminals.stored("joe@icloud.com", "msmtp") == OLD
    assert f'"{terminals.labels["joe@icloud.com", "msmtp"][0]}" is still' not in terminals.remove(EMAIL).next


def test_an_alias_in_one_thunderbird_account_is_taken_out_alone(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird")
    before = files(bird.host)
    assert bird.setup(ALIAS, "thunderbird").ok
    report = bird.remove(ALIAS)
    assert messages(report) == [f"{ALIAS} removed, every file is as it was before"]
    assert report.next.endswith(f"is still used by thunderbird ({EMAIL}): do not revoke it yet.")
    assert files(bird.host) == before


def test_an_account_shared_by_an_alias_outlives_its_first_address(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird")
    bird.setup(ALIAS, "thunderbird")
    prefs = next(bird.host.home.glob(".thunderbird/*/prefs.js"))
    bird.remove(EMAIL)
    assert ALIAS in prefs.read_text()
    assert f'useremail", "{EMAIL}' not in prefs.read_text()
    assert bird.stored(ALIAS, "thunderbird") == OLD
    bird.remove(ALIAS)
    assert ALIAS not in prefs.read_text()
    assert "imap.mail.me.com" not in prefs.read_text()


def test_another_password_for_the_alias_is_the_account_s_in_thunderbird(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird", label="first")
    bird.setup(ALIAS, "thunderbird", secret=NEW, label="second")
    assert bird.labels == {
        (EMAIL, "thunderbird"): ("second", True),
        (ALIAS, "thunderbird"): ("second", False),
    }
    assert set(bird.status.values()) == {"as it was set up"}


@pytest.mark.parametrize(
    "name", ["evolution-fresh", "geary-fresh", "gnome-online-accounts-fresh", "balsa-fresh", "kmail-fresh"]
)
def test_a_program_with_one_address_for_an_account_refuses_another(name: str, tmp_path: Path) -> None:
    client_id, make = MACHINES[name]
    desk = Desk(make(tmp_path).host)
    assert desk.setup(EMAIL, client_id).ok
    before = files(desk.host)
    with pytest.raises(ProvisionError, match=r"(logs in there|this login|reads the mailboxes).* already"):
        desk.setup(ALIAS, client_id)
    assert files(desk.host) == before
    assert list(desk.status) == [(EMAIL, client_id)]
    assert desk.status[EMAIL, client_id].startswith("as it was set up")


# --- set up by hand ---


@pytest.mark.parametrize("name", ["geary-fresh", "balsa-fresh"])
@pytest.mark.usefixtures("proven")
def test_an_account_of_one_address_is_no_stranger_when_another_is_asked_about(
    name: str, tmp_path: Path
) -> None:
    client_id, make = MACHINES[name]
    host = make(tmp_path).host
    for program in ("curl", "secret-tool"):
        (tmp_path / "bin" / program).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / program).chmod(0o755)
    desk = Desk(host)
    assert desk.setup(EMAIL, client_id).ok
    assert desk.setup(ALIAS, "curl").ok
    report = desk.rotate(ALIAS)
    states = [row.state for row in report.rows if isinstance(row, ClientRow)]
    assert states == [State.CHANGED] * 2
    assert desk.stored(EMAIL, client_id) == NEW
    assert "First change" not in report.next


def test_what_was_left_out_of_a_rotation_is_named(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird", "msmtp", label="first")
    bird.forget("thunderbird")
    report = bird.rotate(EMAIL, "msmtp")
    assert report.next.startswith(
        'The password "first" is still used by Mozilla Thunderbird (~/.thunderbird/'
    )
    bird.setup(EMAIL, "thunderbird", secret=NEW)
    assert "is still used by thunderbird" in bird.remove(EMAIL, "msmtp").next


def test_an_account_that_stays_after_remove_uses_the_password(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird", "msmtp", label="first")
    bird.forget("thunderbird")
    bird.rotate(EMAIL)  # adopts it
    label = bird.labels[EMAIL, "msmtp"][0]
    bird.remove(EMAIL, "thunderbird")
    report = bird.remove(EMAIL, "msmtp")
    assert report.next.startswith(f'The password "{label}" is still used by Mozilla Thunderbird (~/')


def test_with_all_removed_at_once_it_still_does(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird", "msmtp", label="first")
    bird.forget("thunderbird")
    bird.rotate(EMAIL)
    assert "is still used by Mozilla Thunderbird (~/" in bird.remove(EMAIL).next


def test_an_account_with_another_password_is_no_reason_to_keep_this_one(bird: Desk) -> None:
    bird.setup(EMAIL, "msmtp", label="first")
    bird.setup(EMAIL, "thunderbird", secret=NEW, label="second")
    bird.forget("thunderbird")
    assert bird.remove(EMAIL).next.startswith('To end the app-specific password, revoke "first"')


def test_an_account_that_has_the_new_password_already_is_none_of_the_old_one(bird: Desk) -> None:
    bird.setup(EMAIL, "msmtp", label="first")
    bird.setup(EMAIL, "thunderbird", secret=NEW, label="second")
    bird.forget("thunderbird")
    bird.host.secrets.delete(ITEM)  # so that nobody knows the old one
    assert bird.rotate(EMAIL, "msmtp").next.startswith('To end the app-specific password, revoke "first"')


def test_a_password_that_was_typed_into_another_client_is_in_use_there(bird: Desk, tmp_path: Path) -> None:
    bird.setup(EMAIL, "thunderbird", label="first")
    bird.setup(EMAIL, "msmtp", secret=NEW, label="second")
    by_hand = Desk(bird.host)
    by_hand.journal = Journal(tmp_path / "elsewhere")
    by_hand.setup(EMAIL, "thunderbird", secret=NEW)
    hint = 'The password "second" is still used by thunderbird: do not revoke it yet.'
    assert bird.remove(EMAIL, "msmtp").next == hint


def test_no_two_passwords_get_one_label(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird", label="first")
    bird.setup(EMAIL, "msmtp", secret=Secret("mnop-mnop-mnop-mnop"))
    bird.rotate(EMAIL, "thunderbird")
    label, _ = bird.labels[EMAIL, "thunderbird"]
    bird.remove(EMAIL)
    bird.setup(EMAIL, "thunderbird", label="first")
    bird.setup(EMAIL, "msmtp", secret=Secret("mnop-mnop-mnop-mnop"), label=label)
    bird.rotate(EMAIL, "thunderbird")
    assert bird.labels[EMAIL, "thunderbird"][0] not in ("first", label)


def test_what_recovery_says_of_a_rotation_is_about_the_old_password(terminals: Desk) -> None:
    terminals.setup(EMAIL, "mbsync", label="first")
    config = terminals.host.home / ".msmtprc"
    config.write_text(f'account mine\nhost smtp.mail.me.com\nuser {EMAIL}\npasswordeval "{HOOK}"\n')
    terminals.rotate(EMAIL, "mbsync")
    context = terminals.context("status")
    hint = revoke_hints(context, _passwords(context, terminals.journal.receipts()))
    assert hint.startswith('To end the app-specific password, revoke "first"')


def test_a_place_of_one_client_is_no_mistake_for_the_others(bird: Desk) -> None:
    bird.setup(EMAIL, "thunderbird", "msmtp")
    (receipt,) = bird.journal.receipts(EMAIL, "thunderbird")
    context = bird.context("rotate")
    rotation.rotate(context, Wish(EMAIL), (), ask(NEW), Options(profile=receipt.where))
    assert [row.client for row in context.report.rows if isinstance(row, ClientRow)] == ["thunderbird"]


def test_a_store_that_cannot_be_opened_is_named_before_the_label(bird: Desk) -> None:
    bird.setup(EMAIL, "msmtp", "thunderbird", label="first")
    bird.forget("thunderbird")
    next(bird.host.home.glob(".thunderbird/*/key4.db")).write_bytes(b"damaged")
    before, revoke = bird.remove(EMAIL).next.splitlines()
    assert before.startswith("Mozilla Thunderbird (~/.thunderbird/")
    assert before.endswith("has the account, too; with which password cannot be seen from here.")
    assert revoke.startswith('Unless it is still in use, revoke "first" at ')


def test_a_locked_keyring_under_another_label_is_named_before_the_label(
    bird: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    bird.setup(EMAIL, "thunderbird", label="first")
    bird.setup(EMAIL, "msmtp", secret=NEW, label="second")

    def locked(_item: SecretItem) -> Secret:
        raise ProvisionError("The keyring is locked.", "Unlock it.", code="keyring.locked")

    monkeypatch.setattr(bird.host.secrets, "get", locked)
    before, revoke = bird.remove(EMAIL, "thunderbird").next.splitlines()
    assert before == "With which password msmtp works cannot be seen: The keyring is locked. Unlock it."
    assert revoke.startswith('Unless it is still in use, revoke "first" at ')


def test_what_has_a_password_in_clear_is_named_before_the_label(terminals: Desk) -> None:
    terminals.setup(EMAIL, "mbsync", label="first")
    own = terminals.host.home / ".msmtprc"
    own.write_text(f"account mine\nhost smtp.mail.me.com\nuser {EMAIL}\npassword secret\n")
    before, revoke = terminals.remove(EMAIL).next.splitlines()
    assert before.startswith(f"~/.msmtprc line 4 has {EMAIL} at smtp.mail.me.com")
    assert revoke.startswith('To end the app-specific password, revoke "first"')


def test_one_line_that_reads_the_alias_s_item_needs_no_warning(terminals: Desk) -> None:
    terminals.setup(EMAIL, "mbsync")
    terminals.setup(ALIAS, "mbsync")
    own = terminals.host.home / ".msmtprc"
    hook = HOOK.replace(EMAIL, ALIAS)
    own.write_text(f'account mine\nhost smtp.mail.me.com\nuser {EMAIL}\npasswordeval "{hook}"\n')
    report = terminals.rotate(EMAIL)
    states = [row.state for row in report.rows if isinstance(row, ClientRow)]
    assert states == [State.CHANGED] * 3


# --- what goes from the keyring ---


def unmarked(path: Path) -> None:
    """Our lines become the user's own."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if f"provisioner {EMAIL}" not in line))


def test_an_item_stays_that_an_account_without_our_marks_reads(terminals: Desk) -> None:
    terminals.setup(EMAIL, "msmtp", "mbsync", label="first")
    unmarked(terminals.host.home / ".config/msmtp/config")
    report = terminals.remove(EMAIL)
    notes = [note for row in report.rows if isinstance(row, ClientRow) for note in row.notes]
    assert "The password stays in the keyring: msmtp (~/.config/msmtp/config) reads it." in notes
    assert terminals.host.secrets.get(ITEM) == OLD
    assert terminals.host.secrets.get(ITEM.seal) is None
    assert "is still used by msmtp (~/.config/msmtp/config)" in report.next


def test_an_item_of_the_user_s_own_stays_though_it_looks_like_ours(terminals: Desk) -> None:
    terminals.host.secrets.set(ITEM, OLD)
    terminals.setup(EMAIL, "mbsync")
    terminals.setup(EMAIL, "msmtp")
    terminals.remove(EMAIL, "mbsync")
    report = terminals.remove(EMAIL)
    notes = [note for row in report.rows if isinstance(row, ClientRow) for note in row.notes]
    assert "The password stays in the keyring, where it was before provisioner." in notes
    assert terminals.host.secrets.get(ITEM) == OLD
    assert terminals.host.secrets.get(ITEM.seal) is None


def test_an_item_of_ours_goes_though_nothing_is_known_of_its_beginning(terminals: Desk) -> None:
    terminals.setup(EMAIL, "mbsync")
    terminals.forget("mbsync")
    (terminals.host.home / ".mbsyncrc").unlink()
    assert seals.state(ITEM, terminals.host.secrets) is seals.Seal.WHOLE
    terminals.setup(EMAIL, "msmtp")
    terminals.remove(EMAIL)
    assert terminals.host.secrets.get(ITEM) is None


def test_a_receipt_says_whose_the_item_is(terminals: Desk) -> None:
    terminals.host.secrets.set(ITEM, OLD)
    terminals.setup(EMAIL, "mbsync")
    (receipt,) = terminals.journal.receipts()
    written = json.loads((terminals.journal.directory / f"receipts/{receipt.id}.json").read_text())
    assert [one["foreign"] for one in written["secrets"]] == [True, False]


def test_nothing_of_a_hand_made_profile_is_asked_to_unlock(
    bird: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def stored(_host: Host, _account: Account, options: Options) -> Secret | None:
        asked.append(options.unlock)
        return OLD

    bird.setup(EMAIL, "thunderbird", "msmtp")
    bird.forget("thunderbird")
    monkeypatch.setattr(thunderbird, "stored_secret", stored)
    bird.remove(EMAIL)
    assert asked
    assert set(asked) == {None}
