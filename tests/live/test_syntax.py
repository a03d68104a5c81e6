"""Hostile values through the target's own parser: what a quoting filter lets through comes back as it was.

msmtp and mpop print their settings. mbsync lists the names of its channels, sends the user name to a server
and runs the password command. Thunderbird's preferences are read inside it. (Apple's files are XML
property lists: tests/test_apple_mail.py reads them back.)
"""

from __future__ import annotations

import itertools
import re
import shlex
import shutil
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import UsageError
from provisioner.quoting.mbsync import MAX_BYTES, mbsync
from provisioner.quoting.mozilla import mozpref
from provisioner.quoting.msmtp import msmtp
from tests.live.display import Display
from tests.live.lab import Lab
from tests.live.thunderbird import Thunderbird
from tests.needs import need

pytestmark = pytest.mark.live

TOKENS = ["\\", '"', "'", "#", " ", "\t", "x", "$x", "`id`", "{{ 7 }}", "%s", "ü", "\u202e", "🍏"]
"""What means something in one of the syntaxes; all sequences of two or three are tried."""

CONFIG = "account a\nhost h.example\ntls on\nuser %s\n"
PRINTING = {
    "msmtp": ("from j@example.org\n", "-a", "a", "x@example.org"),
    "mpop": ("delivery mbox x\nuidls_file x\n", "a"),
}
"""What else each must have in its file, and its arguments."""


@pytest.fixture(params=PRINTING)
def printed(request: pytest.FixtureRequest, tmp_path: Path):  # type: ignore[no-untyped-def]
    """What msmtp and mpop make of a user name: all settings but that one, and that one."""
    program = request.param
    more, *arguments = PRINTING[program]
    need(shutil.which(program), f"{program} is not installed")
    path = tmp_path / "rc"
    path.touch(mode=0o600)

    def settings_of(quoted: str) -> tuple[list[bytes], bytes]:
        path.write_bytes((CONFIG % quoted + more).encode())
        done = subprocess.run(
            [program, "--pretend", "-C", path, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        lines = (done.stdout + done.stderr).split(b"\n")
        user = [line for line in lines if line.startswith(b"user = ")]
        return [line for line in lines if line not in user], user[0].removeprefix(b"user = ")

    return settings_of


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=1, max_size=200))
def test_msmtp_reads_any_value_as_it_is_and_no_other_setting_changes(printed, value: str) -> None:  # type: ignore[no-untyped-def]
    others, _ = printed('"jane"')
    try:
        quoted = msmtp(value)
    except UsageError:
        assert any(char in value for char in "\r\n\0") or len(value.encode(errors="replace")) > 200
        return
    now, user = printed(quoted)
    assert user == value.encode()
    assert now == others


@pytest.mark.parametrize(
    "value", ['a"b', "a\\", "a # b", "$HOME `id` $(id)", "a\ttls off", '" \ntls off', "'", "%s"]
)
def test_msmtp_and_values_that_look_like_syntax(printed, value: str) -> None:  # type: ignore[no-untyped-def]
    try:
        quoted = msmtp(value)
    except UsageError:
        assert "\n" in value
        return
    assert printed(quoted) == (printed('"jane"')[0], value.encode())


def test_msmtp_and_all_that_looks_like_syntax(printed) -> None:  # type: ignore[no-untyped-def]
    usual = printed('"jane"')[0]
    for value in map("".join, itertools.product(TOKENS, repeat=2)):
        assert printed(msmtp(value)) == (usual, value.encode())


MAILDIRS = "MaildirStore far\nPath %s/far/\nInbox %s/far/INBOX\n\nMaildirStore near\nPath %s/near/\n\n"
ANOTHER = "another " * 50
"""A channel beside the tested ones: of a single one no name is shown."""


def run_mbsync(home: Path, config: str, *options: str) -> subprocess.CompletedProcess[bytes]:
    """A run on this configuration."""
    need(shutil.which("mbsync"), "mbsync is not installed")
    for name in ("far", "near"):
        (home / name).mkdir(exist_ok=True)
    (home / "rc").write_bytes((MAILDIRS.replace("%s", str(home)) + config).encode())
    return subprocess.run(
        ["mbsync", "-c", home / "rc", *options],
        capture_output=True,
        check=False,
        timeout=60,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )


