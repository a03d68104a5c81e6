"""remove where someone has changed or lost something: what is said and shown, and what --force does."""

from __future__ import annotations

import dataclasses
import re
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from provisioner import atomic, clients
from provisioner.errors import ProvisionError
from provisioner.items import SecretItem
from provisioner.journal import new_id
from provisioner.receipt import Receipt
from provisioner.report import ClientRow, Report, State
from provisioner.secret import MASK, Secret
from provisioner.workflows.context import Context
from provisioner.workflows.recovery import recover
from tests.clients.machines import MACHINES, msmtp, thunderbird
from tests.clients.test_contract import CANARY, NEWER, PROVIDERS, Setup, keyring, snapshot, usual
from tests.memory_store import MemoryStore
from tests.mozlock import held
from tests.test_remove import Ui, only, run

EDIT = (b"protocol smtp", b"protocol smtp\nlogfile ~/mine")


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    """msmtp with a configuration of the user's own, and our account in it."""
    made = Setup(clients.get("msmtp"), msmtp.used(tmp_path), PROVIDERS["icloud"])
    made.apply(made.plan())
    return made


@pytest.fixture
def bird(tmp_path: Path) -> Setup:
    made = Setup(clients.get("thunderbird"), thunderbird.thunderbird_used(tmp_path), PROVIDERS["icloud"])
    made.apply(made.plan())
    return made


def rc(setup: Setup) -> Path:
    (path,) = setup.machine.own
    return path


def change(path: Path, old: bytes, new: bytes) -> None:
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new))


def receipt_file(setup: Setup) -> Path:
    (path,) = (setup.journal.directory / "receipts").iterdir()
    return path


def alter(setup: Setup, alteration: Callable[[Receipt], Receipt]) -> None:
    """What the receipt says, as another run or another machine would have written it."""
    (receipt,) = setup.journal.receipts()
    receipt_file(setup).write_bytes(msgspec.json.encode(alteration(receipt)))


def forget_backups(setup: Setup) -> None:
    """As after a setup over someone's change: the bytes from before are not at hand."""

    def inexact(receipt: Receipt) -> Receipt:
        files = tuple(
            msgspec.structs.replace(record, exact=False, backup=None, before="0" * 64)
            for record in receipt.files
        )
        return msgspec.structs.replace(receipt, files=files)

    alter(setup, inexact)


def kept(setup: Setup) -> list[Path]:
    return [path for path in (setup.journal.directory / "kept").rglob("*") if path.is_file()]


def text_of(row: ClientRow) -> str:
    return "\n".join((row.message, row.next, *row.notes))


def named_paths_exist(setup: Setup, row: ClientRow) -> None:
    for word in re.findall(re.escape(str(setup.host.home)) + r"[^\s:,]*", text_of(row)):
        assert Path(word.rstrip(".")).exists(), word


# --- an edited block ---


def test_without_force_both_versions_are_named_and_the_ways_to_go_on(setup: Setup) -> None:
    change(rc(setup), *EDIT)
    before = snapshot(setup.host)
    row = only(run(setup))
    assert (row.state, row.code, row.exit_code) == (State.FAILED, "block.edited", 5)
    now, old, force, hand = row.next.splitlines()
    assert now == f"As it is now: {rc(setup)}"
    backup = Path(old.partition(": ")[2])
    assert old.startswith("As it was before 20")
    assert b"account work" in backup.read_bytes()
    assert b"provisioner" not in backup.read_bytes()
    assert force == (
        "With --force, provisioner takes the account out together with those changes, "
        "after keeping a copy of what is there now."
    )
    assert hand.startswith("By hand: Move your own lines out")
    assert snapshot(setup.host) == before
    assert not kept(setup)
    assert len(setup.journal.receipts()) == 1


def test_without_a_copy_from_before_that_is_said(setup: Setup) -> None:
    change(rc(setup), *EDIT)
    forget_backups(setup)
    row = only(run(setup))
    assert "There is no copy of it from before 20" in row.next
    assert "backups" not in row.next
    named_paths_exist(setup, row)


def test_without_a_file_before_that_is_said(tmp_path: Path) -> None:
    setup = Setup(clients.get("msmtp"), msmtp.fresh(tmp_path), PROVIDERS["icloud"])
    setup.apply(setup.plan())
    change(Path(setup.journal.receipts()[0].where), *EDIT)
    assert re.search(r"Before 20[-0-9]+ there was no such file\.", only(run(setup)).next)


