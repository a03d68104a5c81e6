"""The leak audit: every verb under strace with a canary password, failures and kills included.

The canary may only be in the client's own store (encrypted) and in a file that was asked for.
"""

from __future__ import annotations

import base64
import bz2
import gzip
import hashlib
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioner.demo.tour import PASSWORD
from provisioner.items import SecretItem
from provisioner.secret import Secret
from tests.live.audit import EMAIL, PROGRAM, Bench, Fickle, dripped, lines_with, missing, whole
from tests.live.lab import until
from tests.live.test_keyring import UNLOCK, Session, lock, session
from tests.needs import need

pytestmark = pytest.mark.live

CANARY, NEWER, WRONG = "vqzj-kxwp-hfqd-mzbt", "jwqx-zpvh-kdfg-xqnb", "zxgj-qmvw-ptkb-hqyz"
"""No piece of them is a part of a word, which could be there by chance (Atlantic/Canary)."""
SECRETS = (CANARY, NEWER, WRONG)
GIVEN = "--password-stdin"
RENAME = "rename,renameat,renameat2"
"""How a file takes the place of another, by whichever of these calls; each is counted by itself."""
LINK = "link,linkat"
"""How a file gets a name that nobody has yet."""
CLIENTS = ("thunderbird", "msmtp", "mbsync")
HOOK_THREADS = {"gmain", "gdbus", "pool-secret-too"}
"""What GLib calls the threads of secret-tool."""
FAULT = """
import {module} as module, sys
from provisioner.cli import main
def fails(*args, **kw):
    password = [arg.reveal() for arg in args if hasattr(arg, "reveal")]
    raise ValueError(repr(args), password) from RuntimeError(password)
module.{function} = fails
sys.argv = ["provisioner", *sys.argv[1:]]
main()
"""
"""The command with one function that fails with the password, if it gets one, in its message and frames."""
FAULTS = {
    ("provisioner.check.imap", "ImapSession.login"): 70,
    ("provisioner.apply", "_write_all"): 70,
    ("provisioner.clients.thunderbird", "plan"): 70,
    ("provisioner.stores.secret_service", "SecretService.set"): 1,
}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    need(not missing(), missing())
    server = Fickle(EMAIL, Secret(CANARY), tmp_path)
    with server:
        yield Bench(tmp_path, server)


@pytest.fixture
def desktop(bench: Bench) -> Iterator[Session]:
    """A session with an unlocked GNOME Keyring, which `bench` uses."""
    lost = [tool for tool in ("msmtp", "mbsync") if shutil.which(tool) is None]
    need(not lost, f"needs {', '.join(lost)} (make system)")
    with session(bench.home, UNLOCK) as desktop:
        bench.use(desktop)
        yield desktop


def printed_by_hooks(trace: str) -> set[str]:
    """The lines by which the command that clients run for the password prints it, to us."""
    hooks = {
        line.split()[0] for line in trace.splitlines() if re.search(r'execve\(".*/secret-tool".* = 0', line)
    }
    return {line for line in trace.splitlines() if line.split()[0] in hooks and " write(1, " in line}


def assert_clean(bench: Bench) -> None:
    """No password in an argument, the environment, anything written or sent, an output or a file."""
    for secret in SECRETS:
        for trace in bench.traces:
            shown = lines_with(trace + dripped(trace), secret)
            assert [line for line in shown if line not in printed_by_hooks(trace)] == []
        assert lines_with(bench.outputs.decode(), secret) == []
        assert bench.files_with(secret) == []


def assert_keeps_to_itself(bench: Bench, *asked: str) -> None:
    """No other program is started but those that are asked for their version, no screen or clipboard is
    reached, nothing is written out of the home."""
    assert bench.programs() == {Path(sys.executable).name, *asked}
    ports = {str(bench.server.imap_port), str(bench.server.smtp_port), "1"}
    bus = {path for path in bench.connections() if path.endswith("/bus") or path.startswith("/tmp/dbus-")}
    assert bench.connections() - bus - ports - {"/var/run/nscd/socket"} == set()
    assert {path for path in bench.written() if not path.startswith(str(bench.home))} <= {
        "/dev/null",
        "/dev/tty",
    }
    assert bench.modes() <= {("open", "600"), ("mkdir", "700")}
    assert (bench.shared_memory(), bench.names() - HOOK_THREADS) == (set(), set())
    assert not [path for path in bench.home.rglob("*") if "history" in path.name or path.name == "core"]


