"""Runs the command under strace, and finds a password in what strace saw, however it is encoded.

Seen are all program starts with their environment, every connection, every file opened for writing and every
byte written or sent to anything: files, pipes, terminal, TLS connections, the keyring's bus; also the memory
that is shared with a file, to which is written without a call, and the names that processes give themselves.
"""

from __future__ import annotations

import base64
import bz2
import contextlib
import functools
import hashlib
import lzma
import os
import re
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from provisioner.demo.server import DemoServer
from provisioner.demo.tour import pretend_to_be_icloud
from provisioner.secret import Secret
from tests.clients.machines.thunderbird import thunderbird_used
from tests.live.test_keyring import Session

PROGRAM = (sys.executable, "-m", "provisioner")
PROGRAMS = ("msmtp", "mbsync", "secret-tool", "cat")
"""What is installed here: nothing else can be started by its name."""
EMAIL = "jane.appleseed@icloud.com"
CALLS = (
    "execve,execveat,connect,open,openat,openat2,creat,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,"
    "sendmmsg,splice,sendfile,copy_file_range,memfd_create,rename,renameat,renameat2,link,linkat,symlink,"
    "symlinkat,mkdir,mkdirat,setxattr,lsetxattr,fsetxattr,mmap,prctl"
)


def forms(secret: str) -> Iterator[str]:
    """How strace shows the password: plain, base64 (alone, in SASL PLAIN), hex, UTF-16, backwards, hashed."""
    raw = secret.encode()
    yield secret
    yield secret.replace("-", "")
    for padding in range(3):
        encoded = base64.b64encode(b"\0" * padding + raw).decode()
        yield encoded[4 if padding else 0 : -4]
    yield raw.hex()
    yield "\\0".join(secret)
    yield secret[::-1]
    for algorithm in ("md5", "sha1", "sha256", "sha512"):
        for text in (raw, raw.replace(b"-", b"")):
            digest = hashlib.new(algorithm, text).digest()
            yield digest.hex()
            yield base64.b64encode(digest).decode().rstrip("=")


PIECE = 6
"""So many characters of a password are as bad as all of it."""


def pieces(secret: str) -> Iterator[str]:
    """Every piece, with its dashes and without, in lower case: plain, hex, UTF-16, backwards."""
    for whole in {secret.lower(), secret.lower().replace("-", "")}:
        for at in range(len(whole) - PIECE + 1):
            piece = whole[at : at + PIECE]
            yield from (piece, piece[::-1], piece.encode().hex(), "\\0".join(piece))


_BASE64 = re.compile(rb"[A-Za-z0-9+/]{8,}")
_PACKED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: zlib.decompressobj(31),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ": lzma.LZMADecompressor,
    **{b"\x78" + level: zlib.decompressobj for level in (b"\x01", b"\x5e", b"\x9c", b"\xda")},
}
"""How packed data begin (RFC 1950, RFC 1952, and what file(1) knows), and what unpacks them."""
_MAGIC = re.compile(b"|".join(map(re.escape, _PACKED)))


def unpacked(data: bytes, depth: int = 2) -> Iterator[bytes]:
    """All that is packed or in base64 somewhere in the data, also one in the other."""
    found = []
    for magic in _MAGIC.finditer(data):
        with contextlib.suppress(zlib.error, OSError, lzma.LZMAError, EOFError):
            found.append(_PACKED[magic[0]]().decompress(data[magic.start() :], 1 << 20))
    straight = re.sub(rb"[\r\n\t ]", b"", data).translate(bytes.maketrans(b"-_", b"+/"))
    for run in _BASE64.findall(straight):
        for start in range(4):
            whole = run[start : len(run) - (len(run) - start) % 4]
            found.append(base64.b64decode(whole))
    for one in filter(None, found):
        yield one
        if depth > 1:
            yield from unpacked(one, depth - 1)


@functools.cache
def _inside(string: str) -> bytes:
    """What is packed in a string of a trace, in lower case; most strings come again and again."""
    data = _ESCAPE.sub(_unescaped, string.encode("utf-8", "replace"))
    return b"\n".join(unpacked(data)).lower()


_ESCAPE = re.compile(rb"\\([0-7]{1,3}|x[0-9a-f]{2}|.)")
_LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"f": b"\f"}


def _unescaped(escape: re.Match[bytes]) -> bytes:
    """As strace writes bytes in strings."""
    code = escape[1]
    if code[:1].isdigit():
        return bytes([int(code, 8) & 0xFF])
    return bytes([int(code[1:], 16)]) if code[:1] == b"x" and len(code) == 3 else _LETTERS.get(code, code)