@pytest.mark.parametrize("exact", [True, False])
def test_force_cuts_the_block_out_and_keeps_what_was_there(setup: Setup, exact: bool) -> None:
    own = rc(setup).read_bytes().partition(b"\r\n# >>>")[0]
    change(rc(setup), *EDIT)
    rc(setup).write_bytes(b"# later\r\n" + rc(setup).read_bytes())
    edited = rc(setup).read_bytes()
    if not exact:
        forget_backups(setup)
    row = only(run(setup, force=True))
    assert (row.state, row.message) == (State.REMOVED, "jane.appleseed@icloud.com taken out of msmtp")
    assert rc(setup).read_bytes() == b"# later\r\n" + own
    (copy,) = kept(setup)
    assert copy.read_bytes() == edited
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    assert f"The copy of what was there until now: {copy}" in row.notes
    assert "The password is gone from the keyring." in row.notes
    named_paths_exist(setup, row)
    assert setup.journal.receipts() == []
    assert keyring(setup.host) == {}


def test_force_without_need_keeps_nothing_and_names_nothing(setup: Setup) -> None:
    row = only(run(setup, force=True))
    assert "every file is as it was before" in row.message
    assert not (setup.journal.directory / "kept").exists()
    assert "kept" not in text_of(row)


ADDED = (
    b'user_pref("mail.identity.id2.useremail", "jane@work.example");\n'
    b'user_pref("mail.identity.id2.htmlSigText", "My signature");\n'
    b'user_pref("mail.identity.id2.valid", true);\n'
)
SIGNATURE = b'user_pref("mail.identity.id1.htmlSigText", "Mine, too");\n'


def test_what_was_added_to_the_account_in_thunderbird_goes_only_with_force(bird: Setup) -> None:
    prefs = rc(bird)
    ours = prefs.read_bytes()
    prefs.write_bytes(ours.replace(b'identities", "id1"', b'identities", "id1,id2"') + ADDED + SIGNATURE)
    changed = prefs.read_bytes()
    row = only(run(bird))
    assert (row.code, row.exit_code) == ("account.added_to", 5)
    for what in (
        "the identity jane@work.example",
        "signature of jane@work.example",
        "of jane.appleseed@icloud",
    ):
        assert what in row.message
    assert "With --force, provisioner takes the account out together with those changes" in row.next
    named_paths_exist(bird, row)
    assert prefs.read_bytes() == changed
    row = only(run(bird, force=True))
    assert (row.state, bird.journal.receipts()) == (State.REMOVED, [])
    assert b"id2" not in prefs.read_bytes()
    assert changed in {path.read_bytes() for path in kept(bird)}


@pytest.mark.parametrize(
    "name", ["organization", "reply_to", "escapedVCard", "doCcList", "doBccList", "openpgp_key_id"]
)
def test_what_was_typed_into_our_identity_goes_only_with_force(bird: Setup, name: str) -> None:
    prefs = rc(bird)
    prefs.write_bytes(prefs.read_bytes() + SIGNATURE.replace(b"htmlSigText", name.encode()))
    assert only(run(bird)).code == "account.added_to"


def test_an_identity_of_ours_without_additions_goes_as_ever(bird: Setup) -> None:
    prefs = rc(bird)
    prefs.write_bytes(prefs.read_bytes() + SIGNATURE.replace(b"Mine, too", b" ") + b'user_pref("x", 1);\n')
    assert only(run(bird)).state is State.REMOVED
    assert not kept(bird)


def test_no_copy_stays_if_it_did_not_work_out(bird: Setup) -> None:
    prefs = rc(bird)
    prefs.write_bytes(b"user_pref(broken")
    with held(prefs.with_name(".parentlock")):
        assert only(run(bird, force=True)).code == "client.running"
    assert prefs.read_bytes() == b"user_pref(broken"
    assert not kept(bird)
    assert not (bird.journal.directory / "kept").exists()
    assert only(run(bird, force=True)).ok
    assert b"user_pref(broken" in {path.read_bytes() for path in kept(bird)}


