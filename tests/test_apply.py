"""Plans become files completely or not at all; remove gives the bytes back; a killed run is put back."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner import atomic, locks
from provisioner.apply import apply, recover
from provisioner.deed import Deed
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.journal import Journal
from provisioner.model import Account, FileChange, Plan, Security, Server
from provisioner.receipt import Receipt
from provisioner.report import Report, Row
from provisioner.workflows.context import Context
from provisioner.workflows.undo import restored, untouched
from tests import faults

ACCOUNT = Account(
    address="jane@icloud.com",
    display_name="Jane",
    provider="icloud",
    title="iCloud Mail",
    imap=Server("imap.mail.me.com", 993, Security.TLS, "jane"),
    smtp=Server("smtp.mail.me.com", 587, Security.STARTTLS, "jane@icloud.com"),
)


class World:
    """A scratch home and a plan of three files: one new in a new directory, one changed, one removed."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.host = Host(home=self.home)
        self.journal = Journal(self.host.state_dir)
        self.reset()

    def reset(self) -> None:
        import shutil

        shutil.rmtree(self.home, ignore_errors=True)
        (self.home / "app").mkdir(parents=True, mode=0o755)
        changed = self.home / "app/changed"
        changed.write_bytes(b"old\r\n\xff")
        changed.chmod(0o640)
        (self.home / "app/removed").write_bytes(b"bye")

    def plan(self) -> Plan:
        read = self.host.read
        new, changed, removed = (
            self.home / "app/deep/er/new",
            self.home / "app/changed",
            self.home / "app/removed",
        )
        return Plan(
            client="test",
            title="Test",
            where=str(self.home / "app"),
            changes=(
                FileChange(new, read(new), b"fresh"),
                FileChange(changed, read(changed), b"new\n"),
                FileChange(removed, read(removed), None),
            ),
        )

    def apply(self, plan: Plan | None = None, ends: Receipt | None = None) -> None:
        apply([Deed(plan or self.plan(), ACCOUNT, "Test (host)", ends)], self.host, self.journal)

    def context(self) -> Context:
        rows: list[Row] = []
        return Context(self.host, self.journal, None, Report("remove", rows.append))  # type: ignore[arg-type]

    def remove(self) -> None:
        context = self.context()
        (receipt,) = self.journal.receipts()
        assert untouched(context, receipt)

        plan = restored(context, receipt)
        self.apply(plan, receipt)

    def files(self) -> dict[str, tuple[bytes | None, int]]:
        """Everything below the app's directory and in the backups: relative path -> (bytes, mode)."""
        found: dict[str, tuple[bytes | None, int]] = {}
        for path in sorted((self.home / "app").rglob("*")):
            data = path.read_bytes() if path.is_file() else None
            found[str(path.relative_to(self.home))] = (data, stat.S_IMODE(path.lstat().st_mode))
        return found


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    # A kill does not lose what was written, only a power cut does: the points are counted, not waited for.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return World(tmp_path)


def regular(files: dict[str, tuple[bytes | None, int]]) -> dict[str, tuple[bytes | None, int]]:
    """Without directories: an empty one may stay behind after a crash."""
    return {path: state for path, state in files.items() if state[0] is not None}


def undo_gives_the_original_back(world: World) -> None:
    """Whatever was interrupted: there is a receipt exactly if something is to be undone, and it does that."""
    pristine = {"app/changed": (b"old\r\n\xff", 0o640), "app/removed": (b"bye", 0o644)}
    assert len(world.journal.receipts()) == (regular(world.files()) != pristine)
    if world.journal.receipts():
        world.remove()
    assert regular(world.files()) == pristine


def leftovers(world: World) -> list[str]:
    """Temporary files anywhere, and backups that no receipt owns."""
    owned = {receipt.id for receipt in world.journal.receipts()}
    backups = world.journal.directory / "backups"
    stray = [str(path) for path in world.home.rglob("*.tmp")]
    return stray + [
        path.name for path in (backups.iterdir() if backups.is_dir() else ()) if path.name not in owned
    ]