def test_the_password_is_nowhere_but_where_it_belongs(bench: Bench, desktop: Session) -> None:
    run, server = bench.run, bench.server

    def in_keyring() -> str:
        return desktop.run("secret-tool", "lookup", "service", "provisioner", "username", EMAIL).stdout

    assert run("guide", EMAIL) == run("clients", "--json") == run("providers") == 0
    assert run("check", EMAIL, GIVEN, secret=CANARY) == 0
    assert run("check", EMAIL, GIVEN, "--json", "-v", secret=WRONG) == 3
    assert run("check", EMAIL, GIVEN, "--imap", "localhost:1", "--smtp", "localhost:1", secret=CANARY) == 4
    assert run("setup", "broken", "thunderbird", GIVEN, secret=CANARY) == 2
    assert run("setup", EMAIL, *CLIENTS, GIVEN, "--dry-run", secret=CANARY) == 0
    assert run("setup", EMAIL, *CLIENTS, GIVEN, "-v", secret=WRONG) == 3
    assert run("setup", EMAIL, *CLIENTS, GIVEN, secret=CANARY, kill_at=f"{RENAME}:when=2") == -signal.SIGKILL
    assert run("setup", EMAIL, *CLIENTS, GIVEN, "-v", secret=CANARY) == 0
    assert run("setup", EMAIL, *CLIENTS, GIVEN, "--json", secret=CANARY) == 0
    for client in CLIENTS:
        assert run("check", EMAIL, "--client", client, "-v") == 0
    assert run("status", "--check", "--json") == 0
    assert in_keyring() == CANARY

    server.change_password(Secret(NEWER))
    assert run("status", "--check") == 3
    assert run("rotate", EMAIL, GIVEN, "--json", secret=WRONG) == 3
    # Taken at first, by IMAP and SMTP, and refused once it stands in every client.
    server.good_for, server.later = 2, Secret(CANARY)
    assert run("rotate", EMAIL, GIVEN, "-v", secret=NEWER) == 1
    assert server.good_for < 0
    server.change_password(Secret(NEWER))
    for (module, function), code in FAULTS.items():
        fault = FAULT.format(module=module, function=function)
        assert bench.trace([sys.executable, "-c", fault, "rotate", EMAIL, GIVEN, "-v"], secret=NEWER) == code
    assert in_keyring() == CANARY
    assert run("rotate", EMAIL, GIVEN, secret=NEWER, kill_at=f"{RENAME}:when=3") == -signal.SIGKILL
    assert run("status") in (0, 5)
    assert run("rotate", EMAIL, GIVEN, secret=NEWER) == 0
    assert in_keyring() == NEWER

    apple = ("export", EMAIL, "apple-mail", "-o")
    assert run(*apple, str(bench.home / "without.mobileconfig")) == 0
    assert run(*apple, "/nonexistent/x", "--with-password", GIVEN, secret=NEWER) == 2
    assert run("remove", EMAIL, "mbsync", "--dry-run", "--json") == 0
    edited = bench.home / ".config/msmtp/config"
    edited.write_text(edited.read_text().replace("tls on", "tls on\n# mine"))
    killed = f"{RENAME}:when=2"
    assert run("remove", EMAIL, "msmtp", "--force", kill_at=killed) == -signal.SIGKILL
    assert run("remove", EMAIL, "mbsync", "thunderbird") == 0
    lock(desktop)
    assert run("status", "--check") == 5
    assert run("rotate", EMAIL, GIVEN, "-v", secret=NEWER) == 5
    assert run("remove", EMAIL) == 5
    assert_clean(bench)
    assert_keeps_to_itself(bench, "mbsync", "msmtp", "secret-tool")
    # What was looked through was there.
    assert bench.modes() == {("open", "600"), ("mkdir", "700")}
    assert any("dbus" in place or place.endswith("/bus") for place in bench.connections())
    assert list(bench.home.rglob("*.keyring"))
    assert any(map(printed_by_hooks, bench.traces))


