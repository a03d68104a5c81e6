"""Writes that leave the old file or the new one, whatever happens (POSIX rename, fsync before and after)."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import sys
from pathlib import Path

PRIVATE_DIR = 0o700


def temporary_name(path: Path, tag: str) -> Path:
    """The temporary file that `write` uses; recovery after a crash looks for exactly this name."""
    return path.with_name(f".{path.name}.{tag}.tmp")


def sync_directory(directory: Path) -> None:
    """Makes a rename or removal in `directory` survive a power cut. Windows has no such call."""
    if sys.platform == "win32":
        return
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, data: bytes, *, mode: int, tag: str) -> None:
    """Replaces the file at `path` by `data` in one step. A symlink stays and its target is replaced.

    `mode`: permissions, set before the first byte is written. `tag` makes the temporary name unique.
    An existing file keeps its owner where that is possible. Raises OSError, and then nothing has changed.
    """
    target = path.resolve()
    temporary = temporary_name(target, tag)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if sys.platform != "win32":
                _keep_owner(file.fileno(), target)
                os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # a full disk does not say which file it refused
        raise
    sync_directory(target.parent)


def write_new(path: Path, data: bytes, *, mode: int, replace: bool) -> None:
    """Puts a file of the user's own at exactly `path`, without following a link there.

    Unless `replace`, a file that exists, even a dangling link, is left alone: FileExistsError.
    Raises OSError, and then nothing has changed.
    """
    temporary = temporary_name(path, secrets.token_hex(4))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            os.link(temporary, path)  # fails if the name is taken, also by someone quicker
            temporary.unlink()
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    sync_directory(path.parent)


def _keep_owner(descriptor: int, target: Path) -> None:
    try:
        old = target.stat()
    except OSError:
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)


def read_own(path: Path) -> bytes:
    """The bytes of a file that only this user can have written. Raises OSError for others, and for links."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if os.name == "posix" and (info.st_uid != os.geteuid() or info.st_mode & 0o022):
            raise PermissionError(errno.EPERM, "another user could have written it", str(path))
        return file.read()


def remove(path: Path) -> None:
    """Removes the file that `path` leads to; nothing happens if there is none. Raises OSError."""
    unlink(path.resolve())


def unlink(path: Path) -> None:
    """Removes exactly this name, a link and not its target; nothing if there is none. Raises OSError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    sync_directory(path.parent)


def missing_directories(path: Path) -> list[Path]:
    """The parents of `path` that do not exist, outermost first."""
    missing: list[Path] = []
    directory = path.resolve().parent
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    return missing[::-1]


def make_directory(path: Path) -> None:
    """Makes one private directory and syncs its parent. Raises OSError."""
    path.mkdir(mode=PRIVATE_DIR)
    sync_directory(path.parent)


def remove_directory(path: Path) -> bool:
    """Removes a directory if it is empty; True if it is gone now."""
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    sync_directory(path.parent)
    return True