def test_apply_then_plan_is_empty_and_remove_restores_bytes_modes_and_directories(world: World) -> None:
    before = world.files()
    world.apply()
    after = world.files()
    assert after["app/deep/er/new"] == (b"fresh", 0o600)
    assert after["app/changed"] == (b"new\n", 0o640)
    assert "app/removed" not in after
    assert stat.S_IMODE((world.home / "app/deep").stat().st_mode) == 0o700
    world.remove()
    assert world.files() == before
    assert world.journal.receipts() == []
    assert leftovers(world) == []


def test_receipts_and_backups_are_private(world: World) -> None:
    world.apply()
    for path in (world.journal.directory, *world.journal.directory.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_changed_since_the_plan_is_a_conflict(world: World) -> None:
    plan = world.plan()
    (world.home / "app/changed").write_bytes(b"someone else")
    before = world.files()
    with pytest.raises(Conflict) as caught:
        world.apply(plan)
    assert caught.value.code == "drift"
    assert world.files() == before
    assert world.journal.receipts() == []


def test_a_symlink_stays_a_symlink(world: World) -> None:
    real = world.home / "dotfiles"
    (world.home / "app/changed").rename(real)
    (world.home / "app/changed").symlink_to("../dotfiles")
    world.apply()
    assert (world.home / "app/changed").is_symlink()
    assert real.read_bytes() == b"new\n"
    world.remove()
    assert (world.home / "app/changed").is_symlink()
    assert real.read_bytes() == b"old\r\n\xff"


def second_plan(world: World, data: bytes) -> Plan:
    path = world.home / "app/changed"
    return Plan("test", "Test", str(world.home / "app"), (FileChange(path, world.host.read(path), data),))


def test_a_second_setup_keeps_the_first_undo_and_no_backup_in_between(world: World) -> None:
    before = world.files()
    world.apply()
    world.apply(second_plan(world, b"rotated"))
    (receipt,) = world.journal.receipts()
    kept = [path.read_bytes() for path in (world.journal.directory / "backups").rglob("*") if path.is_file()]
    assert sorted(kept) == sorted([b"old\r\n\xff", b"bye"])
    assert leftovers(world) == []
    assert len(receipt.files) == 3
    world.remove()
    assert world.files() == before


def test_after_a_change_by_someone_else_the_receipt_is_not_exact(world: World) -> None:
    world.apply()
    (world.home / "app/changed").write_bytes(b"by the client itself")
    world.apply(second_plan(world, b"rotated"))
    (receipt,) = world.journal.receipts()
    assert not untouched(world.context(), receipt)


def test_a_lost_backup_does_not_block_the_next_setup(world: World) -> None:
    world.apply()
    for path in (world.journal.directory / "backups").rglob("*"):
        if path.is_file():
            path.unlink()
    world.apply(second_plan(world, b"rotated"))
    assert world.journal.unfinished() == []
    (receipt,) = world.journal.receipts()
    assert not untouched(world.context(), receipt)


def test_only_one_at_a_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0)
    with Journal(world.journal.directory).locked(), pytest.raises(Conflict) as caught:
        world.apply()
    assert caught.value.code == "provisioner.running"


def test_a_directory_that_refuses_writing_leaves_all_as_it_was(world: World) -> None:
    blocker = world.home / "app/deep"
    blocker.write_bytes(b"a file where a directory should be")
    before = world.files()
    with pytest.raises(ProvisionError):
        world.apply()
    assert world.files() == before
    assert world.journal.unfinished() == []


@pytest.fixture(params=["apply", "second", "remove"])
def action(request: pytest.FixtureRequest, world: World) -> tuple[Callable[[], None], Callable[[], object]]:
    """(what is interrupted, how the state before it is made)"""

    def prepare() -> None:
        world.reset()
        if request.param != "apply":
            world.apply()

    return {
        "apply": (world.apply, prepare),
        "second": (lambda: world.apply(second_plan(world, b"rotated")), prepare),
        "remove": (world.remove, prepare),
    }[request.param]


