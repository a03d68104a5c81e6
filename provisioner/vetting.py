"""What a file must be before it is replaced: the user's own, plain, and meant to be written.

A program that edits other programs' files meets links into a managed store, files that root left behind,
read-only ones that a tool owns, directories in which others could swap a file. Each is refused with its
reason; nothing is forced.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from provisioner import attributes
from provisioner.attributes import Tag
from provisioner.errors import Conflict
from provisioner.host import Host

if sys.platform != "win32":
    import grp
    import pwd

MAX_LINKS = 40
"""As many as Linux follows (path_resolution(7))."""


def real_place(path: Path, home: Path) -> Path:
    """Where `path` really is, the file itself included; write there, and the links stay as they are.

    Raises Conflict if it cannot be trusted: a link on the way lies outside the home or leads out of it
    (`file.outside_home`), or someone else could swap something on the way (`file.shared_parent`). Looked at
    are the directories from the home down, or from the root for a place outside the home.
    Windows has neither such links nor such permissions in a home: there only the end of a link counts.
    """
    named, home = home, home.resolve()
    if os.name != "posix":
        target = path.resolve()
        if path.is_relative_to(named) and not target.is_relative_to(home):
            raise _outside(path, target)
        return target
    try:
        walk = _Walk(path, home)
        target = walk.end()
    except OSError as error:
        raise Conflict(
            f"{path} cannot be reached: {error.strerror}.",
            "Check the permissions of the directories above it.",
            code="file.unreadable",
        ) from None
    if walk.links and (walk.strayed or not target.is_relative_to(home)):
        raise _outside(path, target)
    trusted = {0, os.geteuid()}
    if os.geteuid() == 0 and home.exists():
        trusted.add(home.stat().st_uid)  # root at work in the home of a user
    for directory in walk.passed:
        _refuse_shared(directory, trusted)
    return target


def refuse_unsafe(path: Path, host: Host) -> Path:
    """The real place of the file at `path`, or of the one that will be made there; see `real_place`.

    Raises Conflict (`file.*`) unless it is safe to replace.
    """
    target = real_place(path, host.home)
    if os.name != "posix":
        return target
    try:
        info = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return target
    if not stat.S_ISREG(info.st_mode):
        raise Conflict(
            f"{path} is not a regular file.", "Move it away and run again.", code="file.not_regular"
        )
    if os.geteuid() not in (0, info.st_uid):
        raise Conflict(
            f"{path} belongs to another user.",
            f"Take it over first: sudo chown $USER {target}",
            code="file.owner",
        )
    if info.st_nlink > 1:
        raise Conflict(
            f"{path} has a second name (a hard link), which would keep the old content.",
            f"Find it with: find ~ -samefile {target}",
            code="file.hard_link",
        )
    if info.st_mode & (stat.S_ISUID | stat.S_ISGID):
        raise Conflict(f"{path} is a setuid or setgid file.", f"Look why: ls -l {target}", code="file.setuid")
    if not info.st_mode & stat.S_IWUSR:
        raise Conflict(
            f"{path} is read-only: someone, or a program, wants it to stay as it is.",
            f"If that is not so: chmod u+w {target}",
            code="file.read_only",
        )
    return target


def _outside(path: Path, target: Path) -> Conflict:
    return Conflict(
        f"{path} is, or lies behind, a link to {target}; only links inside your home are followed.",
        "Whatever manages that place might undo the change: change it there, put a file here, or name the "
        "real place.",
        code="file.outside_home",
    )


class _Walk:
    """Follows a path as the system does (path_resolution(7)), and remembers what it passed."""

    def __init__(self, path: Path, home: Path) -> None:
        self.home = home
        self.passed: dict[Path, None] = {}
        """Directories that exist, in which someone might swap the next name."""
        self.links = 0
        self.strayed = False
        """A link outside the home was met. The one that may stand above the home itself does not count."""
        self._here, self._rest = self._start(path.absolute())

    def _start(self, path: Path) -> tuple[Path, list[str]]:
        """A path into the home starts at the home, under whatever name that is meant."""
        for parent in (path, *path.parents):
            if parent.exists() and self.home.exists() and parent.samefile(self.home):
                return self.home, list(path.relative_to(parent).parts)
        return Path(path.anchor), list(path.parts[1:])

    def end(self) -> Path:
        """Raises OSError where a directory may not be searched or links go in a circle."""
        while self._rest:
            name = self._rest.pop(0)
            if name == "..":
                self._here = self._here.parent
                continue
            self._pass(self._here)
            step = self._here / name
            if step.is_symlink():
                self._follow(step)
            else:
                self._here = step
        return self._here

    def _pass(self, directory: Path) -> None:
        if directory.is_dir():
            self.passed[directory] = None

    def _follow(self, link: Path) -> None:
        self.links += 1
        if self.links > MAX_LINKS:
            raise OSError(0, "its links go in a circle")
        self.strayed = self.strayed or not link.is_relative_to(self.home)
        target = link.readlink()
        if target.is_absolute():
            self._here, rest = self._start(target)
        else:
            rest = list(target.parts)
        self._rest = rest + self._rest


def _refuse_shared(directory: Path, trusted: set[int]) -> None:
    """In a directory that others own or may write to, they could swap the file, or what leads to it.

    In a sticky one (/tmp) only their own things (inode(7)); there what is next is looked at for itself.
    """
    info = directory.stat()
    if info.st_uid not in trusted:
        raise Conflict(
            f"{directory} belongs to another user, who could swap what is in it.",
            f"Take it over (sudo chown $USER {directory}), or choose another place.",
            code="file.shared_parent",
        )
    if info.st_mode & stat.S_ISVTX:
        return
    if info.st_mode & stat.S_IWOTH:
        raise Conflict(
            f"Everybody may write to {directory}.",
            f"Close it first: chmod o-w {directory}",
            code="file.shared_parent",
        )
    for who, remedy in _other_writers(directory, info, trusted):
        raise Conflict(
            f"{who} may write to {directory} and could swap what is in it.",
            f"Close it first: {remedy} {directory}",
            code="file.shared_parent",
        )


def _other_writers(directory: Path, info: os.stat_result, trusted: set[int]) -> Iterator[tuple[str, str]]:
    """Who else may write by a group or an ACL, and the command that ends that."""
    entries = attributes.access_list(directory)
    group_rights = next((one.rights for one in entries if one.tag == Tag.OWNING_GROUP), info.st_mode >> 3)
    if group_rights & 0o2 and not _private(info.st_gid, trusted):
        yield f"The group {_group_name(info.st_gid)}", "chmod g-w"
    for entry in entries:
        if entry.rights & 0o2:
            if entry.tag == Tag.USER and entry.id not in trusted:
                yield f"The user {_user_name(entry.id)}", f"setfacl -x u:{entry.id}"
            if entry.tag == Tag.GROUP and not _private(entry.id, trusted):
                yield f"The group {_group_name(entry.id)}", f"setfacl -x g:{entry.id}"


def _private(group_id: int, trusted: set[int]) -> bool:
    """The group is the private one of a trusted user, as where umask 002 is usual (Debian, Fedora).

    That is: the user's own group, of the same name (pam_umask(8), `usergroups`), with nobody else in it.
    """
    for user_id in trusted:
        try:
            user, group = pwd.getpwuid(user_id), grp.getgrgid(group_id)
        except KeyError:
            continue
        if user.pw_gid == group_id and group.gr_name == user.pw_name and set(group.gr_mem) <= {user.pw_name}:
            return True
    return False


def _user_name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


def _group_name(group_id: int) -> str:
    try:
        return grp.getgrgid(group_id).gr_name
    except KeyError:
        return str(group_id)
