"""Writes that leave the old file or the new one, whatever happens (POSIX rename, fsync before and after)."""

from __future__ import annotations

import contextlib
import os
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


def _keep_owner(descriptor: int, target: Path) -> None:
    try:
        old = target.stat()
    except OSError:
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)


def remove(path: Path) -> None:
    """Removes a file for good; nothing happens if there is none. Raises OSError."""
    target = path.resolve()
    try:
        target.unlink()
    except FileNotFoundError:
        return
    sync_directory(target.parent)


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
