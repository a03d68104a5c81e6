"""Programs that fetch mail, the real ones, each set up by one command with the password in GNOME Keyring."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.live.terminal import ANY_CHARACTERS, ORDINARY_USER, Terminal, terminal_with
from tests.live.world import BOB, BOB_PASSWORD, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Fetcher:
    """`mail` is where an account's inbox is, `config` where its servers stand, both below the home."""

    client: str
    mail: str
    config: str
    prefix: tuple[str, ...] = ()


FETCHERS = {
    "getmail": Fetcher("getmail", "Mail/getmail/{}", ".config/getmail/{}", ORDINARY_USER),
    "fetchmail": Fetcher("fetchmail", "Mail/fetchmail/{}", ".config/fetchmail/{}"),
    "offlineimap": Fetcher("offlineimap", "Mail/offlineimap/{}/INBOX", ".offlineimaprc"),
}


def next_step(output: str) -> str:
    """The command that a report says to run."""
    match = re.search(r"^ *Fetch your mail with:\s+(.+)$", output, re.M)
    assert match, output
    return match[1]


class Post:
    """Jane's program."""

    def __init__(self, terminal: Terminal, fetcher: Fetcher) -> None:
        self.terminal, self.world, self.fetcher = terminal, terminal.world, fetcher

    def setup_jane(self) -> str:
        """The command that the report says to run."""
        return next_step(self.terminal.setup(self.fetcher.client))

    def setup_bob(self) -> str:
        return next_step(self.terminal.setup_bob(self.fetcher.client))

    def config(self, address: str) -> Path:
        return self.terminal.home / self.fetcher.config.format(address)

    def fetch(self, command: str, address: str) -> list[str]:
        """Subjects in the fetched inbox."""
        self.terminal.run("sh", "-c", command)
        inbox = self.terminal.home / self.fetcher.mail.format(address)
        mails = [path.read_text() for part in ("new", "cur") for path in (inbox / part).glob("[!.]*")]
        lines = [line for mail in mails for line in mail.splitlines()]
        return sorted(line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: "))


@pytest.fixture(params=FETCHERS)
def post(request: pytest.FixtureRequest, world: World) -> Iterator[Post]:
    fetcher = FETCHERS[request.param]
    with terminal_with(world, fetcher.client, prefix=fetcher.prefix) as terminal:
        yield Post(terminal, fetcher)


def test_one_command_and_the_mail_is_there(post: Post) -> None:
    command = post.setup_jane()
    post.world.imap.forget()
    for _ in range(2):  # once more fetches nothing twice
        assert post.fetch(command, JANE) == sorted(SUBJECTS)
    assert {(login.user, login.tls) for login in post.world.imap.logins()} == {(JANE_LOCAL, True)}
    assert post.world.imap.failures() == []
    assert post.world.imap.subjects(JANE_LOCAL, "INBOX") == SUBJECTS
    post.terminal.provisioner("status", "--check")
    assert post.world.files_with(PASSWORD) == []
    post.terminal.provisioner("remove", JANE)
    assert post.terminal.desktop.search() == ""
    assert not post.config(JANE).exists()
    assert (post.terminal.home / post.fetcher.mail.format(JANE)).is_dir()


def test_two_accounts_a_new_password_and_nothing_left(post: Post) -> None:
    before = post.terminal.snapshot()
    post.setup_jane()
    post.terminal.provisioner("remove", JANE)
    assert post.terminal.snapshot() == before
    jane, bob = post.setup_jane(), post.setup_bob()
    post.world.set_password(NEW_PASSWORD)
    post.terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    post.world.imap.forget()
    assert post.fetch(jane, JANE) == sorted(SUBJECTS)
    post.terminal.provisioner("remove", JANE)
    assert post.fetch(bob, BOB) == sorted(SUBJECTS)
    assert post.world.imap.failures() == []
    for password in (NEW_PASSWORD, BOB_PASSWORD):
        assert post.world.files_with(password) == []


def test_a_password_of_any_characters_logs_in(post: Post) -> None:
    command = next_step(post.terminal.setup_with(ANY_CHARACTERS, post.fetcher.client))
    assert post.fetch(command, JANE) == sorted(SUBJECTS)


def test_without_the_password_nothing_is_asked_or_tried(post: Post) -> None:
    command = post.setup_jane()
    post.terminal.desktop.run("secret-tool", "clear", "service", "provisioner", "username", JANE)
    post.world.imap.forget()
    assert post.terminal.desktop.run("sh", "-c", command).returncode != 0
    assert post.world.imap.logins() == []
    assert post.world.imap.failures() == []


def test_from_cron_it_needs_the_address_of_the_session(post: Post) -> None:
    command = post.setup_jane()
    bare = ("env", "-i", f"HOME={post.terminal.home}", "PATH=/usr/bin:/bin")
    post.world.imap.forget()
    assert post.terminal.desktop.run(*bare, "sh", "-c", command).returncode != 0
    assert post.world.imap.logins() == []
    assert post.world.imap.failures() == []
    bus = f"DBUS_SESSION_BUS_ADDRESS={post.terminal.desktop.env['DBUS_SESSION_BUS_ADDRESS']}"
    assert post.terminal.desktop.run(*bare, bus, "sh", "-c", command).returncode == 0
    assert [login.user for login in post.world.imap.logins()][:1] == [JANE_LOCAL]


def test_a_certificate_of_somebody_else_is_refused(post: Post) -> None:
    command = post.setup_jane()
    config = post.config(JANE)
    config.write_text(config.read_text().replace("imap.mail.me.com", "localhost"))
    post.world.imap.forget()
    done = post.terminal.desktop.run("sh", "-c", command)
    shown = done.stdout + done.stderr
    assert done.returncode != 0
    assert re.search("certificate|hostname", shown), shown
    assert post.world.imap.logins() == []