_CALL, _STRING = re.compile(r"(?:\d+ +)?\w+\("), re.compile(r'"((?:[^"\\]|\\.)+)"')


def _parts(text: str) -> Iterator[str]:
    """The strings in the lines of a trace, and other lines as they are."""
    for line in text.splitlines():
        yield from _STRING.findall(line) if _CALL.match(line) else [line]


class Needles:
    """A password in all forms in which it is looked for."""

    def __init__(self, secret: str) -> None:
        self.whole, self.small = tuple(forms(secret)), tuple(set(pieces(secret)))
        self.bytes = tuple(piece.encode() for piece in self.small if "\\" not in piece)

    def plain(self, text: str) -> bool:
        """The text shows it, or a piece of it in either case."""
        lowered = text.lower()
        return any(one in text for one in self.whole) or any(one in lowered for one in self.small)

    def packed(self, text: str) -> bool:
        """What is packed or in base64 in a trace or an output shows a piece of it."""
        inside = b"\n".join(map(_inside, set(_parts(text))))
        return any(one in inside for one in self.bytes)

    def in_file(self, data: bytes) -> bool:
        """A file shows it, as bytes or in UTF-16, or has it packed."""
        inside = b"\n".join(unpacked(data)).lower()
        text = data.decode("latin-1").replace("\0", "\\0")
        return self.plain(text) or any(one in inside for one in self.bytes)


_DRIP = re.compile(r'^(?:(\d+) +)?write\((\d+), "([^"]{1,3})", [1-3]\)', re.M)


def dripped(trace: str) -> str:
    """What was written a character or so at a time, a line for each process and file."""
    written: dict[tuple[str, str], str] = {}
    for process, file, text in _DRIP.findall(trace):
        written[process, file] = written.get((process, file), "") + text
    return "\n".join(written.values())


def lines_with(text: str, secret: str) -> list[str]:
    """The lines that show the password in any of its forms, or a piece of it, also where that is packed."""
    needles = Needles(secret)
    ways = [way for way in (needles.plain, needles.packed) if way(text)]
    return [line for line in text.splitlines() if any(way(line) for way in ways)]


class Fickle(DemoServer):
    """After `good_for` more logins the password is `later`, as if it had been revoked."""

    good_for = 0
    later = Secret("")

    def _record(self, service: str, user: str, ok: bool) -> None:
        super()._record(service, user, ok)
        self.good_for -= 1
        if self.good_for == 0:
            self.change_password(self.later)


