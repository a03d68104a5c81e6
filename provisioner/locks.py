"""What shows that a client is running (a profile's lock, held as the client itself does; a socket), and the
lock among provisioners."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from provisioner.errors import Conflict

if sys.platform != "win32":
    import fcntl

_POLL_SECONDS = 0.5
MOZILLA = (".parentlock", "parent.lock")
"""Names of lock files; any other path is of a socket on which a running client listens, or of `program`."""
CLOSE = "Close it and run the command again, or add --wait."
_CLOSE = {
    "akonadiserver-cmd.socket": "Close it, end the server that it leaves running with `akonadictl stop`, "
    "and run the command again, or add --wait."
}
"""What else to do before nobody listens there any more."""
_PROGRAMS = Path("/proc")
_LISTENS = 0x10000
"""__SO_ACCEPTCON among the flags in /proc/net/unix (proc(5); include/uapi/linux/net.h)."""
_LONGEST = 107
NONE_HERE = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system without locks answers, such as NFS (fcntl(2), flock(2))."""
PATIENCE_SECONDS = 10.0
"""How long another provisioner may take before we give up: it checks a login while it holds its lock."""


class OwnLock:
    """One provisioner at a time, by a lock file that names the process that has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread: int | None = None

    @property
    def mine(self) -> bool:
        """This very thread holds it."""
        return self._thread == threading.get_ident()

    @contextlib.contextmanager
    def hold(self, *, wait: bool) -> Iterator[None]:
        """Raises Conflict (`provisioner.running`) if it is not free in time, unless `wait`; OSError."""
        import filelock  # takes longer to load than all that does not write may cost

        lock = filelock.FileLock(self.path, mode=0o600, timeout=-1 if wait else PATIENCE_SECONDS)
        try:
            lock.acquire()
        except filelock.Timeout:
            raise Conflict(
                f"Another provisioner{self._holder()} is at work for this user.",
                "Let it finish and run the command again, or add --wait.",
                code="provisioner.running",
            ) from None
        except OSError as error:
            if error.errno not in NONE_HERE:
                raise
            raise Conflict(
                f"{self.path} cannot be locked: its file system has no locks.",
                "Set XDG_STATE_HOME to a directory on a local disk.",
                code="state.no_locks",
            ) from None
        try:
            self._thread = threading.get_ident()
            with contextlib.suppress(OSError):  # it is only for the message
                self.path.write_text(str(os.getpid()))
            yield
        finally:
            self._thread = None
            lock.release()

    @contextlib.contextmanager
    def glance(self) -> Iterator[str | None]:
        """Gives who holds it, as in `another provisioner (process 12)`, or None, and then nobody takes it
        while the `with` lasts. Where there is no lock, or none can be had, that is None, too."""
        import filelock

        lock = filelock.FileLock(self.path, mode=0o600, timeout=0)
        with contextlib.ExitStack() as held:
            busy = None
            try:
                if self.path.exists() and not self.mine:
                    held.enter_context(lock)
            except filelock.Timeout:
                busy = self._holder()
            except OSError:
                pass
            yield busy

    def _holder(self) -> str:
        with contextlib.suppress(OSError, ValueError):
            return f" (process {int(self.path.read_text())})"
        return ""


@contextlib.contextmanager
def hold(paths: Sequence[Path], title: str, *, wait: bool = False) -> Iterator[None]:
    """Holds Mozilla profile locks (nsProfileLock.cpp: a POSIX write lock on `.parentlock`, an unshared
    open of `parent.lock` on Windows). A profile directory that does not exist yet needs none.
    Nothing is held for the socket of a client, or for a program; only one that is there is noticed.

    `title` names the client in the message; `wait` polls until the lock is free.
    Raises Conflict (code `client.running`) that says who holds it.
    """
    with contextlib.ExitStack() as stack:
        for path in paths:
            if not is_file(path):
                while _runs(path.name) if path.parent == _PROGRAMS else _listening(path):
                    if not wait:
                        raise _running(title, hint=_CLOSE.get(path.name, CLOSE))
                    pause()
            elif path.parent.is_dir():
                stack.enter_context(_one(path, title, wait=wait))
        yield


def program(name: str) -> Path:
    """For `hold`: the client has neither lock nor socket, but runs under this name (proc(5), comm)."""
    return _PROGRAMS / name[:15]


def _runs(name: str, processes: Path = Path("/proc")) -> bool:
    """A program of this user's has the name; one that has ended and is only not yet buried does not count."""
    for stat in processes.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it may end while it is looked at
            _, _, rest = stat.read_text("utf-8", "replace").partition("(")
            comm, _, state = rest.rpartition(")")
            if comm == name and state.split()[0] != "Z" and stat.stat().st_uid == os.geteuid():
                return True
    return False