def test_a_copy_that_could_not_be_put_in_its_place_is_named_by_the_next_command(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(old: Path, new: Path) -> None:
        raise OSError(5, "Input/output error", str(new))

    change(rc(setup), *EDIT)
    changed = rc(setup).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "move", refuse)
        row = only(run(setup, force=True))
    assert (row.state, kept(setup)) == (State.REMOVED, [])
    assert "copy" not in "".join(row.notes)
    ui = Ui()
    recover(Context(setup.host, setup.journal, ui, Report("x")))  # type: ignore[arg-type]
    (copy,) = kept(setup)
    assert copy.read_bytes() == changed
    assert f"The copy of what was there until then: {copy}" in ui.said
    assert setup.journal.unfinished() == []


@pytest.mark.parametrize("machine", MACHINES)
def test_every_client_with_a_block_lets_it_go_with_force(tmp_path: Path, machine: str) -> None:
    client_id, make = MACHINES[machine]
    setup = Setup(clients.get(client_id), make(tmp_path), usual(machine))
    plan = setup.plan()
    marked = [one.path for one in plan.changes if b" >>> provisioner " in (one.after or b"")]
    if not marked:
        return
    setup.apply(plan)
    for path in marked:
        path.write_bytes(re.sub(rb"(>>> provisioner [^\n]*\n)", rb"\1\n", path.read_bytes()))
    forget_backups(setup)
    address = setup.account().address
    assert only(run(setup, address=address)).code == "block.edited"
    assert only(run(setup, address=address, force=True)).ok
    for path in marked:
        assert not path.exists() or b"provisioner" not in path.read_bytes()


# --- damaged markers ---


@pytest.mark.parametrize("force", [False, True])
def test_damaged_markers_are_never_guessed_about(setup: Setup, force: bool) -> None:
    data = rc(setup).read_bytes()
    rc(setup).write_bytes(data[: data.index(b"# <<<")].replace(*EDIT))
    before = snapshot(setup.host)
    row = only(run(setup, force=force))
    assert row.code == "block.broken"
    number = 1 + data[: data.index(b"# >>>")].count(b"\n")
    assert f"line {number} begins the block of jane.appleseed@icloud.com, which has no end" in row.message
    assert f"delete line {number} and those of the lines after it" in row.next
    assert "--force" not in row.next
    assert snapshot(setup.host) == before
    assert not kept(setup)
    named_paths_exist(setup, row)

    rc(setup).write_bytes(data[: data.index(b"# >>>")])  # by hand, as it says
    row = only(run(setup))
    assert row.message == f"jane.appleseed@icloud.com was not in {rc(setup)} any more"
    assert setup.journal.receipts() == []


def test_the_damage_of_another_account_does_not_keep_this_one_with_force(setup: Setup) -> None:
    joe = setup.account("joe")
    setup.apply(setup.plan(joe, NEWER), joe)
    data = rc(setup).read_bytes()
    rc(setup).write_bytes(data[: data.rindex(b"# <<<")])
    assert only(run(setup)).code == "block.broken"
    assert "takes the account out" in only(run(setup)).next
    assert only(run(setup, force=True)).ok
    assert b"jane" not in rc(setup).read_bytes()
    assert b"# >>> provisioner joe@icloud.com" in rc(setup).read_bytes()


# --- whole files ---


def test_what_whole_files_undo_besides_is_said(bird: Setup) -> None:
    joe = bird.account("joe")
    bird.apply(bird.plan(joe, NEWER), joe)
    rc(bird).write_bytes(b"user_pref(broken")
    refused = only(run(bird))
    assert "With --force, provisioner puts back every file as it was before 20" in refused.next
    assert "By hand: Mend or restore that file" in refused.next
    row = only(run(bird, force=True))
    assert "joe@icloud.com was set up in the same files: set it up again." in row.notes
    assert any("is undone, by whomever" in note for note in row.notes)
    assert {path.name.partition("-")[2] for path in kept(bird)} >= {"prefs.js", "key4.db", "logins.json"}


def test_force_against_user_js(bird: Setup) -> None:
    user = rc(bird).with_name("user.js")
    user.write_text('user_pref("mail.accountmanager.accounts", "account1");\n')
    rc(bird).write_text(rc(bird).read_text() + 'user_pref("later", 1);\n')
    assert only(run(bird)).code == "prefs.user_js"
    assert only(run(bird, force=True)).ok
    assert 'user_pref("later", 1);\n' in rc(bird).read_text()
    assert "icloud" not in rc(bird).read_text()