def test_a_file_with_the_password_is_the_only_one_and_private(bench: Bench) -> None:
    target = bench.home / "with.mobileconfig"
    given = ("--with-password", GIVEN)
    assert bench.run("export", EMAIL, "apple-mail", "-o", str(target), *given, secret=CANARY) == 0
    assert target.stat().st_mode & 0o777 == 0o600
    (trace,) = bench.traces
    shown = lines_with(trace, CANARY)
    assert len(shown) == 1
    assert re.search(r"\bwrite\(", shown[0])
    opened = [line for line in trace.splitlines() if "with.mobileconfig" in line and "O_CREAT" in line]
    assert opened
    assert all("0600" in line and "O_EXCL" in line for line in opened)
    assert bench.files_with(CANARY) == [target]
    target.unlink()
    killed = {"secret": CANARY, "kill_at": f"{LINK}:when=1"}
    assert bench.run("export", EMAIL, "apple-mail", "-o", str(target), *given, **killed) == -signal.SIGKILL
    (left,) = bench.files_with(CANARY)
    assert left.stat().st_mode & 0o777 == 0o600
    assert bench.run("status") == 5
    assert left.name.encode() in bench.outputs
    assert bench.run("remove", EMAIL) == 0
    assert bench.files_with(CANARY) == []
    assert lines_with(bench.outputs.decode(), CANARY) == []
    assert_keeps_to_itself(bench)


def test_a_password_command_sees_no_password_and_gives_it_to_nobody_else(bench: Bench) -> None:
    (bench.home / "secret").write_text(CANARY)
    assert bench.run("check", EMAIL, "--password-command", f"cat {bench.home / 'secret'}") == 0
    (trace,) = bench.traces
    writers = {line.split()[0] for line in lines_with(trace, CANARY)}
    started = {line.split()[0] for line in trace.splitlines() if 'execve("' in line and '["cat"' in line}
    assert writers == {pid for pid in started if pid in writers}
    assert len(writers) == 1


def test_a_typed_password_is_not_shown(bench: Bench) -> None:
    assert bench.type("check", EMAIL, secret=CANARY) == 0
    assert b"Logged in as jane.appleseed" in bench.outputs
    assert_clean(bench)
    assert_keeps_to_itself(bench)
    assert "/dev/tty" in bench.written()


def test_the_demo_gives_its_password_to_no_program(bench: Bench) -> None:
    """It shows the password, which is made up, and looks for it in its files itself."""
    assert bench.run("demo") == 0
    assert b"made up for the demo" in bench.outputs
    starts = "\n".join(line for line in bench.traces[0].splitlines() if " execve" in line)
    assert lines_with(starts, PASSWORD.reveal()) == []


@pytest.mark.parametrize(
    "leak",
    [
        f"printf %s {base64.b64encode(CANARY.encode()).decode()}",
        f"exec /usr/bin/env X={CANARY} cat /dev/null",
        f"printf {CANARY.replace('-', '')} > /dev/null",
        f"printf %s {hashlib.sha256(CANARY.encode()).hexdigest()}",
        f"printf 'The password %s... is wrong' {CANARY[:9]}",
        f"printf %s {CANARY.upper()}",
        f"printf %s {CANARY.replace('-', '')[7:13].title()}",
        f"printf %s {base64.urlsafe_b64encode(b'user ' + CANARY[3:12].encode()).decode()}",
        f"printf %s {base64.b64encode(zlib.compress(CANARY.encode())).decode()}",
        f"printf %s {CANARY[4:11].encode().hex()}",
    ],
)
def test_the_audit_notices_a_leak(bench: Bench, leak: str) -> None:
    (bench.home / "script").write_text(leak)
    bench.trace(["/bin/sh", "script"])
    assert lines_with(bench.traces[0], CANARY)


def test_the_audit_notices_other_programs_screens_and_files(bench: Bench) -> None:
    script = "import socket; open('/dev/full', 'w'); s = socket.socket(socket.AF_UNIX); "
    script += "s.connect_ex('/tmp/.X11-unix/X77'); s.connect_ex('\\0/tmp/.X11-unix/X77')"
    bench.trace(["/usr/bin/env", sys.executable, "-c", script])
    assert bench.programs() == {"env", Path(sys.executable).name}
    assert bench.written() == {"/dev/full"}
    assert bench.connections() == {"/tmp/.X11-unix/X77"}