def is_file(path: Path) -> bool:
    """The path is that of a lock file, not of a socket."""
    return path.name in MOZILLA


def _listening(path: Path, table: Path = Path("/proc/net/unix")) -> bool:
    """Someone listens on the socket. Linux tells it without a connection, which could disturb the client."""
    try:
        rows = [line.split(maxsplit=7) for line in table.read_text("utf-8", "surrogateescape").splitlines()]
    except FileNotFoundError:  # another system
        return _answers(path)
    except OSError:
        return False
    # Programs cut a path that is too long for the system (unix(7), sun_path).
    cut = os.fsencode(path)[:_LONGEST].decode("utf-8", "surrogateescape")
    return any(len(row) == 8 and row[7] == cut and int(row[3], 16) & _LISTENS for row in rows[1:])


def _answers(path: Path) -> bool:
    family = getattr(socket, "AF_UNIX", None)
    if family is None:
        return False
    with socket.socket(family) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
    return True


def _running(title: str, who: str = "", hint: str = CLOSE) -> Conflict:
    return Conflict(
        f"{title} is running{who} and would overwrite the change.",
        hint,
        code="client.running",
    )


def pause() -> None:
    """Between two looks at a lock that someone else has."""
    time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _one(path: Path, title: str, *, wait: bool) -> Iterator[None]:
    new = not path.exists()
    while True:
        descriptor, holder = _try(path)
        if descriptor is not None:
            break
        if not wait:
            if new:
                _unlink(path)
            who = f" (process {holder})" if holder else ""
            raise _running(title, who)
        pause()
    try:
        yield
    finally:
        if new:
            _unlink(path)
        os.close(descriptor)


def _unlink(path: Path) -> None:
    """Takes away the lock file that we made, so that nothing of ours stays in the profile."""
    with contextlib.suppress(OSError):
        path.unlink()


def _try(path: Path) -> tuple[int | None, int | None]:
    """(descriptor that holds the lock, None) or (None, the holder's process number if it is known)."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    except PermissionError:
        if sys.platform == "win32":  # opened without sharing by the running client
            return None, None
        raise Conflict(
            f"{path} cannot be opened for locking.",
            "Check who owns the profile's directory.",
            code="file.unwritable",
        ) from None
    except OSError as error:
        raise Conflict(
            f"{path} cannot be opened for locking: {error.strerror}.",
            "Check the disk and the permissions of the profile's directory.",
            code="file.unwritable",
        ) from None
    if sys.platform == "win32":
        return descriptor, None
    if (pid := _symlink_holder(path.with_name("lock"))) is not None:
        os.close(descriptor)
        return None, pid
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in NONE_HERE:
            return descriptor, None  # NFS without locks: the symlink has decided, for Thunderbird, too
        holder = _lock_holder(descriptor)
        os.close(descriptor)
        return None, holder
    return descriptor, None


def _lock_holder(descriptor: int) -> int | None:
    """The process that holds the POSIX lock (fcntl(2), F_GETLK)."""
    if sys.platform != "linux":
        return None
    layout = "hhqqi4x"
    query = struct.pack(layout, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    answer = struct.unpack(layout, fcntl.fcntl(descriptor, fcntl.F_GETLK, query))
    return answer[4] if answer[0] != fcntl.F_UNLCK and answer[4] > 0 else None


def _symlink_holder(link: Path) -> int | None:
    """The live owner of the symlink lock `ADDRESS:PID`, None if there is none.

    It counts only where POSIX locks are not to be had (NFS); `ADDRESS:+PID` means that the owner has the
    POSIX lock too, and then that one decides (nsProfileLock.cpp).
    """
    try:
        target = str(link.readlink())
    except OSError:
        return None
    pid = target.rpartition(":")[2]
    if not pid.isdigit():
        return None
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        pass
    return int(pid)