class Bench:
    """A home with Thunderbird's profile, a server that plays iCloud, and the traces of all runs so far.

    The keyring is `desktop`'s, if there is one. A screen is named, so that a use of it would be seen.
    """

    def __init__(self, directory: Path, server: Fickle, installed: Sequence[str] = PROGRAMS) -> None:
        self.directory, self.server = directory, server
        machine = thunderbird_used(directory)
        self.home = machine.host.home
        self.traces: list[str] = []
        self.outputs = b""
        pretend_to_be_icloud(machine.host, server)
        programs = directory / "bin"
        programs.mkdir()
        for name in installed:
            if found := shutil.which(name):
                (programs / name).symlink_to(found)
        self.env = {
            "HOME": str(self.home),
            "PATH": str(programs),
            "SSL_CERT_FILE": str(server.ca_file),
            "LANG": "C.UTF-8",
            "DISPLAY": ":77",
            "WAYLAND_DISPLAY": "wayland-77",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def use(self, desktop: Session) -> None:
        """From here on the keyring is that session's."""
        for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
            self.env[name] = desktop.env[name]

    def run(self, *arguments: str, secret: str = "", kill_at: str = "") -> int:
        """One verb under strace; `kill_at`: SIGKILL as soon as the trace shows this."""
        # The quick way of tracing cannot inject.
        inject = ["-e", f"inject={kill_at}:signal=KILL"] if kill_at else ["--seccomp-bpf"]
        return self.trace([*PROGRAM, *arguments], inject, secret)

    def trace(
        self, command: Sequence[str], options: Sequence[str] = ("--seccomp-bpf",), secret: str = ""
    ) -> int:
        """Any command under strace."""
        done = subprocess.run(
            [*self._strace(), *options, *command],
            input=secret.encode(),
            capture_output=True,
            env=self.env,
            cwd=self.home,
            check=False,
            timeout=120,
        )
        self._keep(done.stdout + done.stderr)
        return done.returncode

    def type(self, *arguments: str, secret: str) -> int:
        """One verb at a terminal, where the password is typed when it is asked for."""
        keyboard, terminal = os.openpty()
        setsid = shutil.which("setsid") or "setsid"
        with subprocess.Popen(
            [setsid, "--ctty", "--wait", *self._strace(), *PROGRAM, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=self.env,
            cwd=self.home,
        ) as process:
            os.close(terminal)
            shown = b""
            with contextlib.suppress(OSError):  # its end
                while data := os.read(keyboard, 65536):
                    asked = shown.count(b"Password: ")
                    shown += data
                    if shown.count(b"Password: ") > asked:
                        os.write(keyboard, secret.encode() + b"\n")
            os.close(keyboard)
        self._keep(shown)
        return process.returncode

    def _strace(self) -> list[str]:
        trace = self.directory / f"trace-{len(self.traces)}"
        strace = shutil.which("strace") or "strace"
        return [strace, "-f", "-v", "-s", "100000", "-o", str(trace), "-e", f"trace={CALLS}"]

    def _keep(self, output: bytes) -> None:
        trace = self.directory / f"trace-{len(self.traces)}"
        self.traces.append(whole(trace.read_text("utf-8", "backslashreplace")))
        self.outputs += output

    def programs(self) -> set[str]:
        """The names of all programs that were started."""
        return {Path(path).name for path in self._found(r'execve\("([^"]+)".* = 0')}

    def written(self) -> set[str]:
        """The files that were opened for writing."""
        return self._found(r'\bopen(?:at2?)?\((?:AT_FDCWD, )?"([^"]+)", [^)]*O_(?:WRONLY|RDWR).* = \d')

    def shared_memory(self) -> set[str]:
        """Memory in which a file could be changed without a call."""
        return self._found(r"\bmmap\([^)]*PROT_WRITE[^)]*MAP_SHARED[^)]*, (\d+), 0[x0-9a-f]*\) = 0x")

    def names(self) -> set[str]:
        """What processes and threads have called themselves."""
        return self._found(r'\bprctl\(PR_SET_NAME, "([^"]*)"')

    def modes(self) -> set[tuple[str, str]]:
        """How files and directories were made: the call, and the permissions in octal.

        Our own lock file exists, 0600, when it is opened once more to write the process's number into it.
        """
        return self._pairs(
            r"\b(open)(?:at)?\(.*(?<!/lock)\", [^\"]*O_CREAT[^,]*, 0(\d+)\) = \d"
        ) | self._pairs(r"\b(mkdir)(?:at)?\(.*, 0(\d+)\) = 0")

    def connections(self) -> set[str]:
        """Where connections were tried to: the paths of Unix sockets, and addresses with ports."""
        inet = r"connect\(\d+, \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\)"
        return self._found(r'connect\(\d+, \{sa_family=AF_UNIX, sun_path=@?"([^"]+)"') | self._found(inet)

    def files_with(self, secret: str) -> list[Path]:
        """Files in the home that show the password or a piece of it."""
        needles = Needles(secret)
        files = (path for path in self.home.rglob("*") if path.is_file())
        return [path for path in files if needles.in_file(path.read_bytes())]

    def _pairs(self, pattern: str) -> set[tuple[str, str]]:
        return {(found[0], found[1]) for trace in self.traces for found in re.findall(pattern, trace)}

    def _found(self, pattern: str) -> set[str]:
        return {found for trace in self.traces for found in re.findall(pattern, trace)}


def whole(trace: str) -> str:
    """The trace with each call on one line: strace divides one that another comes between (strace(1))."""
    begun: dict[str, str] = {}
    lines: list[str] = []
    for line in trace.splitlines():
        process, _, call = line.partition(" ")
        rest = re.match(r" *<\.\.\. \w+ resumed>", call)
        if call.endswith(_DIVIDED):
            begun[process] = line.removesuffix(_DIVIDED)
        elif rest and process in begun:
            lines.append(begun.pop(process) + call[rest.end() :])
        else:
            lines.append(line)
    return "\n".join([*lines, *begun.values(), ""])


_DIVIDED = " <unfinished ...>"


def missing() -> str:
    """Why nothing can be traced here; empty if it can."""
    return "" if sys.platform == "linux" and shutil.which("strace") else "strace is not installed"
