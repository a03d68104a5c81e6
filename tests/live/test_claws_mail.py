"""The real Claws Mail under Xvfb."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from provisioner.errors import UsageError
from provisioner.quoting.sylpheed import folderattr, sylpheedrc
from tests.live import accountrc
from tests.live.lab import until
from tests.live.windows import Windows
from tests.live.world import (
    BOB,
    BOB_HOST,
    BOB_PASSWORD,
    JANE,
    JANE_LOCAL,
    NEW_PASSWORD,
    PASSWORD,
    SUBJECTS,
    World,
)
from tests.needs import need

pytestmark = pytest.mark.live

CONFIG = ".claws-mail"
PASSPHRASE = "a passphrase, ünd more"


class Claws(Windows):
    """Jane's Claws Mail."""

    def setup(self, *more: str) -> str:
        return self.provisioner("setup", JANE, "claws-mail", "--password-stdin", *more, text=PASSWORD)

    def setup_bob(self) -> None:
        servers = ("--imap", BOB_HOST, "--smtp", "smtp.example.net:587")
        self.provisioner("setup", BOB, "claws-mail", *servers, "--password-stdin", text=BOB_PASSWORD)

    @property
    def config(self) -> Path:
        return self.home / CONFIG

    @contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        """It is closed as its menu does, and has written all its files then."""
        with self.program("claws-mail", *arguments) as process:
            self.world.display.window("Claws Mail")
            yield
            self.tell("claws-mail", "--exit")
            process.wait(20)

    def counts(self) -> dict[str, str]:
        """Mailbox -> number of messages, as Claws Mail says it."""
        rows = re.findall(r"^ *\d+ +\d+ +(\d+) (#.*)$", self.tell("claws-mail", "--status-full"), re.M)
        return {name: number for number, name in rows}

    def compose(self, sender: str = JANE) -> None:
        """Opens a message; first it says that there is no dictionary for no language."""
        draft = self.world.directory / "mail"
        draft.write_text(f"To: friend@example.org\nFrom: {sender}\nSubject: From a window\n\nHello.\n")
        self.tell("claws-mail", "--compose-from-file", str(draft))
        self.press_until_gone("Error", "Return")

    def assert_works(self, sender: str = JANE) -> None:
        """While it runs: the inbox is read over TLS at the first try, a mail goes out, its copy is kept."""
        world, user = self.world, sender.partition("@")[0]
        inbox = f"#imap/{sender}/INBOX"
        mailboxes, copies = world.imap.mailboxes(user), len(world.imap.subjects(user, "Sent Messages"))
        until("the messages", lambda: self.counts().get(inbox) == str(len(SUBJECTS)))

        def fetched() -> bool:
            self.tell("claws-mail", "--select", f"{inbox}/1")  # while it is busy it does not listen
            cached = (self.config / "imapcache").glob("*/*/INBOX/1")
            return any(SUBJECTS[0] in path.read_text() for path in cached)

        until("a message", fetched)
        mails = len(world.smtp.mails)
        self.compose(sender)
        self.press_until_gone("From a window", "ctrl+Return")
        until("the mail", lambda: len(world.smtp.mails) > mails)
        until("its copy", lambda: len(world.imap.subjects(user, "Sent Messages")) > copies)
        assert world.smtp.mails[-1]["From"].addresses[0].addr_spec == sender
        assert world.smtp.logins[-1] == sender
        assert user in world.users_logged_in()
        assert {login.tls for login in world.imap.logins()} == {True}
        assert world.smtp.failures == world.imap.failures() == []
        assert world.imap.mailboxes(user) == mailboxes
        assert [title for title in self.titles() if "Claws Mail" not in title] == []


@pytest.fixture
def claws(world: World) -> Claws:
    need(shutil.which("claws-mail"), "needs claws-mail (make system)")
    return Claws(world)