def test_force_with_a_password_store_that_is_not_recognised(bird: Setup) -> None:
    key4 = rc(bird).with_name("key4.db")
    key4.write_bytes(b"not a store")
    assert only(run(bird)).code == "store.unrecognised"
    row = only(run(bird, force=True))
    assert row.ok
    assert "imap://imap.mail.me.com and smtp://smtp.mail.me.com stay in it" in text_of(row)
    assert key4.read_bytes() == b"not a store"
    assert "icloud" not in rc(bird).read_text()


# --- what has vanished ---


def test_a_file_that_is_gone(setup: Setup) -> None:
    rc(setup).unlink()
    row = only(run(setup, dry_run=True))
    assert row.diff.startswith("- keyring item")
    row = only(run(setup))
    assert (row.ok, row.message) == (True, f"jane.appleseed@icloud.com was not in {rc(setup)} any more")
    assert setup.journal.receipts() == []
    assert keyring(setup.host) == {}


def test_a_program_that_is_gone(setup: Setup) -> None:
    for program in (setup.host.home.parent / "bin").iterdir():
        program.unlink()
    rc(setup).write_bytes(b"# later\n" + rc(setup).read_bytes())
    assert only(run(setup)).ok
    assert b"provisioner" not in rc(setup).read_bytes()
    assert setup.journal.receipts() == []


@pytest.mark.parametrize("instead", [None, "a file"])
def test_a_directory_that_is_gone(bird: Setup, instead: str | None) -> None:
    profile = rc(bird).parent
    for path in profile.iterdir():
        path.unlink()
    profile.rmdir()
    if instead:
        profile.write_text(instead)
    row = only(run(bird))
    assert (row.ok, row.message) == (True, f"nothing to remove: {profile} is gone")
    assert bird.journal.receipts() == []


@pytest.mark.parametrize("state", ["directory", "unreadable", "loop"])
def test_something_else_in_its_place_is_no_traceback(setup: Setup, state: str) -> None:
    path = rc(setup)
    path.unlink()
    if state == "directory":
        path.mkdir()
    else:
        path.symlink_to(path if state == "loop" else "/proc/1/mem")
    for force in (False, True):
        row = only(run(setup, force=force))
        assert not row.ok
        assert row.next
    assert len(setup.journal.receipts()) == 1
    path.rmdir() if state == "directory" else path.unlink()
    assert only(run(setup)).ok


def moved(setup: Setup) -> Setup:
    """The home has another name now; the files came along, the receipts in them say the old one."""
    home = setup.host.home.rename(setup.host.home.with_name("new-home"))
    host = dataclasses.replace(setup.host, home=home)
    return Setup(setup.client, dataclasses.replace(setup.machine, host=host), setup.provider)


def test_a_home_that_was_moved(setup: Setup) -> None:
    old, new = setup.host.home, moved(setup)
    copy = new.host.home / ".msmtprc"
    before = copy.read_bytes()
    row = only(run(new))
    assert (row.ok, row.code) == (False, "receipt.moved")
    assert f"{old / '.msmtprc'}, which is not there; your home is {new.host.home} now" in row.message
    assert f"look at {copy}" in row.next
    assert "With --force, provisioner changes no file and forgets" in row.next
    assert len(new.journal.receipts()) == 1
    assert keyring(new.host)

    planned = only(run(new, force=True, dry_run=True))
    assert planned.diff.startswith("- keyring item")
    row = only(run(new, force=True))
    assert (row.ok, row.message) == (True, "jane.appleseed@icloud.com is forgotten here, no file is changed")
    assert any(str(copy) in note for note in row.notes)
    assert "The password stays in the keyring: msmtp (~/.msmtprc) reads it." in row.notes
    assert copy.read_bytes() == before
    assert new.journal.receipts() == []
    assert len(keyring(new.host)) == 1
    assert not kept(new)


