"""Files, directories, file systems that are not as usual: a clear refusal, or it works; nothing is lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import provisioner.clients.apple_mail  # noqa: F401 - another user may not be able to load it later
from provisioner import atomic
from provisioner.apply import apply, recover
from provisioner.attributes import ACL
from provisioner.deed import Deed
from provisioner.errors import Conflict, ProvisionError
from provisioner.journal import Journal
from tests.mozlock import in_child
from tests.needs import need
from tests.test_apply import ACCOUNT, World, leftovers
from tests.test_attributes import acl
from tests.test_rollback import killed

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be someone else, or lock a file")


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return World(tmp_path)


@pytest.fixture
def open_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world in a place that another user can reach, and which belongs to that user."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    world = World(directory)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    yield world
    shutil.rmtree(directory)


def state(world: World) -> dict[Path, tuple[object, ...]]:
    """Everything in the home but our own: its kind, mode, owner, and what is in it."""
    own = world.journal.directory
    found: dict[Path, tuple[object, ...]] = {}
    for path in world.home.rglob("*"):
        if own not in (path, *path.parents) and path not in own.parents:
            info = path.lstat()
            found[path] = (
                info.st_mode,
                info.st_uid,
                info.st_gid,
                path.read_bytes() if path.is_file() else b"",
            )
    return found


def refused(world: World, run: Callable[[], object] | None = None) -> ProvisionError:
    """The refusal; the home is as it was, and nothing of ours is left."""
    before = state(world)
    with pytest.raises(ProvisionError) as caught:
        (run or world.apply)()
    assert state(world) == before
    assert world.journal.receipts() == world.journal.unfinished() == []
    assert leftovers(world) == []
    assert caught.value.hint
    return caught.value


def as_nobody(action: Callable[[], object]) -> None:
    def run() -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            action()
        except BaseException:
            traceback.print_exc()
            raise

    assert in_child(run) == 0


def hard_link(changed: Path) -> None:
    changed.with_name("twin").hardlink_to(changed)


def read_only(changed: Path) -> None:
    changed.chmod(0o440)


def setgid(changed: Path) -> None:
    changed.chmod(0o2750)


def linked_out(changed: Path) -> None:
    home = next(parent for parent in changed.parents if parent.name == "home")
    outside = home.with_name("outside")
    changed.rename(outside)
    changed.symlink_to(outside)


def shared(changed: Path) -> None:
    changed.parents[1].chmod(0o777)


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (hard_link, "file.hard_link"),
        (read_only, "file.read_only"),
        (setgid, "file.setuid"),
        (linked_out, "file.outside_home"),
        (shared, "file.shared_parent"),
    ],
)
def test_what_is_not_plain_is_refused_before_anything_is_written(
    world: World, make: Callable[[Path], None], code: str
) -> None:
    make(world.home / "app/changed")
    assert refused(world).code == code
    assert not world.journal.directory.exists() or not list(world.journal.directory.glob("*/*"))


@root_only
@pytest.mark.parametrize("name", ["changed", "removed", "."])
def test_a_locked_file_or_directory_is_refused(world: World, name: str) -> None:
    """chattr(1): not even root can replace, remove or add anything."""
    path = world.home / "app" / name
    chattr = shutil.which("chattr")
    need(
        chattr and subprocess.run([chattr, "+i", path], capture_output=True).returncode == 0, "no chattr here"
    )
    try:
        error = refused(world)
    finally:
        subprocess.run([chattr or "", "-i", path], check=True)
    assert error.code == "file.unwritable"
    assert "lsattr" in error.hint
    world.apply()
    assert (world.home / "app/changed").read_bytes() == b"new\n"


@root_only
def test_an_ordinary_user_needs_no_right_but_to_the_own_files(open_world: World) -> None:
    as_nobody(open_world.apply)
    assert (open_world.home / "app/changed").read_bytes() == b"new\n"
    as_nobody(open_world.remove)
    assert (open_world.home / "app/changed").read_bytes() == b"old\r\n\xff"


@root_only
@pytest.mark.parametrize("mode", [0o555, 0o311], ids=["not writable", "not readable"])
def test_a_directory_without_permission_is_refused(open_world: World, mode: int) -> None:
    """One that cannot be read cannot be synced either."""
    (open_world.home / "app").chmod(mode)

    def run() -> None:
        with pytest.raises(ProvisionError) as caught:
            open_world.apply()
        assert caught.value.code == "file.unwritable"
        assert "permissions" in caught.value.hint
        assert leftovers(open_world) == []

    before = state(open_world)
    as_nobody(run)
    assert state(open_world) == before


@root_only
@pytest.mark.parametrize(
    ("owner", "group", "code"),
    [(0, -1, "file.owner"), (-1, 12345, "file.unwritable")],
    ids=["owner", "group"],
)
def test_what_cannot_be_kept_is_not_lost(open_world: World, owner: int, group: int, code: str) -> None:
    os.chown(open_world.home / "app/changed", owner, group)
    (open_world.home / "app/changed").chmod(0o644)

    def run() -> None:
        with pytest.raises(ProvisionError) as caught:
            open_world.apply()
        assert caught.value.code == code
        assert str(open_world.home / "app/changed") in caught.value.message
        assert leftovers(open_world) == []

    before = state(open_world)
    as_nobody(run)
    assert state(open_world) == before


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
@pytest.mark.parametrize("wait", [True, False])
def test_a_state_directory_that_cannot_be_locked_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, number: int, wait: bool
) -> None:
    def flock(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    def run() -> None:
        with world.journal.locked(wait=wait):
            pytest.fail("it has no lock")

    monkeypatch.setattr("fcntl.flock", flock)
    error = refused(world, run)
    assert error.code == "state.no_locks"
    assert "XDG_STATE_HOME" in error.hint


def test_the_state_directory_is_vetted_up_to_the_home(world: World) -> None:
    world.journal = Journal(world.host.state_dir, world.home)
    (world.home / ".local").mkdir()
    (world.home / ".local").chmod(0o777)
    before = state(world)
    with pytest.raises(Conflict) as caught:
        world.apply()
    assert caught.value.code == "file.shared_parent"
    assert state(world) == before
    assert not world.journal.directory.exists()


def test_a_state_directory_behind_a_link_out_of_the_home_is_refused(world: World, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (world.home / ".local").symlink_to(tmp_path / "outside")
    world.journal = Journal(world.host.state_dir, world.home)
    with pytest.raises(Conflict) as caught:
        world.apply()
    assert caught.value.code == "file.outside_home"
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_state_directory_behind_links_in_the_home_is_fine(world: World) -> None:
    (world.home / "data").mkdir()
    (world.home / ".local").symlink_to("data")
    journal = Journal(world.host.state_dir, world.home)
    world.journal = journal
    world.apply()
    assert len(journal.receipts()) == 1
    assert (world.home / "data/state/provisioner/receipts").is_dir()
    world.remove()


def swap(world: World, target: Path) -> None:
    (world.home / "app").rename(world.home / "app.old")
    (world.home / "app").symlink_to(target)


def meanwhile(world: World, monkeypatch: pytest.MonkeyPatch, action: Callable[[], None]) -> None:
    """`action` happens after the vetting and before the first write."""
    real = world.journal.open

    def opened(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        action()

    monkeypatch.setattr(world.journal, "open", opened)


@pytest.mark.parametrize("where", ["outside", "home/other"])
def test_a_link_put_there_after_the_vetting_leads_nowhere(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    victim = tmp_path / where
    shutil.copytree(world.home / "app", victim)
    before = {path: path.read_bytes() for path in victim.iterdir()}
    meanwhile(world, monkeypatch, lambda: swap(world, victim))
    with pytest.raises(ProvisionError):
        world.apply()
    assert {path: path.read_bytes() for path in victim.iterdir()} == before
    assert (world.home / "app.old/changed").read_bytes() == b"old\r\n\xff"


def test_a_link_that_is_turned_after_the_vetting_is_not_followed_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (world.home / "app").rename(world.home / "real")
    (world.home / "app").symlink_to("real")
    shutil.copytree(world.home / "real", world.home / "other")

    def turn() -> None:
        (world.home / "app").unlink()
        (world.home / "app").symlink_to("other")

    meanwhile(world, monkeypatch, turn)
    world.apply()
    assert (world.home / "real/changed").read_bytes() == b"new\n"
    assert (world.home / "other/changed").read_bytes() == b"old\r\n\xff"
    assert (world.home / "app").is_symlink()


def test_atomic_writes_follow_no_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/file").write_bytes(b"old")
    (tmp_path / "file").symlink_to("real/file")
    for path in (tmp_path / "link/file", tmp_path / "file"):
        with pytest.raises(OSError) as caught:
            atomic.write(path, b"new", mode=0o600, tag="t")
        assert caught.value.filename == str(path)
    with pytest.raises(OSError):
        atomic.unlink(tmp_path / "link/file")
    with pytest.raises(OSError):
        atomic.make_directory(tmp_path / "link/new")
    assert not atomic.remove_directory(tmp_path / "link/file")
    assert (tmp_path / "real/file").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "file", "link", "real"]


@pytest.mark.parametrize("make", [hard_link, read_only, linked_out, shared])
def test_recovery_writes_nothing_if_any_file_is_no_longer_safe(
    world: World, make: Callable[[Path], None]
) -> None:
    before = state(world)
    killed(world, world.plan())
    deep = world.home / "app/deep/er"
    shutil.copytree(world.home, world.home.parent / "saved", symlinks=True)
    deep_new = deep / "new"
    make(deep_new)  # the first of the receipt, so the last that is put back
    half = state(world)
    with pytest.raises(Conflict) as caught:
        recover(world.host, world.journal)
    assert caught.value.code.startswith("file.")
    assert state(world) == half
    assert len(world.journal.unfinished()) == 1
    shutil.rmtree(world.home)
    shutil.copytree(world.home.parent / "saved", world.home, symlinks=True)
    recover(world.host, world.journal)
    assert state(world) == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has calls for ACLs in Python")
def test_an_acl_stays_from_setup_to_remove_and_never_opens_a_file(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mode alone would give the owning group what the mask says, which is for bob."""
    only_bob = acl(6, 0, 6, 0, bob=6)
    files = world.home / "app/changed", world.home / "app/removed"
    try:
        for path in files:
            os.setxattr(path, ACL, only_bob)
    except OSError as error:
        need(False, f"no ACLs here: {error}")
    before = state(world)

    def verify() -> None:
        assert os.getxattr(files[0], ACL) == only_bob
        raise Conflict("no")

    with pytest.raises(Conflict, match="no"):
        apply([Deed(world.plan(), ACCOUNT, "x")], world.host, world.journal, verify=verify)
    assert os.getxattr(files[0], ACL) == only_bob
    assert files[1].stat().st_mode & 0o777 == 0o600
    os.setxattr(files[1], ACL, only_bob)
    world.apply()
    world.remove()
    assert os.getxattr(files[0], ACL) == only_bob
    os.setxattr(files[1], ACL, only_bob)
    assert state(world) == before
