"""One test's world: servers with a user, a home directory, the tested command and Thunderbird."""

from __future__ import annotations

import base64
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.live.display import Display
from tests.live.dovecot import Dovecot
from tests.live.lab import clean_environment, until
from tests.live.submission import Submission
from tests.live.thunderbird import Thunderbird

JANE = "jane.appleseed@icloud.com"
JANE_LOCAL = "jane.appleseed"
PASSWORD = "abcd-efgh-ijkl-mnop"
NEW_PASSWORD = "qrst-uvwx-yzab-cdef"
BOB = "bob@example.net"
BOB_PASSWORD = "bobs own password"
ICLOUD_HOST = "imap.mail.me.com"
BOB_HOST = "imap.example.net"
SUBJECTS = ["Lunch on Friday", "Photos of the garden", "Minutes"]


@dataclass
class World:
    directory: Path
    imap: Dovecot
    smtp: Submission
    display: Display
    passwords: dict[str, str]
    """The submission server's, by address."""
    program: Path = Path(sys.executable).parent / "provisioner"
    _sent: int = field(default=0)

    @property
    def home(self) -> Path:
        return self.directory / "home"

    def set_password(self, password: str) -> None:
        """A new app-specific password for Jane; the old one ends."""
        self.imap.set_password(JANE_LOCAL, password)
        self.passwords[JANE] = password

    def thunderbird(
        self, *, primary_password: str = "", profile: Path | None = None, asked_for: str = ""
    ) -> Thunderbird:
        return Thunderbird(
            self.home,
            self.display,
            primary_password=primary_password,
            profile=profile,
            asked_for=asked_for,
        )

    def thunderbird_with_bob(self, *, primary_password: str = "") -> None:
        """A profile that Thunderbird itself made, with another account and perhaps a Primary Password."""
        with self.thunderbird() as thunderbird:
            sent = self.imap.flavour.sent
            thunderbird.add_account(BOB, BOB_HOST, "bob", "smtp.example.net", BOB_PASSWORD, sent=sent)
            if primary_password:
                thunderbird.set_primary_password(primary_password)

    def command(self, *arguments: str) -> subprocess.Popen[str]:
        """The tested command as a user's shell would start it."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [str(self.program), *arguments],
            stdin=pipe,
            stdout=pipe,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.directory,
            env=clean_environment(self.home),
        )

    def run(self, *arguments: str, stdin: str = "", expect: int = 0) -> str:
        """Output of the tested command, which must end with the expected exit code and show no password."""
        process = self.command(*arguments)
        output, _ = process.communicate(stdin, timeout=60)
        assert process.returncode == expect, f"exit code {process.returncode}, not {expect}:\n{output}"
        for password in (PASSWORD, NEW_PASSWORD, BOB_PASSWORD):
            assert password not in output
        return output

    def setup(self, *more: str, password: str = PASSWORD, expect: int = 0) -> str:
        """`provisioner setup` for Jane's Thunderbird, the password on standard input."""
        arguments = ("setup", JANE, "thunderbird", "--password-stdin", *more)
        return self.run(*arguments, stdin=password + "\n", expect=expect)

    def assert_shows_inbox(
        self, thunderbird: Thunderbird, *, host: str = ICLOUD_HOST, by_itself: bool = False
    ) -> None:
        """Logged in over TLS with the first try, the messages in the list, nobody was asked anything.

        `by_itself`: Thunderbird opens on this inbox; otherwise it is clicked on.
        """
        user = JANE_LOCAL if host == ICLOUD_HOST else "bob"
        until(f"a login of {user}", lambda: user in self.users_logged_in() or self.imap.failures())
        assert self.imap.failures() == []
        assert all(login.tls for login in self.imap.logins())
        if not by_itself:
            thunderbird.open_inbox(host)
        until(
            "the messages", lambda: set(thunderbird.view().rows) == set(SUBJECTS) or thunderbird.obstacles()
        )
        assert thunderbird.obstacles() == []
        assert f"@{host}/INBOX" in thunderbird.view().folder
        # A moment after the first start not all are known yet, and copies have nowhere to go.
        on_server = self.imap.mailboxes(user)
        until("the server's mailboxes", lambda: thunderbird.mailboxes(host) == on_server)

    def assert_sends(self, thunderbird: Thunderbird, *, sender: str = JANE, asked_for: str = "") -> None:
        """The message reaches the submission server, its copy the right mailbox, and no mailbox is made."""
        user = sender.partition("@")[0]
        before = self.imap.mailboxes(user)
        self._sent += 1
        subject = f"Test message {self._sent}"
        mails = len(self.smtp.mails)
        logins = len(self.smtp.logins)
        thunderbird.send("friend@example.org", subject, sender, asked_for=asked_for)
        until("the message at the server", lambda: len(self.smtp.mails) > mails)
        assert sender in self.smtp.mails[-1]["From"]
        assert self.smtp.logins[logins:] == [sender]
        assert self.smtp.failures == []
        until("the copy of the message", lambda: subject in self.imap.subjects(user, self.imap.flavour.sent))
        assert self.imap.mailboxes(user) == before
        assert thunderbird.obstacles() == []

    def assert_works(
        self, thunderbird: Thunderbird, *, password: str = PASSWORD, by_itself: bool = True
    ) -> None:
        """The whole promise of a set-up for Jane's account."""
        self.assert_shows_inbox(thunderbird, by_itself=by_itself)
        self.assert_sends(thunderbird)
        saved = thunderbird.saved_passwords()
        assert saved["imap://imap.mail.me.com"] == f"{JANE_LOCAL} {password}"
        assert saved["smtp://smtp.mail.me.com"] == f"{JANE} {password}"

    def users_logged_in(self) -> set[str]:
        """Local parts of everyone who logged in at the IMAP server since the log was emptied."""
        return {login.user.partition("@")[0] for login in self.imap.logins()}

    def files(self) -> dict[Path, bytes]:
        """Every file in the home directory, caches apart."""
        every = (path for path in self.home.rglob("*") if path.is_file() and not path.is_symlink())
        return {path.relative_to(self.home): path.read_bytes() for path in every}

    def files_with(self, password: str) -> list[Path]:
        """Files in the home directory that hold a password as it is, in UTF-16 or as base64 of either."""
        plain = [password.encode(), password.encode("utf-16-le")]
        needles = plain + [
            base64.b64encode(b"\0" * shift + form)[4:-4] for form in plain for shift in (0, 1, 2)
        ]
        return [
            path for path, content in self.files().items() if any(needle in content for needle in needles)
        ]