def test_a_place_outside_the_home_that_is_there_is_no_move(setup: Setup) -> None:
    """The user named that file at setup."""
    host = dataclasses.replace(setup.host, home=setup.host.home.parent / "other")
    host.home.mkdir()
    setup.journal.directory.rename(host.home / "state")
    host = dataclasses.replace(host, env={**host.env, "XDG_STATE_HOME": str(host.home)})
    (host.home / "state").rename(host.state_dir)
    there = Setup(setup.client, dataclasses.replace(setup.machine, host=host), setup.provider)
    assert only(run(there)).ok
    assert b"provisioner" not in rc(setup).read_bytes()


def unknown(receipt: Receipt) -> Receipt:
    return msgspec.structs.replace(receipt, client="pegasus")


def test_a_client_of_another_version_is_undone_where_nothing_has_changed(setup: Setup) -> None:
    alter(setup, unknown)
    row = only(run(setup, "pegasus"))
    assert (row.ok, row.client) == (True, "pegasus")
    assert b"provisioner" not in rc(setup).read_bytes()


def test_a_client_of_another_version_can_be_forgotten(setup: Setup) -> None:
    alter(setup, unknown)
    rc(setup).write_bytes(rc(setup).read_bytes() + b"# later\n")
    row = only(run(setup))
    assert (row.code, row.exit_code) == ("client.unknown", 5)
    assert "set up in pegasus, which this provisioner does not know" in row.message
    before = rc(setup).read_bytes()
    row = only(run(setup, force=True))
    assert row.ok
    assert f"Left as it is: {rc(setup)}" in row.notes
    assert rc(setup).read_bytes() == before
    assert setup.journal.receipts() == []


def test_without_a_keyring_the_rest_goes_with_force(setup: Setup) -> None:
    class Gone(MemoryStore):
        def get(self, item: SecretItem) -> Secret | None:
            raise ProvisionError("There is no keyring here.", "Start one.", code="keyring.none")

    there = Setup(
        setup.client,
        dataclasses.replace(setup.machine, host=dataclasses.replace(setup.host, secrets=Gone())),
        setup.provider,
    )
    row = only(run(there))
    assert (row.code, "with --force" in row.next) == ("keyring.none", True)
    assert len(there.journal.receipts()) == 1
    row = only(run(there, force=True))
    assert row.ok
    assert 'delete "Mail password of jane.appleseed@icloud.com" in it' in text_of(row)
    assert there.journal.receipts() == []


# --- what a dry run shows ---

OTHERS = b"hunter2-Zx9"


def test_a_dry_run_shows_a_real_diff_without_anyones_password(setup: Setup) -> None:
    change(rc(setup), *EDIT)
    change(rc(setup), b"~/mine", b"~/mine\npassword " + OTHERS + b"\n# was " + CANARY.reveal().encode())
    change(rc(setup), b"host mail", b"password " + OTHERS + b"\nhost mail")
    before = snapshot(setup.host)
    row = only(run(setup, force=True, dry_run=True))
    assert snapshot(setup.host) == before
    assert not kept(setup)
    assert row.state is State.PLANNED
    for line in (
        f"-password {MASK}",
        "-logfile ~/mine",
        "-tls_certcheck on",
        f"-# was {MASK}",
        f" password {MASK}",
    ):
        assert line in row.diff.splitlines()
    item = f"- keyring item (service=provisioner, username=jane.appleseed@icloud.com): {MASK}"
    assert item in row.diff.splitlines()
    assert OTHERS.decode() not in row.diff
    assert CANARY.reveal() not in row.diff


def test_a_password_that_another_client_still_uses_is_masked_too(tmp_path: Path) -> None:
    """Then the keyring item is not in the plan, and all the same it is known."""
    setup = Setup(clients.get("msmtp"), msmtp.used(tmp_path), PROVIDERS["icloud"])
    setup.apply(setup.plan())
    (receipt,) = setup.journal.receipts()
    other = msgspec.structs.replace(receipt, id=receipt.id[:-8] + "00000000", client="pegasus", files=())
    setup.journal.open(other, {})
    change(rc(setup), EDIT[0], EDIT[0] + b"\nlogfile " + CANARY.reveal().encode())
    report = run(setup, "msmtp", force=True, dry_run=True)
    row = only(report)
    assert "keyring item" not in row.diff
    assert f"-logfile {MASK}" in row.diff.splitlines()


