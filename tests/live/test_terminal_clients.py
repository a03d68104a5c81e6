"""msmtp and mbsync, the real ones, set up by one command with the password in the real GNOME Keyring."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.live.dovecot import Flavour
from tests.live.test_keyring import UNLOCK, Session, session
from tests.live.world import JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World
from tests.needs import need

pytestmark = pytest.mark.live

MAIL = f"From: {JANE}\nTo: friend@example.org\nSubject: From a terminal\n\nHello.\n"


class Terminal:
    """Jane's terminal in a desktop session with an unlocked keyring."""

    def __init__(self, world: World, desktop: Session) -> None:
        self.world, self.desktop = world, desktop
        self.maildir = world.home / "Mail" / JANE

    def run(self, *command: str, text: str = "", expect: int = 0) -> str:
        """What the program says; it must end with the expected exit code and show no password."""
        done = self.desktop.run(*command, text=text)
        output = done.stdout + done.stderr
        assert done.returncode == expect, f"{command}: exit code {done.returncode}\n{output}"
        assert PASSWORD not in output
        assert NEW_PASSWORD not in output
        return output

    def provisioner(self, *arguments: str, text: str = "") -> str:
        return self.run(str(self.world.program), *arguments, text=text)

    def setup(self) -> str:
        return self.provisioner("setup", JANE, "msmtp", "mbsync", "--password-stdin", text=PASSWORD)

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
def terminal(world: World) -> Iterator[Terminal]:
    lost = [tool for tool in ("msmtp", "mbsync") if shutil.which(tool) is None]
    need(not lost, f"needs {', '.join(lost)} (make system)")
    with session(world.home, UNLOCK) as desktop:
        yield Terminal(world, desktop)


def test_one_command_and_both_work(terminal: Terminal) -> None:
    terminal.setup()
    terminal.assert_works()
    on_server = terminal.world.imap.mailboxes(JANE_LOCAL)
    assert {path.name for path in terminal.maildir.iterdir() if path.is_dir()} == on_server
    assert terminal.world.imap.subjects(JANE_LOCAL, "INBOX") == SUBJECTS
    terminal.provisioner("status", "--check")
    assert terminal.world.files_with(PASSWORD) == []
    terminal.provisioner("remove", JANE)
    assert terminal.desktop.search() == ""
    assert terminal.maildir.is_dir()
    assert not (terminal.world.home / ".mbsyncrc").exists()
    assert not (terminal.world.home / ".config/msmtp").exists()


def test_a_new_password_is_one_command(terminal: Terminal) -> None:
    terminal.setup()
    terminal.world.set_password(NEW_PASSWORD)
    terminal.world.imap.forget()
    terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    terminal.assert_works()
    assert terminal.world.files_with(NEW_PASSWORD) == []
    terminal.provisioner("remove", JANE, "mbsync")
    terminal.run("msmtp", "friend@example.org", text=MAIL)


@pytest.mark.parametrize("flavour", [Flavour.SPECIAL_USE])
def test_beside_accounts_of_the_users_own(terminal: Terminal) -> None:
    home = terminal.world.home
    (home / ".msmtprc").write_text(
        "defaults\ntls_certcheck off\ntls_trust_file /nonexistent\npassword wrong\nauth off\n"
        "account work\nhost smtp.example.net\nfrom jane@example.net"
    )
    (home / ".msmtprc").chmod(0o600)
    (home / ".mbsyncrc").write_text(
        "Sync Pull\n\nMaildirStore work\nPath ~/job/\nInbox ~/job/INBOX\n\nMaildirStore copy\nPath ~/copy/"
    )
    before = {path.name: path.read_bytes() for path in home.glob(".m*rc")}
    terminal.setup()
    terminal.assert_works()
    terminal.provisioner("remove", JANE)
    assert {path.name: path.read_bytes() for path in home.glob(".m*rc")} == before


def test_a_certificate_of_somebody_else_is_refused(terminal: Terminal) -> None:
    config = terminal.world.home / ".msmtprc"
    config.write_text("defaults\ntls_certcheck off\n")
    terminal.setup()
    terminal.world.imap.forget()
    logins = len(terminal.world.smtp.logins)
    for path, host, command in (
        (".mbsyncrc", "imap.mail.me.com", ["mbsync", "-a"]),
        (".msmtprc", "smtp.mail.me.com", ["msmtp", "friend@example.org"]),
    ):
        config = terminal.world.home / path
        config.write_text(config.read_text().replace(host, "localhost"))
        done = terminal.desktop.run(*command, text=MAIL)
        assert done.returncode != 0
        assert "certificate" in done.stderr, done.stderr
    assert terminal.world.imap.logins() == []
    assert terminal.world.smtp.logins[logins:] == []
