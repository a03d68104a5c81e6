"""The lock of a Mozilla profile as another process sees it, for the tests of what happens beside it."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path


class Holder:
    """A process of its own that has the POSIX lock on a file, as a running Thunderbird has."""

    def __init__(self, path: Path) -> None:
        ready, tell = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            with contextlib.suppress(BaseException):
                fcntl.lockf(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), fcntl.LOCK_EX)
                os.write(tell, b"x")
                signal.pause()
            os._exit(1)
        os.close(tell)
        assert os.read(ready, 1) == b"x"
        os.close(ready)

    def end(self) -> None:
        """Ends the process; the lock is free when this returns."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.pid = 0


@contextlib.contextmanager
def held(path: Path) -> Iterator[Holder]:
    """Inside it another process holds the lock, until `end()` is called."""
    holder = Holder(path)
    try:
        yield holder
    finally:
        holder.end()


def in_child(action: Callable[[], object]) -> int:
    """Runs `action` in a child process; 0 if it returned, 1 if it raised, else its own exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        with contextlib.suppress(BaseException):
            action()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def can_lock(path: Path, kind: int = fcntl.LOCK_EX) -> bool:
    """Another process could take the lock now. `path` must exist."""
    assert path.is_file()
    return in_child(lambda: fcntl.lockf(os.open(path, os.O_RDWR), kind | fcntl.LOCK_NB)) == 0


class Clock:
    """Stands in for the module `time` in locks.py: waiting means that `meanwhile` happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self.meanwhile, self.waits = meanwhile, 0

    def sleep(self, seconds: float) -> None:
        self.waits += 1
        self.meanwhile()