def test_one_command_and_it_works(claws: Claws) -> None:
    before = claws.world.files()
    claws.setup()
    claws.provisioner("remove", JANE)
    assert claws.world.files().keys() - before.keys() == {
        path for path in claws.world.files() if path.parts[0] == ".local"
    }
    claws.setup()
    claws.world.imap.forget()
    with claws.running("--receive-all"):
        claws.assert_works()
        for command in (("remove", JANE), ("setup", JANE, "claws-mail", "--name", "J", "--password-stdin")):
            assert "Claws Mail is running" in claws.provisioner(*command, text=PASSWORD, expect=5)
    assert "as it was set up" in claws.provisioner("status")
    assert claws.world.files_with(PASSWORD) == []
    claws.world.set_password(NEW_PASSWORD)
    claws.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    claws.world.imap.forget()
    with claws.running("--receive-all"):
        claws.assert_works()
    claws.provisioner("remove", JANE)
    for name in ("accountrc", "folderlist.xml", "passwordstorerc"):
        path = claws.config / name
        assert not path.exists() or JANE not in path.read_text()
    assert "account:" not in (claws.world.files().get(Path(CONFIG, "passwordstorerc")) or b"").decode()


def test_two_accounts_each_with_its_own_sender_and_copies(claws: Claws) -> None:
    claws.setup()
    claws.setup_bob()
    with claws.running("--receive-all"):
        until("both", lambda: claws.world.users_logged_in() == {JANE_LOCAL, "bob"})
        claws.assert_works(BOB)
    assert claws.world.imap.subjects(JANE_LOCAL, "Sent Messages") == []
    claws.provisioner("remove", BOB)
    claws.world.imap.forget()
    with claws.running("--receive-all"):
        claws.assert_works()
    assert claws.world.users_logged_in() == {JANE_LOCAL}


@pytest.mark.parametrize("server", ["receive_server", "smtp_server"])
def test_a_certificate_of_somebody_else_is_refused(claws: Claws, server: str) -> None:
    """Only valid ones are accepted without a question."""
    claws.setup()
    path = claws.config / "accountrc"
    path.write_text(re.sub(rf"(?m)^{server}=.*", f"{server}=localhost", path.read_text()))
    claws.world.imap.forget()
    logins = list(claws.world.smtp.logins)
    with claws.program("claws-mail", "--receive-all"):
        if server == "smtp_server":
            claws.world.display.window("Claws Mail")
            until("the messages", lambda: claws.counts().get(f"#imap/{JANE}/INBOX") == str(len(SUBJECTS)))
            claws.compose()
            window = claws.world.display.window("From a window")

            def asked() -> bool:
                claws.press(window, "ctrl+Return")
                return "certificate" in " ".join(claws.titles())

            until("the question", asked)
            assert claws.world.smtp.logins == logins
        else:
            claws.world.display.window("certificate")
            assert claws.world.imap.logins() == []


def test_a_primary_passphrase_protects_the_password(claws: Claws) -> None:
    """As its own preferences have set it: the hash and the salt in clawsrc."""
    salt = bytes(range(64))
    derived = hashlib.pbkdf2_hmac("sha1", PASSPHRASE.encode(), salt, 1000, 64)
    claws.config.mkdir(mode=0o700)
    (claws.config / "clawsrc").write_text(
        "[Common]\nconfig_version=4\nuse_master_passphrase=1\n"
        f"master_passphrase={{PBKDF2-HMAC-SHA1,1000}}{base64.b64encode(derived).decode()}\n"
        f"master_passphrase_salt={base64.b64encode(salt).decode()}\n"
    )
    said = claws.setup("--primary-password-command", f"echo '{PASSPHRASE}'")
    assert "does not protect" not in said
    claws.world.imap.forget()
    with claws.running("--receive-all"):
        claws.world.display.type(claws.world.display.window("primary passphrase"), PASSPHRASE)
        claws.assert_works()


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=accountrc.VALUES)
def test_any_value_is_read_as_it_is(claws: Claws, values: list[str]) -> None:
    """Names of mailboxes as it lists them, settings as it writes them again when it ends."""
    accountrc.write(claws.config, values, imap=1)
    (claws.config / "clawsrc").write_text("[Common]\nconfig_version=4\n")
    with claws.running("--offline"):
        shown = set(claws.counts())
    accountrc.assert_read(claws.config, values, shown)


def test_what_its_files_cannot_hold_is_refused() -> None:
    for value in ("a\nb", "a\0b", "\ud800"):
        with pytest.raises(UsageError):
            sylpheedrc(value)
        with pytest.raises(UsageError):
            folderattr(value)
    with pytest.raises(UsageError):
        folderattr("a\tb")
