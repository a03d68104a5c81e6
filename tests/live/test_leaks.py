"""The leak audit: every verb under strace with a canary password, failures and kills included.

Seen are all program starts with their environment, every file opened for writing and every byte written to
anything. The canary may only be in the client's own store (encrypted) and in a file that was asked for.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.demo.server import DemoServer
from provisioner.demo.tour import pretend_to_be_icloud
from provisioner.secret import Secret
from tests.clients.machines.thunderbird import thunderbird_used
from tests.needs import need

pytestmark = pytest.mark.live

EMAIL = "jane.appleseed@icloud.com"
CANARY, NEWER, WRONG = "cana-rypa-ssxy-zwvu", "newe-rcan-aryx-yzab", "wron-gcan-aryx-yzab"
SECRETS = (CANARY, NEWER, WRONG)
CALLS = "execve,open,openat,creat,write,writev,pwrite64,sendto,sendmsg,sendmmsg,rename,renameat2,link,linkat"


def forms(secret: str) -> Iterator[str]:
    """How strace would show the password: plain, base64 (alone, in SASL PLAIN), hex, UTF-16, reversed."""
    raw = secret.encode()
    yield secret
    yield secret.replace("-", "")
    for padding in range(3):
        encoded = base64.b64encode(b"\0" * padding + raw).decode()
        yield encoded[4 if padding else 0 : -4]
    yield raw.hex()
    yield "\\0".join(secret)
    yield secret[::-1]


class Bench:
    """A home with Thunderbird's profile, a server that plays iCloud, and the traces of all runs so far."""

    def __init__(self, directory: Path, server: DemoServer) -> None:
        self.directory, self.server = directory, server
        machine = thunderbird_used(directory)
        self.home = machine.host.home
        self.traces: list[str] = []
        self.outputs = b""
        pretend_to_be_icloud(machine.host, server)
        self.env = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "SSL_CERT_FILE": str(server.ca_file),
            "LANG": "C.UTF-8",
        }

    def run(self, *arguments: str, secret: str = "", kill_at: str = "") -> int:
        """One verb under strace; `kill_at`: SIGKILL as soon as the trace shows this."""
        trace = self.directory / f"trace-{len(self.traces)}"
        inject = ["-e", f"inject={kill_at}"] if kill_at else []
        done = subprocess.run(
            ["strace", "-f", "-v", "-s", "100000", "-o", trace, "-e", f"trace={CALLS}", *inject,
             sys.executable, "-m", "provisioner", *arguments],
            input=secret.encode(),
            capture_output=True,
            env=self.env,
            cwd=self.home,
            check=False,
            timeout=120,
        )  # fmt: skip
        self.traces.append(trace.read_text("utf-8", "backslashreplace"))
        self.outputs += done.stdout + done.stderr
        return done.returncode


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    need(sys.platform == "linux" and shutil.which("strace"), "strace is not installed")
    with DemoServer(EMAIL, Secret(CANARY), tmp_path) as server:
        yield Bench(tmp_path, server)


def lines_with(text: str, secret: str) -> list[str]:
    return [line for line in text.splitlines() if any(form in line for form in forms(secret))]


def test_the_password_is_nowhere_but_where_it_belongs(bench: Bench) -> None:
    run, given = bench.run, "--password-stdin"
    assert run("check", EMAIL, given, secret=CANARY) == 0
    assert run("check", EMAIL, given, "--json", "-v", secret=WRONG) == 3
    assert run("setup", EMAIL, "thunderbird", given, "--dry-run", secret=CANARY) == 0
    assert run("setup", EMAIL, "thunderbird", given, secret=WRONG) == 3
    assert run("setup", EMAIL, "thunderbird", given, "-v", secret=CANARY) == 0
    assert run("setup", EMAIL, "thunderbird", given, "--json", secret=CANARY) == 0
    assert run("check", EMAIL, "--client", "thunderbird") == 0
    assert run("status", "--check", "--json") == 0
    bench.server.change_password(Secret(NEWER))
    assert run("rotate", EMAIL, given, secret=WRONG) == 3
    # Killed at a rename in the middle of the rotation, then done again.
    assert run("rotate", EMAIL, given, secret=NEWER, kill_at="rename:signal=KILL:when=2") == -signal.SIGKILL
    assert run("status") in (0, 5)
    assert run("rotate", EMAIL, given, secret=NEWER) == 0
    assert run("export", EMAIL, "apple-mail", "-o", "without.mobileconfig") == 0
    assert (
        run("export", EMAIL, "apple-mail", "-o", "/nonexistent/x", "--with-password", given, secret=NEWER)
        == 2
    )
    assert run("setup", "broken", "thunderbird", given, secret=NEWER) == 2
    assert run("guide", EMAIL) == run("clients") == run("providers") == 0
    stored = sorted(path for path in bench.home.rglob("*") if path.is_file())
    for path in stored:
        text = path.read_bytes().decode("latin-1")
        for secret in SECRETS:
            assert not lines_with(text.replace("\0", "\\0"), secret), path
    assert run("remove", EMAIL) == 0
    for secret in SECRETS:
        for trace in bench.traces:
            assert lines_with(trace, secret) == []
        assert not lines_with(bench.outputs.decode(), secret)
    backups = [path for path in bench.home.rglob("backups/*/*") if path.is_file()]
    assert backups == []


def test_a_file_with_the_password_is_the_only_one_and_private(bench: Bench) -> None:
    assert bench.run("export", EMAIL, "apple-mail", "-o", "with.mobileconfig", "--with-password",
                     "--password-stdin", secret=CANARY) == 0  # fmt: skip
    target = bench.home / "with.mobileconfig"
    assert target.stat().st_mode & 0o777 == 0o600
    (trace,) = bench.traces
    shown = lines_with(trace, CANARY)
    assert len(shown) == 1
    assert re.search(r"\bwrite\(", shown[0])
    opened = [line for line in trace.splitlines() if "with.mobileconfig" in line and "O_CREAT" in line]
    assert opened
    assert all("0600" in line and "O_EXCL" in line for line in opened)
    holders = [
        path for path in bench.home.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    ]
    assert holders == [target]


def test_the_audit_notices_a_leak(bench: Bench) -> None:
    (bench.directory / "script").write_text(
        f"printf %s {base64.b64encode(CANARY.encode()).decode()} > leaked"
    )
    trace = bench.directory / "trace"
    subprocess.run(
        [
            "strace",
            "-f",
            "-v",
            "-s",
            "1000",
            "-o",
            trace,
            "-e",
            f"trace={CALLS}",
            "sh",
            bench.directory / "script",
        ],
        cwd=bench.home,
        check=True,
    )
    assert lines_with(trace.read_text(), CANARY)


def test_a_password_command_sees_no_password_and_gives_it_to_nobody_else(bench: Bench) -> None:
    (bench.home / "secret").write_text(CANARY)
    assert bench.run("check", EMAIL, "--password-command", f"cat {bench.home / 'secret'}") == 0
    (trace,) = bench.traces
    writers = {line.split()[0] for line in lines_with(trace, CANARY)}
    started = {line.split()[0] for line in trace.splitlines() if 'execve("' in line and '["cat"' in line}
    assert writers == {pid for pid in started if pid in writers}
    assert len(writers) == 1