def test_a_backup_that_is_put_back_is_shown_masked(tmp_path: Path) -> None:
    machine = thunderbird.thunderbird_used(tmp_path)
    (prefs,) = machine.own
    prefs.write_bytes(prefs.read_bytes() + b'user_pref("mail.server.server9.password", "' + OTHERS + b'");\n')
    setup = Setup(clients.get("thunderbird"), machine, PROVIDERS["icloud"])
    setup.apply(setup.plan())
    row = only(run(setup, dry_run=True))
    assert '-user_pref("mail.server.server1.hostname", "imap.mail.me.com");' in row.diff
    assert OTHERS.decode() not in row.diff
    assert "-entry 1: password for imap://imap.mail.me.com, saved 20" in row.diff
    assert "-NSS key database, " in row.diff
    assert "(as " not in row.diff


def test_a_dry_run_of_nothing_says_so(setup: Setup) -> None:
    rc(setup).unlink()
    assert isinstance(setup.host.secrets, MemoryStore)
    setup.host.secrets.items.clear()
    row = only(run(setup, dry_run=True))
    assert row.message.startswith("would change no file: jane.appleseed@icloud.com was not in")
    assert row.diff == ""


# --- a block without its end ---

END = re.compile(rb"# <<< provisioner .*\n?")


def without_end(path: Path, old: bytes = b"", new: bytes = b"") -> None:
    data, count = END.subn(b"", path.read_bytes())
    assert count == 1
    path.write_bytes(data.replace(old, new) if old else data)


@pytest.fixture
def fresh(tmp_path: Path) -> Setup:
    """msmtp whose whole configuration is ours."""
    made = Setup(clients.get("msmtp"), msmtp.fresh(tmp_path), PROVIDERS["icloud"])
    made.apply(made.plan())
    return made


def test_force_knows_a_body_by_its_number_where_the_end_is_gone(setup: Setup) -> None:
    own = rc(setup).read_bytes().partition(b"\r\n# >>>")[0]
    without_end(rc(setup))
    rc(setup).write_bytes(rc(setup).read_bytes() + b"# later\r\n")
    damaged = rc(setup).read_bytes()
    assert only(run(setup)).code == "block.broken"
    assert only(run(setup, force=True)).state is State.REMOVED
    assert rc(setup).read_bytes() == own + b"\r\n# later\r\n"
    assert [path.read_bytes() for path in kept(setup)] == [damaged]


def test_force_removes_a_file_that_we_made_and_keeps_it(fresh: Setup) -> None:
    path = Path(fresh.journal.receipts()[0].where)
    without_end(path, *EDIT)
    damaged = path.read_bytes()
    row = only(run(fresh))
    assert row.code == "block.broken"
    assert "With --force, provisioner puts back every file as it was before" in row.next
    row = only(run(fresh, force=True))
    assert (row.state, path.exists()) == (State.REMOVED, False)
    assert [copy.read_bytes() for copy in kept(fresh)] == [damaged]
    assert fresh.journal.receipts() == []


@pytest.mark.parametrize("other", ["account", "marker", "receipt"])
def test_force_leaves_a_file_that_may_hold_another_account(fresh: Setup, other: str) -> None:
    path = Path(fresh.journal.receipts()[0].where)
    without_end(path, *EDIT)
    if other == "account":
        path.write_bytes(b"# >>> provisioner bob@example.org 0123456789abcdef >>>\n" + path.read_bytes())
    elif other == "marker":
        path.write_bytes(path.read_bytes() + b"# >>> provisioner bob@exam\n")
    else:
        (mine,) = fresh.journal.receipts()
        also = msgspec.structs.replace(mine, id=new_id(), address="bob@example.org")
        (receipt_file(fresh).parent / f"{also.id}.json").write_bytes(msgspec.json.encode(also))
    damaged = path.read_bytes()
    row = only(run(fresh, force=True))
    assert (row.state, row.code) == (State.FAILED, "block.broken")
    assert path.read_bytes() == damaged
    assert not kept(fresh)


def test_force_leaves_a_file_of_the_users_where_it_cannot_tell(setup: Setup) -> None:
    without_end(rc(setup), *EDIT)
    damaged = rc(setup).read_bytes()
    assert only(run(setup, force=True)).code == "block.broken"
    assert rc(setup).read_bytes() == damaged
