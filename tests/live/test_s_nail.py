"""The real s-nail, set up by one command with the password in the real GNOME Keyring."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import formataddr, parseaddr
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.quoting.netrc import netrc
from provisioner.quoting.shell import shell
from tests.live.dovecot import Flavour
from tests.live.terminal import Terminal, terminal_with
from tests.live.world import BOB, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World
from tests.needs import need

pytestmark = pytest.mark.live

AT_HOME = ("unshare", "-m", "sh", "-c", 'mount --bind "$HOME" /root && exec "$@"', "sh")
"""s-nail does not believe HOME if it runs as root."""


class Nail:
    """s-nail in Jane's terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.world = terminal, terminal.world

    def run(self, *arguments: str, text: str = "") -> str:
        return self.terminal.run(*AT_HOME, "s-nail", *arguments, text=text)

    def assert_works(self, user: str = JANE, imap_user: str = JANE_LOCAL) -> None:
        """Logins over TLS at the first try; the inbox is shown, a mail sent, its copy kept."""
        self.world.imap.forget()
        sent, logins = len(self.world.smtp.mails), len(self.world.smtp.logins)
        shown = self.run("-A", user, "-H")
        assert all(subject in shown for subject in SUBJECTS)
        self.run("-A", user, "-s", "From s-nail", "friend@example.org", text="Hello.\n")
        (mail,) = self.world.smtp.mails[sent:]
        assert mail["Subject"] == "From s-nail"
        assert user in mail["From"]
        assert self.world.smtp.logins[logins:] == [user]
        assert {(login.user, login.tls) for login in self.world.imap.logins()} == {(imap_user, True)}
        assert self.world.smtp.failures == self.world.imap.failures() == []
        local = user.partition("@")[0]
        assert "From s-nail" in self.world.imap.subjects(local, self.world.imap.flavour.sent)


@pytest.fixture
def nail(world: World) -> Iterator[Nail]:
    with terminal_with(world, "s-nail", "unshare") as terminal:
        yield Nail(terminal)


@pytest.mark.parametrize("flavour", [Flavour.SPECIAL_USE])
def test_two_accounts_beside_settings_of_the_users_own(nail: Nail) -> None:
    terminal, world = nail.terminal, nail.world
    own = world.home / ".mailrc"
    own.write_text("set tls-verify=ignore password=wrong nohold\nset from='jane@example.net'\n")
    before = terminal.snapshot()
    on_server = world.imap.mailboxes(JANE_LOCAL)
    terminal.setup("s-nail")
    terminal.setup_bob("s-nail")
    nail.assert_works()
    nail.assert_works(BOB, BOB)
    # From one account to the other, reading mail on the way.
    script = f"type 1\naccount {BOB}\ntype 1\nquit\n"
    world.imap.forget()
    nail.run("-A", JANE, "-Y", script)
    assert {login.user for login in world.imap.logins()} == {JANE_LOCAL, BOB}
    assert world.imap.subjects(JANE_LOCAL, "INBOX") == SUBJECTS
    assert world.imap.mailboxes(JANE_LOCAL) == on_server
    assert not (world.home / "mbox").exists()
    assert nail.run("-#", "-X", 'echo "$from"; x') == "jane@example.net\n"
    terminal.provisioner("remove", BOB)
    nail.assert_works()
    assert world.files_with(PASSWORD) == []
    terminal.provisioner("remove", JANE)
    assert terminal.snapshot() == before
    assert terminal.desktop.search() == ""


def test_a_new_password_is_one_command(nail: Nail) -> None:
    nail.terminal.setup("s-nail")
    nail.world.set_password(NEW_PASSWORD)
    nail.world.imap.forget()
    nail.terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    nail.assert_works()


def test_a_certificate_of_somebody_else_is_refused(nail: Nail) -> None:
    (nail.world.home / ".mailrc").write_text("set tls-verify=ignore\n")
    nail.terminal.setup("s-nail")
    nail.world.imap.forget()
    logins = len(nail.world.smtp.logins)
    for path in (nail.world.home / ".config/provisioner/s-nail").iterdir():
        path.write_text(path.read_text().replace("imap.mail.me.com", "localhost"))
    done = nail.terminal.desktop.run(*AT_HOME, "s-nail", "-A", JANE, "-H")
    assert "certificate does not match" in done.stderr
    for path in (nail.world.home / ".config/provisioner/s-nail").iterdir():
        path.write_text(path.read_text().replace("smtp.mail.me.com", "localhost"))
    done = nail.terminal.desktop.run(
        *AT_HOME, "s-nail", "-A", JANE, "-Sunset=record", "-s", "x", "friend@example.org"
    )
    assert done.returncode != 0
    assert "certificate does not match" in done.stderr
    assert nail.world.imap.logins() == []
    assert nail.world.smtp.logins[logins:] == []


TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


def says(directory: Path, commands: str, *more: str) -> bytes:
    need(shutil.which("s-nail"), "s-nail is not installed")
    path = directory / "rc"
    path.write_bytes(commands.encode())
    done = subprocess.run(
        ["s-nail", "-:/", "-Sv15-compat", "-X", f"source {shell(str(path))}", *(more or ("-#", "-X", "x"))],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        env={"HOME": str(directory), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
    )
    assert done.stderr == b""
    return done.stdout


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.from_regex(r"[!-~]{1,40}@x\.org", fullmatch=True), value=TEXT)
def test_s_nail_reads_any_value_as_it_is(tmp_path: Path, name: str, value: str) -> None:
    """The environment of a child shows a value byte for byte."""
    account = f"account {shell(name)} {{\nset v15-compat=yes\nenviron set value={shell(value)}\n}}\n"
    shown = says(tmp_path, f"{account}account {shell(name)}\n!printenv value\n")
    assert shown.startswith(value.encode() + b"\n")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=TEXT, password=TEXT)
def test_s_nail_reads_any_netrc_token_as_it_is(tmp_path: Path, user: str, password: str) -> None:
    (tmp_path / "netrc").write_text(f"machine x.org login {netrc(user)} password {netrc(password)}\n")
    shown = says(tmp_path, f"set netrc-lookup netrc-pipe={shell(f'cat {tmp_path}/netrc')}\nnetrc\n")
    tokens = re.fullmatch(rb'machine x\.org login ("(?:\\.|[^"\\])*"|[^ ]+) password (.+)\n', shown)
    assert tokens, shown
    assert [plain(token) for token in tokens.groups()] == [user.encode(), password.encode()]


def plain(token: bytes) -> bytes:
    """A token without its quotes."""
    return re.sub(rb"\\(.)", rb"\1", token.removeprefix(b'"').removesuffix(b'"'), flags=re.S)


@pytest.mark.parametrize("name", ["Appleseed, Jane", 'Jane "J" A\\', "Jäne 🍏", ""])
def test_senders(tmp_path: Path, name: str) -> None:
    sender = formataddr((name, "jane@x.org"))
    mail = says(tmp_path, f"set from={shell(sender)} mta=test\n", "-s", "Hello", "friend@x.org")
    header = message_from_bytes(mail.partition(b"\n")[2])["From"]
    words, address = parseaddr(header)
    assert (str(make_header(decode_header(words))), address) == (name, "jane@x.org")
