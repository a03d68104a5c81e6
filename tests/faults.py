"""Runs something in a child process that is killed, or meets a disk error, at the n-th file operation.

Python's audit events name every open, rename, remove, mkdir, rmdir and chmod before it happens (PEP 578);
fsync has none and is wrapped. So every point is met without knowing the code that is tested.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.truncate", "os.link"}
KILLED = 137
REFUSED = 41
DONE = 0
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


def run(action: Callable[[], object], below: Path, point: int, error: int | None = None) -> int:
    """Forks, and at operation number `point` on a path below `below` kills the child (`error` None) or
    lets that one operation fail with this errno. Returns KILLED, REFUSED (action raised) or DONE."""
    pid = os.fork()
    if pid == 0:
        code = 99
        with contextlib.suppress(BaseException):
            code = _child(action, below, point, error)
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def count(action: Callable[[], object], below: Path) -> int:
    """How many points an unhindered run of `action`, in a child process, has."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        counter = _Counter(below, None, None)
        counter.install()
        with contextlib.suppress(BaseException):
            action()
        os.write(writer, str(counter.seen).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as pipe:
        return int(pipe.read())


def points(
    action: Callable[[], object], below: Path, prepare: Callable[[], object], error: int | None
) -> Iterator[tuple[int, int]]:
    """(point, outcome) for every single point of `action`; `prepare` makes the state before each."""
    prepare()
    for point in range(count(action, below)):
        prepare()
        yield point, run(action, below, point, error)


def _child(action: Callable[[], object], below: Path, point: int, error: int | None) -> int:
    _Counter(below, point, error).install()
    try:
        action()
    except Exception:
        return REFUSED
    return DONE


class _Counter:
    def __init__(self, below: Path, point: int | None, error: int | None) -> None:
        self.below, self.point, self.error, self.seen = str(below), point, error, 0

    def install(self) -> None:
        real = os.fsync

        def fsync(descriptor: Any) -> None:
            self.hit()
            real(descriptor)

        os.fsync = fsync  # type: ignore[assignment]  # the parameter's type is private to typeshed
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in EVENTS and str(arguments[0]).startswith(self.below):
            if event == "open" and not _writes(arguments):
                return
            self.hit()

    def hit(self) -> None:
        number, self.seen = self.seen, self.seen + 1
        if number == self.point:
            if self.error is None:
                os._exit(KILLED)
            raise OSError(self.error, os.strerror(self.error), "injected")


def _writes(arguments: tuple[Any, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
