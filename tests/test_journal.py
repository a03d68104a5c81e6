"""Receipts on disk: found again, believed only if they are ours, and nothing else there is touched."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import pytest

from provisioner import atomic, locks
from provisioner.apply import apply, recover
from provisioner.deed import Deed
from provisioner.errors import Conflict, HalfWay, ProvisionError
from provisioner.journal import Journal, new_id
from provisioner.model import FileChange, Plan
from provisioner.receipt import Receipt
from provisioner.workflows.labels import renamed
from tests.test_apply import ACCOUNT, World, second_plan

PLACES = ("", "receipts", "backups", "commits", "drafts")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return World(tmp_path)


def receipt_file(world: World) -> Path:
    (path,) = (world.journal.directory / "receipts").glob("*.json")
    return path


def edit(world: World, **values: Any) -> None:
    """Changes a receipt on disk; `file_...` changes its record of the file `changed`."""
    path = receipt_file(world)
    document = json.loads(path.read_text())
    record = next(one for one in document["files"] if one["path"].endswith("/changed"))
    for key, value in values.items():
        (record if key.startswith("file_") else document)[key.removeprefix("file_")] = value
    path.write_text(json.dumps(document))


def backup_of(world: World, receipt: Receipt) -> Path:
    record = next(one for one in receipt.files if one.path.endswith("/changed"))
    assert record.backup
    return world.journal.directory / "backups" / receipt.id / record.backup


def is_damaged(world: World, receipt: Receipt) -> bool:
    record = next(one for one in receipt.files if one.path.endswith("/changed"))
    try:
        world.journal.backup(receipt, record)
    except ProvisionError as error:
        return error.code == "backup.damaged"
    return False


def test_two_make_the_directory_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    real = atomic.make_directory

    def overtaken(path: Path) -> None:
        real(path)
        real(path)

    monkeypatch.setattr(atomic, "make_directory", overtaken)
    with world.journal.locked():
        assert world.journal.directory.is_dir()


def test_a_file_where_our_directory_would_be(world: World) -> None:
    world.journal.directory.parent.mkdir(parents=True)
    world.journal.directory.touch()
    with pytest.raises(ProvisionError), world.journal.locked():
        pass
    assert world.journal.directory.is_file()


def test_a_backup_is_taken_only_if_it_is_the_file_as_it_was(world: World) -> None:
    world.apply()
    (receipt,) = world.journal.receipts()
    path = backup_of(world, receipt)
    assert not is_damaged(world, receipt)
    data = path.read_bytes()
    path.write_bytes(data + b"x")
    assert is_damaged(world, receipt)
    path.write_bytes(b"")
    assert is_damaged(world, receipt)
    path.unlink()
    assert is_damaged(world, receipt)
    path.write_bytes(data)
    assert not is_damaged(world, receipt)


def test_recovery_never_restores_a_damaged_backup(world: World) -> None:
    def verify() -> None:
        (receipt,) = world.journal.unfinished()
        backup_of(world, receipt).write_bytes(b"altered")
        raise ProvisionError("It does not work.", "Everything is as it was before.", code="verify.failed")

    with pytest.raises(HalfWay, match=r"^It does not work\. .* damaged\. .* half-way") as caught:
        apply([Deed(world.plan(), ACCOUNT, "x")], world.host, world.journal, verify=verify)
    assert "as it was before" not in caught.value.hint
    with pytest.raises(ProvisionError) as again:
        recover(world.host, world.journal)
    assert again.value.code == "backup.damaged"
    assert (world.home / "app/changed").read_bytes() == b"new\n"
    assert world.journal.unfinished()


def test_a_second_setup_keeps_the_day_of_the_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for day, plan in (("2026-01-01", world.plan), ("2026-02-02", lambda: second_plan(world, b"two"))):
        monkeypatch.setattr("provisioner.deed.now", lambda day=day: day)
        world.apply(plan())
    (receipt,) = world.journal.receipts()
    assert (receipt.created, receipt.updated) == ("2026-01-01", "2026-02-02")


def test_receipts_are_found_by_address_in_any_case_and_by_client(world: World) -> None:
    path = world.home / "app/changed"
    for client, address in (("test", "Jane@iCloud.com"), ("other", "jane@icloud.com"), ("test", "j@x.org")):
        plan = Plan(client, "T", "w", (FileChange(path, world.host.read(path), (client + address).encode()),))
        account = dataclasses.replace(ACCOUNT, address=address)
        apply([Deed(plan, account, "x")], world.host, world.journal)

    def found(*wanted: str | None) -> list[tuple[str, str]]:
        return [(one.client, one.address) for one in world.journal.receipts(*wanted)]

    janes = [("test", "Jane@iCloud.com"), ("other", "jane@icloud.com")]
    assert found() == [*janes, ("test", "j@x.org")]
    assert found("JANE@icloud.COM") == janes
    assert found("JANE@icloud.COM", "other") == janes[1:]
    assert found(None, "test") == [janes[0], ("test", "j@x.org")]
    assert found("nobody@icloud.com") == found(None, "none") == []


def test_a_relabelled_receipt_still_undoes_the_setup(world: World) -> None:
    before = world.files()
    world.apply()
    (old,) = world.journal.receipts()
    apply([renamed(old, "New label")], world.host, world.journal)
    (new,) = world.journal.receipts()
    assert (new.label, new.rotated, new.previous) == ("New label", "", "")
    assert [(one.path, one.before, one.after, one.exact) for one in new.files] == [
        (one.path, one.before, one.after, one.exact) for one in old.files
    ]
    for name in ("created", "account", "provider", "seal", "adopted", "wrote_password", "directories"):
        assert getattr(new, name) == getattr(old, name), name
    apply([renamed(new, "Newer label", other=True)], world.host, world.journal)
    (newer,) = world.journal.receipts()
    assert (newer.label, newer.previous, newer.rotated != "") == ("Newer label", "New label", True)
    world.remove()
    assert world.files() == before


def test_only_one_relabels(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0)
    world.apply()
    (receipt,) = world.journal.receipts()
    with Journal(world.journal.directory).locked(), pytest.raises(Conflict):
        apply([renamed(receipt, "New label")], world.host, world.journal)
    assert world.journal.receipts()[0].label == receipt.label


# --- what is not believed ---


def unreadable(world: World) -> bool:
    try:
        world.journal.receipts()
    except ProvisionError as error:
        return error.code == "receipt.unreadable" and str(receipt_file(world)) in error.message
    return False


@pytest.mark.parametrize(
    "values",
    [
        {"schema": 2},
        {"schema": 0},
        {"id": "20260101T000000000000Z-00000000"},
        {"state": "finished"},
        {"files": None},
        {"file_backup": "../1-changed"},
        {"file_backup": "a/b"},
        {"file_backup": "/etc/passwd"},
        {"file_backup": ".."},
        {"file_mode": 0o4755},
        {"file_mode": 0o2755},
        {"file_mode": 0o1755},
        {"file_mode": -1},
        {"file_path": "app/changed"},
        {"file_path": ""},
    ],
    ids=str,
)
def test_a_receipt_that_we_would_not_write_is_refused(world: World, values: dict[str, Any]) -> None:
    world.apply()
    edit(world)
    assert not unreadable(world)
    edit(world, **values)
    assert unreadable(world)


def test_a_receipt_under_another_name_is_refused(world: World) -> None:
    world.apply()
    receipt_file(world).rename(receipt_file(world).with_name(f"{new_id()}.json"))
    assert unreadable(world)


def test_a_damaged_receipt_is_named(world: World) -> None:
    world.apply()
    receipt_file(world).write_text("{")
    assert unreadable(world)


def unsafe(world: World) -> bool:
    """Nothing can be read, and the refusal is a conflict."""
    refusals = []
    for look in (world.journal.receipts, world.journal.unfinished):
        try:
            look()
        except Conflict as error:
            refusals.append((error.code, error.exit_code))
    assert len(refusals) in (0, 2)
    return set(refusals) == {("state.unsafe", 5)}


def place(world: World, name: str) -> Path:
    path = world.journal.directory / name
    path.mkdir(mode=0o700, exist_ok=True)
    return path


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
@pytest.mark.parametrize("name", PLACES)
def test_a_directory_that_others_can_write_is_not_trusted(world: World, name: str, mode: int) -> None:
    world.apply()
    place(world, name).chmod(0o755)
    assert not unsafe(world)
    place(world, name).chmod(mode)
    assert unsafe(world)


@pytest.mark.parametrize("name", PLACES)
def test_a_directory_of_someone_else_is_not_trusted(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.apply()
    place(world, name)
    real = os.geteuid()
    theirs = world.journal.directory / name
    stat = Path.stat

    def foreign(path: Path, **kw: Any) -> os.stat_result:
        info = stat(path, **kw)
        if path == theirs:
            return os.stat_result((*info[:4], real + 1, *info[5:10]))
        return info

    assert not unsafe(world)
    monkeypatch.setattr(Path, "stat", foreign)
    assert unsafe(world)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_link_that_someone_else_planted_is_not_followed(world: World) -> None:
    world.apply()
    receipts = world.journal.directory / "receipts"
    receipts.rename(world.home / "mine")
    receipts.symlink_to(world.home / "mine")
    assert not unsafe(world)
    os.lchown(receipts, 12345, 12345)
    assert unsafe(world)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_link_of_ours_to_a_directory_of_someone_else_is_not_followed(world: World) -> None:
    world.apply()
    state = world.journal.directory
    state.rename(world.home / "theirs")
    state.symlink_to(world.home / "theirs")
    assert not unsafe(world)
    os.chown(world.home / "theirs", 12345, 12345)
    assert unsafe(world)


def test_nothing_is_recovered_from_a_directory_that_is_not_trusted(world: World) -> None:
    world.apply()
    edit(world, state="open", group="")
    (world.journal.directory / "receipts").chmod(0o777)
    with pytest.raises(Conflict) as caught:
        recover(world.host, world.journal)
    assert caught.value.code == "state.unsafe"
    assert (world.home / "app/changed").read_bytes() == b"new\n"


# --- what is not ours ---


def everything(directory: Path) -> dict[str, bytes | str | None]:
    return {
        str(path.relative_to(directory)): str(path.readlink())
        if path.is_symlink()
        else path.read_bytes()
        if path.is_file()
        else None
        for path in directory.rglob("*")
    }


def test_strange_files_are_neither_read_nor_touched(world: World, tmp_path: Path) -> None:
    world.apply()
    (receipt,) = world.journal.receipts()
    for name in ("receipts", "backups", "commits"):
        place(world, name)
    ours = set(everything(tmp_path))
    victim = tmp_path / "victim"
    victim.mkdir()
    for name in ("file", ".x.tmp", f"{new_id()}.json"):
        (victim / name).write_bytes(b"mine")
    for name in ("receipts", "backups", "commits"):
        stray = place(world, name)
        (stray / ".DS_Store").write_bytes(b"\0")
        (stray / "notes.tmp").write_bytes(b"mine")
        for directory in ("directory", f"{new_id()} (copy)"):
            (stray / directory).mkdir()
            (stray / directory / "file").write_bytes(b"mine")
        for copy in (f"copy of {new_id()}", f"copy of {new_id()}.json", f"{new_id()}.json~"):
            (stray / copy).write_bytes(b"mine")
        (stray / new_id()).symlink_to(victim)
        (stray / f"{new_id()}.json").symlink_to(victim / "file")
        (stray / ".planted.tmp").symlink_to(victim / "file")
    (world.journal.directory / "backups" / receipt.id / "directory").mkdir()
    planted = {name: data for name, data in everything(tmp_path).items() if name not in ours}

    assert world.journal.receipts() == [receipt]
    assert world.journal.unfinished() == []
    assert recover(world.host, world.journal) == ([], [])
    world.apply(second_plan(world, b"two"))
    assert len(world.journal.receipts()) == 1
    world.remove()
    assert world.journal.receipts() == []
    assert planted.items() <= everything(tmp_path).items()
    assert (world.home / "app/changed").read_bytes() == b"old\r\n\xff"


@pytest.mark.parametrize("name", ["receipts", "backups", "commits"])
def test_a_link_in_place_of_a_directory_is_left_alone(world: World, tmp_path: Path, name: str) -> None:
    world.apply()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    one = new_id()
    (elsewhere / one).write_bytes(b"mine")
    (elsewhere / f"{one}.json").write_bytes(b"mine")
    (elsewhere / ".x.tmp").write_bytes(b"mine")
    path = place(world, name)
    path.rename(tmp_path / "away")
    path.symlink_to(elsewhere)
    before = everything(elsewhere)
    world.journal.receipts()
    recover(world.host, world.journal)
    assert everything(elsewhere) == before


def test_left_over_temporary_files_of_ours_go(world: World) -> None:
    world.apply()
    (receipt,) = world.journal.receipts()
    state = world.journal.directory
    left = [
        state / "receipts/.x.json.new.tmp",
        state / f"backups/{receipt.id}/.1-changed.new.tmp",
        place(world, "commits") / ".x.new.tmp",
        place(world, "commits") / new_id(),
        state / f"backups/{receipt.id}/nobody-needs-it",
    ]
    for path in left:
        path.write_bytes(b"x")
    unowned = place(world, f"backups/{new_id()}")
    (unowned / "0-file").write_bytes(b"x")
    recover(world.host, world.journal)
    assert [path for path in (*left, unowned) if path.exists()] == []
    assert backup_of(world, receipt).exists()


def test_a_journal_that_was_never_used_is_empty(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    assert journal.receipts() == journal.unfinished() == []
    assert not journal.directory.exists()


def test_a_receipt_that_others_could_have_written_is_refused(world: World) -> None:
    world.apply()
    (path,) = (world.journal.directory / "receipts").glob("*.json")
    path.chmod(0o666)
    with pytest.raises(ProvisionError) as caught:
        world.journal.receipts()
    assert caught.value.code == "receipt.unreadable"


# --- files with a password that are written for the user ---


def leave_a_draft(world: World, target: Path) -> Path:
    """What a kill leaves: the note, and the temporary file that it names."""
    with world.journal.drafting(target, ACCOUNT.address, "apple-mail") as tag:
        (note,) = (world.journal.directory / "drafts").iterdir()
        data = note.read_bytes()
    assert not note.exists()
    note.write_bytes(data)
    note.chmod(0o600)
    path = atomic.temporary_name(target, tag)
    path.write_bytes(b"password")
    return path


def test_a_draft_is_noted_before_it_is_there_and_forgotten_after_it(world: World) -> None:
    target = world.home / "x.mobileconfig"
    with world.journal.drafting(target, ACCOUNT.address, "apple-mail") as tag:
        (draft,) = world.journal.drafts()
        assert draft.path == str(atomic.temporary_name(target, tag))
        assert not Path(draft.path).exists()
        Path(draft.path).write_bytes(b"password")
    assert not Path(draft.path).exists()
    assert world.journal.drafts() == []


@pytest.mark.parametrize("also_gone", ["nothing", "the file", "its directory"])
def test_what_a_killed_export_left_goes_with_the_next_command(world: World, also_gone: str) -> None:
    (world.home / "x").mkdir()
    path = leave_a_draft(world, world.home / "x/file")
    if also_gone != "nothing":
        path.unlink()
    if also_gone == "its directory":
        path.parent.rmdir()
        path.parent.write_bytes(b"")
    assert len(world.journal.drafts()) == 1
    with world.journal.locked():
        assert not path.exists()
    assert world.journal.drafts() == []


def test_the_note_stays_as_long_as_the_directory_is_away(world: World) -> None:
    stick, away = world.home / "stick", world.home / "away"
    stick.mkdir()
    path = leave_a_draft(world, stick / "file")
    stick.rename(away)
    recover(world.host, world.journal)
    away.rename(stick)
    recover(world.host, world.journal)
    assert not path.exists()
    assert world.journal.drafts() == []


def test_the_note_stays_as_long_as_the_file_cannot_be_deleted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = leave_a_draft(world, world.home / "file")
    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        recover(world.host, world.journal)
    assert path.exists()
    assert len(world.journal.drafts()) == 1
    recover(world.host, world.journal)
    assert not path.exists()


def refuse(*_arguments: object, **_more: object) -> None:
    raise OSError(5, "Input/output error")


@pytest.mark.parametrize("name", ["file", ".tmp", ".file.tmp", ".file.0123456g.tmp", ".file.01234567.tmp/x"])
def test_a_note_that_we_would_not_write_deletes_nothing(world: World, name: str) -> None:
    path = leave_a_draft(world, world.home / "file")
    (note,) = (world.journal.directory / "drafts").iterdir()
    other = world.home / name
    note.write_text(note.read_text().replace(str(path), str(other)))
    path.unlink()
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(b"mine")
    assert world.journal.drafts() == []
    recover(world.host, world.journal)
    assert other.read_bytes() == b"mine"


# --- what cannot be read is kept ---


def test_what_belongs_to_a_receipt_that_cannot_be_read_is_kept_and_not_taken_over(world: World) -> None:
    world.apply()
    (receipt,) = world.journal.receipts()
    marker = place(world, "commits") / new_id()
    marker.write_bytes(b"")
    edit(world, schema=2)
    other = dataclasses.replace(ACCOUNT, address="else@example.org")
    path = world.home / "another"
    plan = Plan("test", "Test", "elsewhere", (FileChange(path, None, b"x"),))
    apply([Deed(plan, other, "x")], world.host, world.journal)
    recover(world.host, world.journal, other.address)
    assert backup_of(world, receipt).exists()
    assert marker.exists()
    with pytest.raises(ProvisionError) as caught:
        world.journal.find(receipt.id)
    assert caught.value.code == "receipt.unreadable"
    with pytest.raises(ProvisionError):
        recover(world.host, world.journal, ACCOUNT.address)

    (receipt_of_other,) = world.journal.receipts(other.address)
    (world.journal.directory / "receipts" / f"{receipt_of_other.id}.json").unlink()
    edit(world, schema=1)
    recover(world.host, world.journal)
    assert not marker.exists()
    assert world.journal.receipts() == [receipt]
