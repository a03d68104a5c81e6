"""Each write leaves the old file or the new one, and is on the disk in that order."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner import atomic

Synced = list[tuple[str, bytes | None]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    return path


@pytest.fixture
def synced(file: Path, monkeypatch: pytest.MonkeyPatch) -> Synced:
    """What was synced, and what a reader of `file` found there at that moment."""
    seen: Synced = []

    def fsync(descriptor: int) -> None:
        info = os.fstat(descriptor)
        if stat.S_ISDIR(info.st_mode):
            assert os.path.samestat(info, file.parent.stat())
            what = "directory"
        else:
            what = f"{info.st_size} bytes"
        seen.append((what, file.read_bytes() if file.exists() else None))

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def test_a_write_is_synced_before_the_rename_and_the_directory_after_it(file: Path, synced: Synced) -> None:
    atomic.write(file, b"newer", mode=0o600, tag="t")
    assert synced == [("5 bytes", b"old"), ("directory", b"newer")]


def test_a_new_file_is_synced_before_it_has_its_name(file: Path, synced: Synced) -> None:
    file.unlink()
    atomic.write_new(file, b"newer", mode=0o600, replace=False, tag="t")
    atomic.write_new(file, b"newest", mode=0o600, replace=True, tag="t")
    assert synced == [
        ("5 bytes", None),
        ("directory", b"newer"),
        ("6 bytes", b"newer"),
        ("directory", b"newest"),
    ]


def test_a_removal_is_synced(file: Path, synced: Synced) -> None:
    atomic.unlink(file)
    assert synced == [("directory", None)]
    atomic.unlink(file)
    assert len(synced) == 1


def test_directories_are_synced(file: Path, synced: Synced) -> None:
    atomic.make_directory(file.with_name("new"))
    assert atomic.remove_directory(file.with_name("new"))
    assert synced == [("directory", b"old")] * 2


def test_a_directory_that_is_not_empty_stays(file: Path) -> None:
    assert not atomic.remove_directory(file.parent)
    assert atomic.remove_directory(file.with_name("none"))
    assert file.read_bytes() == b"old"


def test_a_reader_sees_the_whole_file_and_its_mode_is_right_from_the_start(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def fsync(descriptor: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))

    monkeypatch.setattr(os, "fsync", fsync)
    atomic.write(file, b"new", mode=0o640, tag="t")
    assert modes[0] == 0o640
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def write(path: Path) -> None:
    atomic.write(path, b"new", mode=0o600, tag="t")


def write_new(path: Path) -> None:
    atomic.write_new(path, b"new", mode=0o600, replace=True, tag="t")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("write", [write, write_new])
def test_a_failed_write_leaves_the_old_file_alone_and_nothing_beside_it(
    file: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, write: Callable[[Path], None]
) -> None:
    def fsync(descriptor: int) -> None:
        raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(type(error)):
        write(file)
    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


def test_a_full_disk_says_which_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fsync(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError) as caught:
        atomic.write(file, b"new", mode=0o600, tag="t")
    assert caught.value.filename == str(file)


@pytest.fixture
def link(file: Path) -> Path:
    path = file.with_name("link")
    path.symlink_to("file")
    return path


def test_unlink_takes_away_the_link_itself(file: Path, link: Path) -> None:
    atomic.unlink(link)
    assert not link.is_symlink()
    assert file.read_bytes() == b"old"


def test_a_new_file_replaces_a_link_only_if_asked_and_never_its_target(file: Path, link: Path) -> None:
    with pytest.raises(FileExistsError):
        atomic.write_new(link, b"new", mode=0o600, replace=False, tag="t")
    assert link.is_symlink()
    atomic.write_new(link, b"new", mode=0o600, replace=True, tag="t")
    assert not link.is_symlink()
    assert (link.read_bytes(), file.read_bytes()) == (b"new", b"old")
    assert sorted(file.parent.iterdir()) == [file, link]


def test_a_new_file_does_not_go_where_a_dangling_link_points(file: Path) -> None:
    link, elsewhere = file.with_name("link"), file.with_name("elsewhere")
    link.symlink_to(elsewhere)
    with pytest.raises(FileExistsError):
        atomic.write_new(link, b"new", mode=0o600, replace=False, tag="t")
    assert link.is_symlink()
    assert sorted(file.parent.iterdir()) == [file, link]


def test_a_file_that_exists_is_replaced_only_if_asked(file: Path) -> None:
    with pytest.raises(FileExistsError):
        atomic.write_new(file, b"new", mode=0o600, replace=False, tag="t")
    assert file.read_bytes() == b"old"
    assert list(file.parent.iterdir()) == [file]


@pytest.fixture(params=[0, 0o022, 0o077], ids=oct)
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    old = os.umask(request.param)
    yield
    os.umask(old)


@pytest.mark.usefixtures("_umask")
def test_the_umask_opens_nothing(file: Path) -> None:
    """Neither the file at the end nor the temporary one on the way, nor a directory."""
    seen = []
    for name, replace in (("a", False), ("file", True)):
        atomic.write_new(file.with_name(name), b"new", mode=0o600, replace=replace, tag="t")
        seen.append(file.with_name(name).stat().st_mode)
    atomic.write(file.with_name("b"), b"new", mode=0o600, tag="t")
    seen.append(file.with_name("b").stat().st_mode)
    assert [stat.S_IMODE(mode) for mode in seen] == [0o600] * 3
    atomic.make_directory(file.with_name("d"))
    assert stat.S_IMODE(file.with_name("d").stat().st_mode) == 0o700


def test_the_temporary_file_is_private_before_it_has_a_mode(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    real = os.fchmod

    def fchmod(descriptor: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        assert os.fstat(descriptor).st_size == 0
        real(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", fchmod)
    old = os.umask(0)
    try:
        atomic.write(file, b"new", mode=0o644, tag="t")
    finally:
        os.umask(old)
    assert modes == [0o600]
