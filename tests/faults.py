"""Runs something in a child process that is killed, or meets a disk error, at the n-th file operation.

Python's audit events name every open, rename, remove, mkdir, rmdir and chmod before it happens (PEP 578);
fsync and write have none and are wrapped. So every point is met without knowing the code that is tested.

A name without a directory is one in an open directory (openat(2) and its kin), and a number is an open file;
only the code that is tested has those.
"""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link"}
ON_OPEN_FILES = {"os.chmod", "os.chown", "os.truncate", "os.setxattr"}
"""These may have a descriptor in place of a path (fchmod(2) and its kin)."""
NAMES = {"os.rename": 2, "os.link": 2, "os.remove": 1, "os.mkdir": 1, "os.rmdir": 1}
"""Those that change names, and how many they have; that many open directories end their arguments."""
KILLED = 137
REFUSED = 41
DONE = 0
INTERRUPT = -2
"""In place of an errno: Ctrl-C just then."""
ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)


def run(
    action: Callable[[], object],
    below: Path,
    point: int,
    error: int | None = None,
    *,
    writes: bool = False,
    onward: bool = False,
) -> int:
    """Forks, and at operation number `point` on a path below `below` kills the child (`error` None) or
    lets that one operation fail with this errno. Returns KILLED, REFUSED (action raised) or DONE.

    `writes`: each write is a point, too, at which half of the bytes are written.
    `onward`: so do all operations after it."""
    pid = os.fork()
    if pid == 0:
        code = 99
        with contextlib.suppress(BaseException):
            code = _child(action, _Counter(below, point, error, writes=writes, onward=onward))
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def count(action: Callable[[], object], below: Path, *, writes: bool = False) -> int:
    """How many points an unhindered run of `action`, in a child process, has."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        counter = _Counter(below, None, None, writes=writes)
        counter.install()
        with contextlib.suppress(BaseException):
            action()
        os.write(writer, str(counter.seen).encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader) as pipe:
        return int(pipe.read())


Operation = tuple[str, ...]
"""("fsync", path), ("os.rename", from, to), ("os.remove", path), ..., in the order in which they are done."""


def record(action: Callable[[], object], below: Path) -> list[Operation]:
    """What an unhindered run of `action`, in a child process, does to names and syncs. Linux only."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        recorder = _Recorder(below)
        recorder.install()
        with contextlib.suppress(BaseException):
            action()
            with os.fdopen(writer, "w") as pipe:
                json.dump(recorder.seen, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        found = [tuple(operation) for operation in json.load(pipe)]
    os.waitpid(pid, 0)
    return found


def points(
    action: Callable[[], object],
    below: Path,
    prepare: Callable[[], object],
    error: int | None,
    *,
    writes: bool = False,
    onward: bool = False,
) -> Iterator[tuple[int, int]]:
    """(point, outcome) for every single point of `action`; `prepare` makes the state before each."""
    prepare()
    for point in range(count(action, below, writes=writes)):
        prepare()
        yield point, run(action, below, point, error, writes=writes, onward=onward)


def _child(action: Callable[[], object], counter: _Counter) -> int:
    counter.install()
    try:
        action()
    except Exception:
        return REFUSED
    return DONE


class _Counter:
    def __init__(
        self, below: Path, point: int | None, error: int | None, *, writes: bool, onward: bool = False
    ) -> None:
        self.below, self.point, self.error, self.seen = str(below), point, error, 0
        self.writes, self.onward = writes, onward

    def install(self) -> None:
        real = os.fsync

        def fsync(descriptor: Any) -> None:
            self.hit()
            real(descriptor)

        os.fsync = fsync  # type: ignore[assignment]  # the parameter's type is private to typeshed
        if self.writes:
            self.wrap_writes()
        sys.addaudithook(self.hook)

    def wrap_writes(self) -> None:
        """Those of os.write, and of files as open, os.fdopen and Path open them."""
        real_write, real_open, hit = os.write, io.open, self.hit

        class Raw(io.FileIO):
            def write(self, data: Any, /) -> int:
                whole = memoryview(data)
                hit(lambda: super(Raw, self).write(whole[: len(whole) // 2]))
                return super().write(data)

        def write(descriptor: int, data: Any) -> int:
            hit(lambda: real_write(descriptor, data[: len(data) // 2]))
            return real_write(descriptor, data)

        def opened(file: Any, mode: str = "r", buffering: int = -1, *rest: Any, **more: Any) -> Any:
            if "+" in mode or not any(letter in mode for letter in "wax"):
                return real_open(file, mode, buffering, *rest, **more)
            buffer = io.BufferedWriter(Raw(file, mode.replace("t", "").replace("b", "")))
            return buffer if "b" in mode else io.TextIOWrapper(buffer, *rest, **more)

        os.write = write
        io.open = builtins.open = opened

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in ON_OPEN_FILES and isinstance(arguments[0], int):
            self.hit()
        elif event in EVENTS | ON_OPEN_FILES and _is_below(arguments[0], self.below):
            if event == "open" and not _writes(arguments):
                return
            self.hit()

    def hit(self, half: Callable[[], object] = lambda: None) -> None:
        """One point; at that which is wanted, the operation is done by half, as far as that is possible."""
        number, self.seen = self.seen, self.seen + 1
        if self.point is not None and (number >= self.point if self.onward else number == self.point):
            half()
            if self.error is None:
                os._exit(KILLED)
            if self.error == INTERRUPT:
                raise KeyboardInterrupt
            raise OSError(self.error, os.strerror(self.error), "injected")


class _Recorder:
    def __init__(self, below: Path) -> None:
        self.below, self.seen = str(below), []  # type: str, list[Operation]

    def install(self) -> None:
        real = os.fsync

        def fsync(descriptor: Any) -> None:
            self.seen.append(("fsync", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
            real(descriptor)

        os.fsync = fsync  # type: ignore[assignment]  # the parameter's type is private to typeshed
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in NAMES or not _is_below(arguments[0], self.below):
            return
        count = NAMES[event]
        names = [
            str(name) if at == -1 else str(Path(f"/proc/self/fd/{at}").readlink() / name)
            for name, at in zip(arguments[:count], arguments[-count:], strict=True)
        ]
        if _can_be(event, Path(names[0])):
            self.seen.append((event, *names))


def _can_be(event: str, path: Path) -> bool:
    """An event comes before the deed, which may fail: a directory that exists, or is not empty."""
    if event == "os.rmdir":
        return path.is_dir() and not any(path.iterdir())
    return os.path.lexists(path) is (event != "os.mkdir")


def _is_below(name: object, below: str) -> bool:
    return str(name).startswith(below) or (isinstance(name, str) and "/" not in name)


def _writes(arguments: tuple[Any, ...]) -> bool:
    mode, flags = arguments[1], arguments[2]
    if isinstance(mode, str):
        return any(letter in mode for letter in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