def writable(values: list[str]) -> dict[str, str]:
    """Those that the filter lets through, as it writes them."""
    quoted: dict[str, str] = {}
    for value in values:
        try:
            quoted[value] = mbsync(value)
        except UsageError:
            assert any(char in value for char in "\r\n\0") or len(value.encode(errors="replace")) > 450
    return quoted


def assert_channels_are_read_as_they_are(home: Path, values: list[str]) -> None:
    quoted = writable(values)
    quoted = {ANOTHER: f'"{ANOTHER}"', **quoted}
    if len(quoted) == 1:
        return
    channels = "".join(f"Channel {name}\nFar :far:\nNear :near:\n\n" for name in quoted.values())
    done = run_mbsync(home, channels, "--list", "--all")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "".join(f"{name}:\nINBOX <=> INBOX\n" for name in quoted)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.text(min_size=1, max_size=300), min_size=1, max_size=40, unique=True))
def test_mbsync_reads_any_value_as_it_is(tmp_path: Path, values: list[str]) -> None:
    assert_channels_are_read_as_they_are(tmp_path, values)


def test_mbsync_and_values_that_look_like_syntax(tmp_path: Path) -> None:
    values = ["".join(tokens) for tokens in itertools.product(TOKENS, repeat=3)]
    longest = "\\" * (MAX_BYTES // 2)
    assert_channels_are_read_as_they_are(tmp_path, [*values, longest, "ü" * 450, '" \nExpunge Both'])
    with pytest.raises(UsageError):
        mbsync(longest + "x")


class Ear:
    """An IMAP server, without TLS, that hears user names and refuses everybody. A context manager."""

    def __init__(self) -> None:
        self.users: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Ear:
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock, sock.makefile("rwb", buffering=0) as stream:
                stream.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
                while line := stream.readline():
                    login = re.fullmatch(rb'\d+ LOGIN "(.*)" "pw"\r\n', line)
                    if login:
                        self.users.append(re.sub(rb"\\(.)", rb"\1", login[1]).decode())
                    stream.write(line.split()[0] + b" NO not here\r\n")
                    if login:
                        break


@pytest.mark.timeout(120)
def test_mbsync_sends_the_user_name_and_runs_the_command_as_they_are(tmp_path: Path) -> None:
    every = ["".join(tokens) for tokens in itertools.product(TOKENS, repeat=3)]
    values = every[::8]
    record = tmp_path / "record"

    def account(number: int, value: str, port: int) -> str:
        command = f"printf '%s\\0' {shlex.quote(value)} >>{shlex.quote(str(record))}; echo pw"
        return (
            f"IMAPStore s{number}\nHost 127.0.0.1\nPort {port}\nSSLType None\nAuthMechs LOGIN\n"
            f"User {mbsync(value)}\nPassCmd {mbsync(command)}\n\n"
            f"Channel c{number}\nFar :s{number}:\nNear :near:\n\n"
        )

    with Ear() as ear:
        accounts = "".join(account(number, value, ear.port) for number, value in enumerate(values))
        run_mbsync(tmp_path, accounts, "--all")
    assert ear.users == values
    assert record.read_text().split("\0") == [*values, ""]


def test_thunderbird_reads_any_preference_as_it_is(lab: Lab, display: Display, tmp_path: Path) -> None:
    """Every character of the basic plane, and what means something in prefs.js in every order."""
    tokens = ["\\", '"', "'", "\n", "\r", "//", "/*", "*/", "#", ");", 'user_pref("a.b", 1);', "\u2028", "🍏"]
    plane = [chr(code) for code in range(1, 0x10000) if not 0xD800 <= code <= 0xDFFF]
    values = ["".join(some) for some in itertools.product(tokens, repeat=3)]
    values += ["".join(plane[start : start + 1000]) for start in range(0, len(plane), 1000)]
    profile = tmp_path / "profile"
    (tmp_path / "home").mkdir()
    profile.mkdir(mode=0o700)
    lines = (f'user_pref("t.{number}", {mozpref(value)});\n' for number, value in enumerate(values))
    (profile / "prefs.js").write_bytes("".join(lines).encode())
    with Thunderbird(tmp_path / "home", display, profile=profile) as thunderbird:
        read = thunderbird.script(
            "return [...Array(arguments[0]).keys()].map(n => Services.prefs.getStringPref(`t.${n}`, null));",
            len(values),
        )
        assert not thunderbird.script('return Services.prefs.prefHasUserValue("a.b");')
    assert read == values
