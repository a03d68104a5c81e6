"""Files that are not plainly the user's to change are refused, each with its reason, and stay as they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from provisioner.attributes import ACL
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.vetting import refuse_unsafe
from tests.needs import need
from tests.test_attributes import acl

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


def shared_above(home: Path) -> None:
    (home / "a/b").mkdir(parents=True)
    (home / "file").rename(home / "a/b/file")
    (home / "file").symlink_to("a/b/file")
    (home / "a").chmod(0o757)


def shared_on_the_way(home: Path) -> None:
    """The file's own place is safe, the one of the link that leads there is not."""
    (home / "file").rename(home / "real")
    (home / "open").mkdir()
    (home / "open/link").symlink_to("../real")
    (home / "file").symlink_to("open/link")
    (home / "open").chmod(0o777)


def linked_directory(home: Path) -> None:
    (home / "file").unlink()
    (home / "file").symlink_to("config/file")
    (home / "config").symlink_to(home.parent / "outside")


def out_and_in_again(home: Path) -> None:
    (home / "real").write_bytes(b"x")
    (home.parent / "outside/back").symlink_to(home / "real")
    (home / "file").unlink()
    (home / "file").symlink_to("../outside/back")


def circle(home: Path) -> None:
    (home / "file").unlink()
    (home / "file").symlink_to("other")
    (home / "other").symlink_to("file")


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
        (shared_above, "file.shared_parent"),
        (shared_on_the_way, "file.shared_parent"),
        (linked_directory, "file.outside_home"),
        (out_and_in_again, "file.outside_home"),
        (circle, "file.unreadable"),
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
    (home / "real").mkdir(mode=0o755)
    (home / "linked").symlink_to("real")
    vet(home, "linked/new")
    home.chmod(0o1777)
    vet(home)


def test_links_inside_the_home_lead_to_the_real_place(home: Path) -> None:
    (home / "dotfiles/config").mkdir(parents=True)
    (home / ".config").symlink_to("dotfiles/config")
    (home / "dotfiles/config/rc").symlink_to(home / "new")
    host = Host(home=home)
    assert refuse_unsafe(home / ".config/app/rc", host) == home / "dotfiles/config/app/rc"
    assert refuse_unsafe(home / ".config/rc", host) == home / "new"
    assert refuse_unsafe(home / ".config/../plain", host) == home / "dotfiles/plain"
    assert refuse_unsafe(home / ".config/app/../../plain", host) == home / "dotfiles/plain"


def test_a_home_that_is_itself_behind_a_link_is_fine(home: Path, tmp_path: Path) -> None:
    alias = tmp_path / "alias"
    alias.symlink_to(home)
    (home / "link").symlink_to(alias / "file")
    for name in ("file", "link"):
        assert refuse_unsafe(alias / name, Host(home=alias)) == home / "file"
        assert refuse_unsafe(home / name, Host(home=alias)) == home / "file"
        assert refuse_unsafe(alias / name, Host(home=home)) == home / "file"


def refused(path: Path, home: Path) -> Conflict:
    with pytest.raises(Conflict) as caught:
        refuse_unsafe(path, Host(home=home))
    assert caught.value.hint
    return caught.value


def test_outside_the_home_no_link_is_followed(home: Path, tmp_path: Path) -> None:
    """A place there is named with --client-profile; then the real one is to be named."""
    outside = tmp_path / "outside"
    assert refuse_unsafe(outside / "file", Host(home=home)) == outside / "file"
    (tmp_path / "link").symlink_to("outside")
    (outside / "link").symlink_to("file")
    (outside / "home").symlink_to(home / "file")
    for path in (tmp_path / "link/file", tmp_path / "link/new", outside / "link", outside / "home"):
        error = refused(path, home)
        assert error.code == "file.outside_home"
        assert str(path.resolve()) in error.message
        assert "real place" in error.hint


def test_above_the_home_nothing_is_looked_at_but_above_other_places_all_is(
    home: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside/a/b").mkdir(parents=True)
    tmp_path.chmod(0o777)
    vet(home)
    error = refused(tmp_path / "outside/a/b/file", home)
    assert error.code == "file.shared_parent"
    assert error.message == f"Everybody may write to {tmp_path}."


@root_only
def test_a_directory_of_another_user_is_refused(home: Path) -> None:
    (home / "a/b").mkdir(parents=True)
    os.chown(home / "a", 12345, -1)
    error = refused(home / "a/b/file", home)
    assert error.code == "file.shared_parent"
    assert str(home / "a") in error.message
    os.chown(home, 12345, -1)  # root at work for a user: then that user's are right
    refuse_unsafe(home / "a/b/file", Host(home=home))


def group_entry(name: str, *members: str) -> SimpleNamespace:
    return SimpleNamespace(gr_name=name, gr_mem=list(members))


@pytest.mark.parametrize(
    ("group", "primary", "allowed"),
    [
        (group_entry("jane"), True, True),
        (group_entry("jane", "jane"), True, True),
        (group_entry("jane", "joe"), True, False),
        (group_entry("users"), True, False),
        (group_entry("jane"), False, False),
    ],
)
def test_a_group_may_write_only_if_it_is_the_users_own(
    home: Path, monkeypatch: pytest.MonkeyPatch, group: SimpleNamespace, primary: bool, allowed: bool
) -> None:
    number = home.stat().st_gid
    user = SimpleNamespace(pw_name="jane", pw_gid=number if primary else number + 1)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: user)
    monkeypatch.setattr("grp.getgrgid", lambda gid: group)
    home.chmod(0o775)
    if allowed:
        vet(home)
        return
    error = refused(home / "file", home)
    assert error.code == "file.shared_parent"
    assert f"group {group.gr_name}" in error.message
    assert "chmod g-w" in error.hint


def test_a_group_without_a_name_is_not_the_users_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("grp.getgrgid", unknown)
    home.chmod(0o775)
    assert str(home.stat().st_gid) in refused(home / "file", home).message


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has calls for ACLs in Python")
@pytest.mark.parametrize(
    ("who", "rights", "mask", "allowed"),
    [("bob", 7, 7, False), ("guests", 7, 7, False), ("bob", 5, 7, True), ("bob", 7, 5, True)],
)
def test_who_may_write_by_an_acl_counts(home: Path, who: str, rights: int, mask: int, allowed: bool) -> None:
    try:
        os.setxattr(home, ACL, acl(7, 5, mask, 0, **{who: rights}))
    except OSError as error:
        need(False, f"no ACLs here: {error}")
    if allowed:
        vet(home)
    else:
        refusal = refused(home / "file", home)
        assert refusal.code == "file.shared_parent"
        assert "setfacl -x" in refusal.hint
