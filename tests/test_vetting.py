"""Files that are not plainly the user's to change are refused, each with its reason, and stay as they are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.vetting import refuse_unsafe

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "file").write_bytes(b"\xff\r\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_bytes(b"x")
    return home


def vet(home: Path, name: str = "file") -> None:
    refuse_unsafe(home / name, Host(home=home))


def outside(home: Path) -> None:
    (home / "file").unlink()
    (home / "file").symlink_to("../outside/file")


def behind_outside(home: Path) -> None:
    (home / "file").unlink()
    (home / "dir").symlink_to("../outside")
    (home / "file").symlink_to("dir/file")


def hard_link(home: Path) -> None:
    (home / "twin").hardlink_to(home / "file")


def setuid(home: Path) -> None:
    (home / "file").chmod(0o4644)


def read_only(home: Path) -> None:
    (home / "file").chmod(0o444)


def shared(home: Path) -> None:
    home.chmod(0o777)


def directory(home: Path) -> None:
    (home / "file").unlink()
    (home / "file").mkdir()


def fifo(home: Path) -> None:
    (home / "file").unlink()
    os.mkfifo(home / "file")


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (outside, "file.outside_home"),
        (behind_outside, "file.outside_home"),
        (hard_link, "file.hard_link"),
        (setuid, "file.setuid"),
        (read_only, "file.read_only"),
        (shared, "file.shared_parent"),
        (directory, "file.not_regular"),
        (fifo, "file.not_regular"),
    ],
)
def test_refused(home: Path, make: Callable[[Path], None], code: str) -> None:
    make(home)
    with pytest.raises(Conflict) as caught:
        vet(home)
    assert caught.value.code == code
    assert caught.value.hint


@root_only
def test_another_users_file_is_refused_unless_root_asks(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.chown(home / "file", 12345, 12345)
    vet(home)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Conflict) as caught:
        vet(home)
    assert caught.value.code == "file.owner"


def test_allowed(home: Path) -> None:
    vet(home)
    vet(home, "new/er/file")
    (home / "link").symlink_to("file")
    vet(home, "link")
    (home / "real").mkdir(mode=0o775)
    (home / "linked").symlink_to("real")
    vet(home, "linked/new")
    home.chmod(0o1777)
    vet(home)


def test_a_home_that_is_itself_behind_a_link_is_fine(home: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(home)
    refuse_unsafe(tmp_path / "alias/file", Host(home=tmp_path / "alias"))
