"""What a file must be before it is replaced: the user's own, plain, and meant to be written.

A program that edits other programs' files meets links into a managed store, files that root left behind,
read-only ones that a tool owns. Each is refused with its reason; nothing is forced.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from provisioner.errors import Conflict
from provisioner.host import Host


def refuse_unsafe(path: Path, host: Host) -> None:
    """Raises Conflict (`file.*`) unless the file at `path`, or the place where it will be made, is safe.

    A symlink is followed only inside the home. Windows has no such permissions: there all is well.
    """
    target = path.resolve()
    home = host.home.resolve()
    if path.absolute() != target and path.is_relative_to(host.home) and not target.is_relative_to(home):
        raise Conflict(
            f"{path} is, or lies behind, a link to {target}, outside your home.",
            "Whatever manages that place would undo the change: change it there, or put a file here.",
            code="file.outside_home",
        )
    if os.name != "posix":
        return
    _refuse_shared_parent(target)
    try:
        info = target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return
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


def _refuse_shared_parent(target: Path) -> None:
    """In a directory that everybody may write to, anybody could swap the file."""
    directory = target.parent
    while not directory.exists():
        directory = directory.parent
    mode = directory.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise Conflict(
            f"Everybody may write to {directory}.",
            f"Close it first: chmod o-w {directory}",
            code="file.shared_parent",
        )
