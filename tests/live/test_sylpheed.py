"""The real Sylpheed under Xvfb: it is given the account, and asks for the password."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

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

# Programs of one user meet at a socket below /tmp: never two of these tests at once.
pytestmark = [pytest.mark.live, pytest.mark.xdist_group("sylpheed")]

QUESTION = "Input password"


class Sylpheed(Windows):
    """Jane's Sylpheed."""

    def setup(self, *more: str) -> str:
        return self.provisioner("setup", JANE, "sylpheed", "--password-stdin", *more, text=PASSWORD)

    @property
    def config(self) -> Path:
        return self.home / ".sylpheed-2.0"

    @contextmanager
    def running(self, *arguments: str) -> Iterator[None]:
        """It is closed as its menu does, and has written all its files then."""
        with self.program("sylpheed", *arguments) as process:
            self.world.display.window("Sylpheed")
            yield
            self.tell("sylpheed", "--exit")
            process.wait(20)

    def type_password(self, password: str) -> None:
        window = self.world.display.window(QUESTION)
        self.world.display.type(window, password)
        until("the question to go", lambda: window not in self.world.display.windows())

    def counts(self) -> dict[str, str]:
        """Mailbox -> number of messages, as Sylpheed says it."""
        rows = re.findall(
            r"^ *\d+ +\d+ +(\d+) (#.*)$", self.tell("sylpheed", "--status-full").replace("\r", ""), re.M
        )
        return {name: number for number, name in rows}

    def assert_reads(self, address: str = JANE) -> None:
        until("the login", lambda: address.partition("@")[0] in self.world.users_logged_in())
        until("the messages", lambda: self.counts().get(f"#imap/{address}/INBOX") == str(len(SUBJECTS)))
        assert {login.tls for login in self.world.imap.logins()} == {True}

    def send(self) -> None:
        """Until it asks for the password of the outgoing server."""
        self.tell("sylpheed", "--compose", "mailto:friend@example.org?subject=From%20a%20window&body=Hello.")
        window = self.world.display.window("From a window")

        def asked() -> bool:
            self.press(window, "ctrl+shift+e")
            return QUESTION in " ".join(self.titles())

        until("the question before the first mail", asked)


@pytest.fixture
def sylpheed(world: World) -> Sylpheed:
    need(shutil.which("sylpheed"), "needs sylpheed (make system)")
    return Sylpheed(world)


def test_it_asks_for_the_password_and_works(sylpheed: Sylpheed) -> None:
    world = sylpheed.world
    before = world.files()
    assert "It asks for the password" in sylpheed.setup()
    sylpheed.provisioner("remove", JANE)
    after = world.files()
    assert {path for path in after if path not in before and path.parts[0] != ".local"} == set()
    sylpheed.setup()
    assert not re.search("password=.", (sylpheed.config / "accountrc").read_text())
    world.imap.forget()
    with sylpheed.running("--receive-all"):
        sylpheed.type_password(PASSWORD)
        sylpheed.assert_reads()
        logins = len(world.smtp.logins)
        sylpheed.send()
        sylpheed.type_password(PASSWORD)
        until("the mail", lambda: world.smtp.mails)
        assert world.smtp.mails[-1]["From"].addresses[0].addr_spec == JANE
        assert world.smtp.logins[logins:] == [JANE]
        until("its copy", lambda: world.imap.subjects(JANE_LOCAL, "Sent Messages") == ["From a window"])
        assert world.smtp.failures == world.imap.failures() == []
        assert "Sylpheed is running" in sylpheed.provisioner("remove", JANE, expect=5)
    assert world.files_with(PASSWORD) == []
    assert "as it was set up; it asks" in sylpheed.provisioner("status", "--check")
    world.set_password(NEW_PASSWORD)
    said = sylpheed.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    assert "Sylpheed asks you for the password" in " ".join(said.split())
    world.imap.forget()
    with sylpheed.running("--receive-all"):
        sylpheed.type_password(NEW_PASSWORD)
        sylpheed.assert_reads()
    sylpheed.provisioner("remove", JANE)
    for path in (sylpheed.config / "accountrc", sylpheed.config / "folderlist.xml"):
        assert not path.exists() or JANE not in path.read_text()


def test_two_accounts_and_a_certificate_of_somebody_else(sylpheed: Sylpheed) -> None:
    sylpheed.setup()
    servers = ("--imap", BOB_HOST, "--smtp", "smtp.example.net:587")
    sylpheed.provisioner("setup", BOB, "sylpheed", *servers, "--password-stdin", text=BOB_PASSWORD)
    sylpheed.world.imap.forget()
    with sylpheed.running("--receive-all"):
        for password, address in ((PASSWORD, JANE), (BOB_PASSWORD, BOB)):
            sylpheed.type_password(password)
            sylpheed.assert_reads(address)
    sylpheed.provisioner("remove", BOB)
    config = sylpheed.config / "accountrc"
    config.write_text(re.sub(r"(?m)^receive_server=.*", "receive_server=localhost", config.read_text()))
    sylpheed.world.imap.forget()
    with sylpheed.program("sylpheed", "--receive-all"):
        sylpheed.type_password(PASSWORD)
        sylpheed.world.display.window("certificate")
        assert sylpheed.world.imap.logins() == []


@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=accountrc.VALUES)
def test_any_value_is_read_as_it_is(sylpheed: Sylpheed, values: list[str]) -> None:
    """Names of mailboxes as it lists them, settings as it writes them again when it ends."""
    accountrc.write(sylpheed.config, values, imap=3)
    with sylpheed.running():
        shown = set(sylpheed.counts())
    accountrc.assert_read(sylpheed.config, values, shown)
