"""The real curl, by the script that one command writes, with the password in the real GNOME Keyring."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from provisioner.quoting.curl import curl as inside
from tests.live.terminal import MAIL, Terminal, terminal_with
from tests.live.world import BOB, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World
from tests.needs import need

pytestmark = pytest.mark.live


class Curl:
    """Scripts in Jane's terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.world = terminal, terminal.world

    def script(self, user: str = JANE) -> Path:
        return self.world.home / ".config/provisioner/curl" / user

    def run(self, *arguments: str, user: str = JANE, text: str = "") -> str:
        return self.terminal.run("sh", str(self.script(user)), *arguments, text=text)

    def assert_works(self, user: str = JANE, imap_user: str = JANE_LOCAL) -> None:
        """Logins over TLS at the first try; mail is read and sent."""
        self.world.imap.forget()
        sent, logins = len(self.world.smtp.mails), len(self.world.smtp.logins)
        assert "Sent Messages" in self.run("imap", user=user)
        for number, subject in enumerate(SUBJECTS, 1):
            assert f"Subject: {subject}\n" in self.run("imap", f"INBOX;MAILINDEX={number}", user=user)
        self.run("smtp", "--mail-rcpt", "friend@example.org", "-sS", "-T", "-", user=user, text=MAIL)
        (mail,) = self.world.smtp.mails[sent:]
        assert mail["Subject"] == "From a terminal"
        assert self.world.smtp.logins[logins:] == [user]
        assert {(login.user, login.tls) for login in self.world.imap.logins()} == {(imap_user, True)}
        assert self.world.smtp.failures == self.world.imap.failures() == []


@pytest.fixture
def curl(world: World) -> Iterator[Curl]:
    with terminal_with(world, "curl") as terminal:
        yield Curl(terminal)


def test_two_accounts(curl: Curl) -> None:
    terminal, world = curl.terminal, curl.world
    before = terminal.snapshot()
    terminal.setup("curl")
    terminal.setup_bob("curl")
    curl.assert_works()
    curl.assert_works(BOB, BOB)
    terminal.provisioner("remove", BOB)
    curl.assert_works()
    assert world.files_with(PASSWORD) == []
    terminal.provisioner("remove", JANE)
    assert terminal.snapshot() == before
    assert terminal.desktop.search() == ""


def test_a_new_password_is_one_command(curl: Curl) -> None:
    curl.terminal.setup("curl")
    curl.world.set_password(NEW_PASSWORD)
    curl.world.imap.forget()
    curl.terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    curl.assert_works()


def test_a_certificate_of_somebody_else_is_refused(curl: Curl) -> None:
    (curl.world.home / ".curlrc").write_text("insecure\n")
    curl.terminal.setup("curl")
    curl.world.imap.forget()
    logins = len(curl.world.smtp.logins)
    script = curl.script()
    for host in ("imap.mail.me.com", "smtp.mail.me.com"):
        script.write_text(script.read_text().replace(host, "localhost"))
    for arguments in (["imap"], ["smtp", "--mail-rcpt", "friend@example.org", "-T", "-"]):
        done = curl.terminal.desktop.run("sh", str(script), *arguments, text=MAIL)
        assert done.returncode == 60
        assert "certificate" in done.stderr
    assert curl.world.imap.logins() == []
    assert curl.world.smtp.logins[logins:] == []


def test_the_password_is_in_no_argument_and_no_environment(curl: Curl) -> None:
    """A stand-in for curl shows what it was given."""
    curl.terminal.setup("curl")
    directory = curl.world.directory / "bin"
    directory.mkdir()
    stand_in = directory / "curl"
    stand_in.write_text("#!/bin/sh\ntr '\\0' ' ' < /proc/$$/cmdline; env; wc -c < /dev/fd/3; cat\n")
    stand_in.chmod(0o755)
    path = f"PATH={directory}:/usr/bin:/bin"
    shown = curl.terminal.run("env", path, "sh", str(curl.script()), "imap", "INBOX", "-v", text="stdin")
    assert "--url imaps://imap.mail.me.com:993/INBOX -K /dev/fd/3 -v" in shown
    assert shown.endswith(f"\n{len(f'user = {JANE_LOCAL}:{PASSWORD}') + 3}\nstdin")


def test_without_the_keyring_nothing_is_tried(curl: Curl) -> None:
    curl.terminal.setup("curl")
    curl.world.imap.forget()
    curl.terminal.run("secret-tool", "clear", "service", "provisioner", "username", JANE)
    done = curl.terminal.desktop.run("sh", str(curl.script()), "imap")
    assert (done.returncode, done.stderr) == (1, "The command gives no password.\n")
    assert "rip=" not in curl.world.imap.log()


TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=TEXT)
@example("\\\\n\\\\\\t\\")
def test_curl_reads_any_value_as_it_is(tmp_path: Path, value: str) -> None:
    need(shutil.which("curl"), "curl is not installed")
    (tmp_path / "empty").touch()
    line = f'write-out = "{inside("x" + value.replace("%", "%%"))}"\n'
    done = subprocess.run(
        ["curl", "-q", "-s", f"file://{tmp_path}/empty", "-K", "-"],
        input=line.encode(),
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode() == expanded("x" + value)


def expanded(text: str) -> str:
    """curl(1), --write-out: `\\n`, `\\r` and `\\t` in it are read once more, other escapes are shown."""
    chars = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(r"\\(.)", lambda found: chars.get(found[1], found[0]), text)