def test_killed_at_every_point_the_next_run_finds_the_old_state_or_the_new(
    world: World, action: tuple[Callable[[], None], Callable[[], object]]
) -> None:
    doing, prepare = action
    prepare()
    old = world.files()
    doing()
    new = world.files()
    killed = 0
    for point, outcome in faults.points(doing, world.home, prepare, None):
        killed += outcome == faults.KILLED
        recover(world.host, world.journal)
        assert regular(world.files()) in (regular(old), regular(new)), point
        assert leftovers(world) == [], point
        undo_gives_the_original_back(world)
    assert killed > 10


@pytest.mark.parametrize("error", faults.ERRORS, ids=lambda code: errno.errorcode[code])
def test_a_disk_error_at_every_point_leaves_the_old_state_or_the_new(
    world: World, action: tuple[Callable[[], None], Callable[[], object]], error: int
) -> None:
    doing, prepare = action
    prepare()
    old = world.files()
    doing()
    new = world.files()
    refused = 0
    for point, outcome in faults.points(doing, world.home, prepare, error):
        refused += outcome == faults.REFUSED
        recover(world.host, world.journal)
        assert regular(world.files()) in (regular(old), regular(new)), point
        assert leftovers(world) == [], point
        undo_gives_the_original_back(world)
    assert refused > 5


def test_recovery_does_not_touch_what_someone_else_changed_since(world: World) -> None:
    for point in range(200):
        world.reset()
        outcome = faults.run(world.apply, world.home, point)
        if outcome == faults.KILLED and (world.home / "app/changed").read_bytes() == b"new\n":
            break
    assert outcome == faults.KILLED
    (world.home / "app/changed").write_bytes(b"mine now")
    with pytest.raises(Conflict) as caught:
        recover(world.host, world.journal)
    assert caught.value.code == "recover.changed"
    assert (world.home / "app/changed").read_bytes() == b"mine now"
    assert world.journal.unfinished()


def test_write_refuses_a_planted_temporary_file(tmp_path: Path) -> None:
    target, trap = tmp_path / "file", tmp_path / "victim"
    trap.write_bytes(b"victim")
    atomic.temporary_name(target, "t").symlink_to(trap)
    with pytest.raises(OSError):
        atomic.write(target, b"data", mode=0o600, tag="t")
    assert trap.read_bytes() == b"victim"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can write another user's file")
def test_the_owner_of_a_file_stays(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"x")
    os.chown(target, 12345, 12345)
    atomic.write(target, b"y", mode=0o600, tag="t")
    assert (target.stat().st_uid, target.stat().st_gid) == (12345, 12345)


def two_clients(world: World) -> None:
    """One group of two plans, as when a password is rotated in two clients."""
    other = world.home / "app/other"
    plan = Plan("other", "Other", "there", (FileChange(other, world.host.read(other), b"rotated too"),))
    deeds = [Deed(second_plan(world, b"rotated"), ACCOUNT, "new"), Deed(plan, ACCOUNT, "new")]
    apply(deeds, world.host, world.journal)


def test_a_group_becomes_true_together_or_not_at_all(world: World) -> None:
    def prepare() -> None:
        world.reset()
        world.apply()

    prepare()
    old = regular(world.files())
    two_clients(world)
    new = regular(world.files())
    seen = set()
    for point, _ in faults.points(lambda: two_clients(world), world.home, prepare, None):
        recover(world.host, world.journal)
        now = regular(world.files())
        assert now in (old, new), point
        assert {receipt.client for receipt in world.journal.receipts()} == (
            {"test", "other"} if now == new else {"test"}
        ), point
        assert leftovers(world) == [], point
        seen.add(now == new)
    assert seen == {True, False}


def test_what_verify_raises_takes_everything_back(world: World) -> None:
    before = world.files()

    def verify() -> None:
        assert world.files() != before
        raise Conflict("the new password does not work after all")

    with pytest.raises(Conflict):
        apply([Deed(world.plan(), ACCOUNT, "x")], world.host, world.journal, verify=verify)
    assert world.files() == before
    assert world.journal.receipts() == world.journal.unfinished() == []
