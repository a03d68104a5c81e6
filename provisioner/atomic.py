"""Writes that leave the old file or the new one, whatever happens (POSIX rename, fsync before and after).

All paths are absolute and real: no link is followed on the way, so one that is put there after a path was
resolved leads nowhere. Windows has no such calls; there the path is used as it is.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from provisioner import attributes

PRIVATE_DIR = 0o700
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
_OLD: int = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def temporary_name(path: Path, tag: str) -> Path:
    """The temporary file that `write` uses; recovery after a crash looks for exactly this name."""
    return path.with_name(f".{path.name}.{tag}.tmp")


class _Parent:
    """The open directory of a path. `at` is None on Windows, and then names are whole paths."""

    def __init__(self, path: Path, at: int | None) -> None:
        self.directory, self.at = path.parent, at

    def name(self, path: Path) -> str:
        return str(path) if self.at is None else path.name

    def create(self, path: Path) -> int:
        return os.open(self.name(path), _NEW, 0o600, dir_fd=self.at)

    def rename(self, old: Path, new: Path) -> None:
        os.replace(self.name(old), self.name(new), src_dir_fd=self.at, dst_dir_fd=self.at)

    def unlink(self, path: Path) -> None:
        os.unlink(self.name(path), dir_fd=self.at)

    def sync(self) -> None:
        """Makes a rename or removal survive a power cut. Windows has no such call."""
        if self.at is not None:
            os.fsync(self.at)


@contextlib.contextmanager
def _parent(path: Path) -> Iterator[_Parent]:
    """Opens the directory of `path`, following no link. OSErrors inside it name `path`."""
    try:
        if sys.platform == "win32":
            yield _Parent(path, None)
            return
        descriptor = _open_directory(path.parent)
        try:
            yield _Parent(path, descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:  # it knows no more than the last name, and a full disk not even that
        error.filename, error.filename2 = str(path), None
        raise


def _open_directory(path: Path) -> int:
    """To pass through a directory one need not be allowed to read it: O_PATH, where there is one."""
    if sys.platform == "win32":
        raise NotImplementedError
    step = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)
    descriptor = os.open(path.anchor, step)
    for name in (*path.parts[1:], "."):
        try:
            flags = step if name != "." else os.O_RDONLY | os.O_DIRECTORY
            inner = os.open(name, flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = inner
    return descriptor


def write(path: Path, data: bytes, *, mode: int, tag: str) -> None:
    """Replaces the file at `path` by `data` in one step.

    `mode`: permissions, set before the first byte is written. `tag` makes the temporary name unique.
    An existing file keeps its owner, ACL and extended attributes (attributes.py). Raises OSError, and then
    nothing has changed.
    """
    temporary = temporary_name(path, tag)
    with _parent(path) as parent, _existing(path, parent) as old:
        descriptor = parent.create(temporary)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if old is None:
                    attributes.set_mode(descriptor, mode)
                else:
                    attributes.carry(old, descriptor, mode)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            parent.rename(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                parent.unlink(temporary)
            raise
        parent.sync()


@contextlib.contextmanager
def _existing(path: Path, parent: _Parent) -> Iterator[int | None]:
    """The file that is there now, None if there is none, and on Windows, where an open one stays."""
    descriptor = None
    if parent.at is not None:
        with contextlib.suppress(FileNotFoundError):
            descriptor = os.open(path.name, _OLD, dir_fd=parent.at)
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def named(path: Path) -> Path:
    """The real directory that `path` names, and in it the name itself, link or not."""
    return Path(os.path.realpath(path.parent)) / path.name


def write_new(path: Path, data: bytes, *, mode: int, replace: bool, tag: str) -> None:
    """Puts a file of the user's own into the directory that `path` names, without following a link there.

    Unless `replace`, a file that exists, even a dangling link, is left alone: FileExistsError.
    `tag` makes the temporary name unique. Raises OSError, and then nothing has changed.
    """
    path = named(path)
    temporary = temporary_name(path, tag)
    with _parent(path) as parent:
        descriptor = parent.create(temporary)
        try:
            with os.fdopen(descriptor, "wb") as file:
                attributes.set_mode(descriptor, mode)
                file.write(data)
                file.flush()
                os.fsync(descriptor)
            if replace:
                parent.rename(temporary, path)
            else:  # fails if the name is taken, also by someone quicker
                names = parent.name(temporary), parent.name(path)
                os.link(*names, src_dir_fd=parent.at, dst_dir_fd=parent.at)
        finally:
            with contextlib.suppress(OSError):
                parent.unlink(temporary)
        with contextlib.suppress(OSError):  # it is there, and nobody may believe that it is not
            parent.sync()


def move(old: Path, new: Path) -> None:
    """Gives a file another name, in another directory of the same disk. Raises OSError."""
    with _parent(old) as source, _parent(new) as target:
        os.replace(source.name(old), target.name(new), src_dir_fd=source.at, dst_dir_fd=target.at)
        target.sync()
        source.sync()


def read_own(path: Path) -> bytes:
    """The bytes of a file that only this user can have written. Raises OSError for others, and for links."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if os.name == "posix" and (info.st_uid != os.geteuid() or info.st_mode & 0o022):
            raise PermissionError(errno.EPERM, "another user could have written it", str(path))
        return file.read()


def unlink(path: Path) -> None:
    """Removes exactly this name, a link and not its target; nothing if there is none. Raises OSError."""
    with contextlib.suppress(FileNotFoundError), _parent(path) as parent:
        parent.unlink(path)
        parent.sync()


def missing_directories(path: Path) -> list[Path]:
    """The parents of `path` that do not exist, outermost first."""
    missing: list[Path] = []
    directory = path.parent
    while not directory.exists():
        missing.append(directory)
        directory = directory.parent
    return missing[::-1]


def make_directory(path: Path) -> None:
    """Makes one private directory and syncs its parent. Raises OSError."""
    with _parent(path) as parent:
        os.mkdir(parent.name(path), PRIVATE_DIR, dir_fd=parent.at)
        parent.sync()


def remove_directory(path: Path) -> bool:
    """Removes a directory if it is empty; True if it is gone now."""
    try:
        with _parent(path) as parent:
            os.rmdir(parent.name(path), dir_fd=parent.at)
            parent.sync()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