@pytest.mark.parametrize("pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress, bytes.upper])
def test_the_audit_notices_a_password_that_is_packed(bench: Bench, pack: Callable[[bytes], bytes]) -> None:
    packed = b"\xff before" + pack(b'{"label": "x", "password": "' + CANARY[:10].encode() + b'"}')
    script = f"open('receipt', 'wb').write({packed!r})"
    (bench.home / "script").write_text(script)
    bench.trace([sys.executable, "script"])
    (bench.home / "script").unlink()
    (shown,) = lines_with(bench.traces[0], CANARY)
    assert " write(" in shown
    assert bench.files_with(CANARY) == [bench.home / "receipt"]
    assert bench.files_with("qqww-eerr-ttyy-uuii") == []


@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_audit_notices_a_password_that_is_written_bit_by_bit(bench: Bench, size: int) -> None:
    script = f"import os\nfor at in range(0, 19, {size}): os.write(1, {CANARY!r}.encode()[at:at + {size}])"
    bench.trace([sys.executable, "-c", script])
    assert lines_with(dripped(bench.traces[0]), CANARY)


def test_the_audit_notices_shared_memory_and_names(bench: Bench) -> None:
    script = (
        "import ctypes, mmap, os; file = os.open('x', os.O_RDWR | os.O_CREAT, 0o600); os.ftruncate(file, 9)\n"
        f"name = {CANARY[:9].encode()!r}; mmap.mmap(file, 9)[:] = name\n"
        "ctypes.CDLL(None).prctl(15, name, 0, 0, 0)"
    )
    bench.trace([sys.executable, "-c", script])
    assert bench.shared_memory() == {"3"}
    assert bench.names() == {CANARY[:9]}


@pytest.mark.usefixtures("desktop")
def test_what_encrypts_the_password_on_its_way_to_the_keyring(bench: Bench) -> None:
    """Without the library's encrypted session the audit would see it, so there is one."""
    script = (
        "import sys, secretstorage, secretstorage.util as util\n"
        "util.ALGORITHM_DH = sys.argv[1] or util.ALGORITHM_DH\n"
        "collection = secretstorage.Collection(secretstorage.dbus_init())\n"
        "collection.create_item('x', {'x': 'y'}, sys.stdin.read().encode())\n"
    )
    for algorithm in ("", "unheard-of"):
        assert bench.trace([sys.executable, "-c", script, algorithm], secret=CANARY) == 0
    encrypted, plain = (lines_with(trace, CANARY) for trace in bench.traces)
    assert encrypted == []
    assert plain


def test_the_hook_of_the_terminal_clients_prints_and_does_nothing_else(
    bench: Bench, desktop: Session
) -> None:
    desktop.store.set(SecretItem.shared(EMAIL), Secret(CANARY))
    bench.trace(["/bin/sh", "-c", f"secret-tool lookup service provisioner username {EMAIL}"])
    assert lines_with(bench.traces[0], CANARY) == list(printed_by_hooks(bench.traces[0]))
    assert len(printed_by_hooks(bench.traces[0])) == 1


UNPRIVILEGED = (
    [shutil.which("setpriv") or "setpriv", "--bounding-set=-all", "--"] if os.geteuid() == 0 else []
)
LOOK = "import sys; print(open(f'/proc/{sys.argv[1]}/environ', 'rb').read(1) != b'')"


def looked_into(pid: int) -> bool:
    """Whether another program of the same user, without root's privileges, can look into the process."""
    done = subprocess.run(
        [*UNPRIVILEGED, sys.executable, "-c", LOOK, str(pid)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "True\n" or "PermissionError" in done.stderr, done.stderr
    return done.returncode == 0


def test_while_it_waits_for_the_password_nobody_can_look_in(bench: Bench) -> None:
    """Nor is there a core dump: seen from outside, in the running process."""
    need(shutil.which("setpriv"), "setpriv is not installed")
    with subprocess.Popen([*UNPRIVILEGED, "sleep", "60"]) as other:
        try:
            until("its start", lambda: Path(f"/proc/{other.pid}/comm").read_text() == "sleep\n")
            assert looked_into(other.pid)
        finally:
            other.kill()
    with subprocess.Popen(
        [*UNPRIVILEGED, *PROGRAM, "check", EMAIL, GIVEN],
        stdin=subprocess.PIPE,
        env=bench.env,
        stdout=subprocess.DEVNULL,
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(CANARY[:4].encode())
            process.stdin.flush()
            call = Path(f"/proc/{process.pid}/syscall")
            until("it to read its input", lambda: call.read_text().startswith("0 0x0 "))
            limits = Path(f"/proc/{process.pid}/limits").read_text()
            assert re.search(r"Max core file size +0 +0 ", limits)
            assert not looked_into(process.pid)
        finally:
            process.kill()


def test_a_call_that_strace_divides_is_read_as_one() -> None:
    trace = (
        '1 execve("/bin/a", ["a"] <unfinished ...>\n2 read(3,  <unfinished ...>\n'
        '1 <... execve resumed>) = 0\n2 <... read resumed>"b", 1) = 1\n3 write(1, "c", 1 <unfinished ...>\n'
    )
    assert whole(trace) == '1 execve("/bin/a", ["a"]) = 0\n2 read(3, "b", 1) = 1\n3 write(1, "c", 1\n'
