"""msmtp and mbsync, the real ones, set up by one command with the password in the real GNOME Keyring."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.items import SEAL_SERVICE
from tests.live.dovecot import Flavour
from tests.live.terminal import MAIL, Terminal, terminal_with
from tests.live.world import JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live


class Post:
    """Jane's mbsync and msmtp."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.world = terminal, terminal.world
        self.provisioner, self.run = terminal.provisioner, terminal.run
        self.maildir: Path = terminal.home / "Mail" / JANE

    def setup(self) -> None:
        self.terminal.setup("msmtp", "mbsync")

    def fetch(self) -> list[str]:
        """Subjects in the fetched inbox, after `mbsync -a`."""
        self.run("mbsync", "-a")
        mails = [path.read_text() for path in self.maildir.glob("INBOX/*/*") if path.is_file()]
        lines = [line for mail in mails for line in mail.splitlines()]
        return sorted(line.removeprefix("Subject: ") for line in lines if line.startswith("Subject: "))

    def assert_works(self) -> None:
        """Both log in over TLS, at the first try, and do their work."""
        self.world.imap.forget()
        sent, logins = len(self.world.smtp.mails), len(self.world.smtp.logins)
        assert self.fetch() == sorted(SUBJECTS)
        assert {(login.user, login.tls) for login in self.world.imap.logins()} == {(JANE_LOCAL, True)}
        self.run("msmtp", "friend@example.org", text=MAIL)
        (mail,) = self.world.smtp.mails[sent:]
        assert mail["Subject"] == "From a terminal"
        assert self.world.smtp.logins[logins:] == [JANE]
        assert self.world.smtp.failures == self.world.imap.failures() == []


@pytest.fixture
def post(world: World) -> Iterator[Post]:
    with terminal_with(world, "msmtp", "mbsync") as terminal:
        yield Post(terminal)


def test_one_command_and_both_work(post: Post) -> None:
    post.setup()
    post.assert_works()
    on_server = post.world.imap.mailboxes(JANE_LOCAL)
    assert {path.name for path in post.maildir.iterdir() if path.is_dir()} == on_server
    assert post.world.imap.subjects(JANE_LOCAL, "INBOX") == SUBJECTS
    post.provisioner("status", "--check")
    assert post.world.files_with(PASSWORD) == []
    post.provisioner("remove", JANE)
    assert post.terminal.desktop.search() == ""
    assert post.terminal.desktop.run("secret-tool", "search", "--all", "service", SEAL_SERVICE).stdout == ""
    assert post.maildir.is_dir()
    assert not (post.world.home / ".mbsyncrc").exists()
    assert not (post.world.home / ".config/msmtp").exists()


def test_a_new_password_is_one_command(post: Post) -> None:
    post.setup()
    post.world.set_password(NEW_PASSWORD)
    post.world.imap.forget()
    post.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    post.assert_works()
    assert post.world.files_with(NEW_PASSWORD) == []
    post.provisioner("remove", JANE, "mbsync")
    post.run("msmtp", "friend@example.org", text=MAIL)


@pytest.mark.parametrize("flavour", [Flavour.SPECIAL_USE])
def test_beside_accounts_of_the_users_own(post: Post) -> None:
    home = post.world.home
    (home / ".msmtprc").write_text(
        "defaults\ntls_certcheck off\ntls_trust_file /nonexistent\npassword wrong\nauth off\n"
        "account work\nhost smtp.example.net\nfrom jane@example.net"
    )
    (home / ".msmtprc").chmod(0o600)
    (home / ".mbsyncrc").write_text(
        "Sync Pull\n\nMaildirStore work\nPath ~/job/\nInbox ~/job/INBOX\n\nMaildirStore copy\nPath ~/copy/"
    )
    before = {path.name: path.read_bytes() for path in home.glob(".m*rc")}
    post.setup()
    post.assert_works()
    post.provisioner("remove", JANE)
    assert {path.name: path.read_bytes() for path in home.glob(".m*rc")} == before


def test_a_certificate_of_somebody_else_is_refused(post: Post) -> None:
    config = post.world.home / ".msmtprc"
    config.write_text("defaults\ntls_certcheck off\n")
    post.setup()
    post.world.imap.forget()
    logins = len(post.world.smtp.logins)
    for path, host, command in (
        (".mbsyncrc", "imap.mail.me.com", ["mbsync", "-a"]),
        (".msmtprc", "smtp.mail.me.com", ["msmtp", "friend@example.org"]),
    ):
        config = post.world.home / path
        config.write_text(config.read_text().replace(host, "localhost"))
        done = post.terminal.desktop.run(*command, text=MAIL)
        assert done.returncode != 0
        assert "certificate" in done.stderr, done.stderr
    assert post.world.imap.logins() == []
    assert post.world.smtp.logins[logins:] == []
