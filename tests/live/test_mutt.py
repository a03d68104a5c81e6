"""mutt and NeoMutt, the real ones: mail read on a screen, mail sent, one password in the GNOME Keyring."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.lab import until
from tests.live.terminal import Screen, Terminal, terminal_with
from tests.live.world import (
    BOB,
    BOB_HOST,
    BOB_PASSWORD,
    ICLOUD_HOST,
    JANE,
    JANE_LOCAL,
    NEW_PASSWORD,
    PASSWORD,
    SUBJECTS,
    World,
)

pytestmark = pytest.mark.live

JANES = f"imaps://{JANE_LOCAL}@{ICLOUD_HOST}/INBOX"
BOBS = f"imaps://bob%40example.net@{BOB_HOST}/INBOX"


class Mutt:
    """One of the two programs in Jane's terminal."""

    def __init__(self, terminal: Terminal, program: str) -> None:
        self.terminal, self.world, self.program = terminal, terminal.world, program

    def setup(self) -> str:
        return self.terminal.setup(self.program)

    def assert_reads(self, *arguments: str, user: str = JANE_LOCAL) -> None:
        """The inbox is on the screen, after one login over TLS in which nobody was asked anything."""
        self.world.imap.forget()
        with self.terminal.screen(self.program, *arguments) as screen:
            screen.shows(*SUBJECTS)
            screen.type("q")
        assert (user, True) in {(login.user, login.tls) for login in self.world.imap.logins()}
        assert self.world.imap.failures() == []

    @contextmanager
    def at_work(self, *arguments: str) -> Iterator[Screen]:
        """The program on a screen, with an editor that writes a mail by itself."""
        editor = self.world.directory / "editor"
        editor.write_text('#!/bin/sh\necho Hello. >> "$1"\n')
        editor.chmod(0o700)
        self.world.imap.forget()
        with self.terminal.screen("env", f"EDITOR={editor}", self.program, *arguments) as screen:
            yield screen

    def send(self, subject: str, *arguments: str) -> None:
        self.terminal.run(self.program, *arguments, "-s", subject, "friend@example.org", text="Hello.\n")

    def assert_sends(self, *arguments: str, sender: str = JANE) -> None:
        sent, logins = len(self.world.smtp.mails), len(self.world.smtp.logins)
        self.send("From a terminal", *arguments)
        (mail,) = self.world.smtp.mails[sent:]
        assert mail["Subject"] == "From a terminal"
        assert sender in mail["From"]
        assert self.world.smtp.logins[logins:] == [sender]
        assert self.world.smtp.failures == []


@pytest.fixture(params=["mutt", "neomutt"])
def mutt(world: World, request: pytest.FixtureRequest) -> Iterator[Mutt]:
    with terminal_with(world, request.param) as terminal:
        world.imap.deliver("bob", "For Bob alone")
        world.imap.deliver(JANE_LOCAL, "For Jane alone")
        yield Mutt(terminal, request.param)


def test_one_command_and_it_works(mutt: Mutt) -> None:
    before = mutt.terminal.snapshot()
    mutt.setup()
    mutt.assert_reads()
    mutt.assert_sends()
    assert mutt.world.files_with(PASSWORD) == []
    mutt.world.set_password(NEW_PASSWORD)
    mutt.terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    mutt.assert_reads()
    mutt.assert_sends()
    mutt.terminal.provisioner("remove", JANE)
    assert mutt.terminal.snapshot() == before


def write_and_send(mutt: Mutt, screen: Screen, subject: str) -> None:
    """As a person does it: `m`, recipient, subject, the editor, `y`."""
    sent = len(mutt.world.smtp.mails)
    screen.call("m", "To:")
    screen.type("friend@example.org")
    screen.press("Enter")
    screen.shows("Subject:")
    screen.type(subject)
    screen.press("Enter")
    screen.shows("y:Send")
    screen.type("y")
    until("the mail", lambda: len(mutt.world.smtp.mails) > sent)
    screen.shows(SUBJECTS[0])


def go_to(screen: Screen, mailbox: str) -> None:
    """Opens an inbox that has a message which the other one has not."""
    screen.call("c", "Open mailbox")
    screen.press("C-a", "C-k")
    screen.type(mailbox)
    screen.press("Enter")
    screen.shows("For Bob alone" if mailbox == BOBS else "For Jane alone")


def test_two_accounts_each_with_its_own_sender_and_copies(mutt: Mutt) -> None:
    mutt.setup()
    mutt.terminal.setup_bob(mutt.program)
    with mutt.at_work() as screen:
        screen.shows(*SUBJECTS)
        write_and_send(mutt, screen, "one from Jane")
        go_to(screen, BOBS)
        write_and_send(mutt, screen, "one from Bob")
        go_to(screen, JANES)
        write_and_send(mutt, screen, "two from Jane")
        screen.type("q")
    senders = [(mail["Subject"], mail["From"].addresses[0].addr_spec) for mail in mutt.world.smtp.mails]
    assert senders == [("one from Jane", JANE), ("one from Bob", BOB), ("two from Jane", JANE)]
    copies = mutt.world.imap.subjects
    until("Jane's copies", lambda: copies(JANE_LOCAL, "Sent Messages") == ["one from Jane", "two from Jane"])
    assert copies("bob", "Sent Messages") == ["one from Bob"]
    assert mutt.world.imap.failures() == mutt.world.smtp.failures == []


def test_an_account_of_the_users_own_keeps_its_settings_and_its_password(mutt: Mutt) -> None:
    """Bob's is hand-written, with its password in a variable that all servers would get."""
    home = mutt.terminal.home
    (home / "bobs").write_text(BOB_PASSWORD)
    own = f"""set from = {BOB}
set folder = {BOBS.removesuffix("INBOX")}
set spoolfile = +INBOX
set record = "+Sent Messages"
set imap_pass = "`cat ~/bobs`"
set smtp_url = "smtp://bob%40example.net@smtp.example.net:587"
set smtp_pass = "`cat ~/bobs`"
set ssl_verify_host = no ssl_force_tls = no
"""
    (home / ".muttrc").write_text(own)
    before = mutt.terminal.snapshot()
    assert "default" in mutt.setup()
    with mutt.at_work("-f", JANES) as screen:
        screen.shows(*SUBJECTS)
        write_and_send(mutt, screen, "one from Jane")
        go_to(screen, BOBS)
        write_and_send(mutt, screen, "one from Bob")
        screen.type("q")
    assert [mail["From"].addresses[0].addr_spec for mail in mutt.world.smtp.mails] == [JANE, BOB]
    assert mutt.world.imap.failures() == mutt.world.smtp.failures == []
    assert mutt.world.imap.subjects("bob", "Sent Messages") == ["one from Bob"]
    mutt.terminal.provisioner("remove", JANE)
    assert mutt.terminal.snapshot() == before


def test_a_server_that_nobody_has_set_up_is_not_given_the_password(mutt: Mutt) -> None:
    mutt.setup()
    with mutt.at_work() as screen:
        screen.shows(*SUBJECTS)
        screen.call("c", "Open mailbox")
        screen.press("C-a", "C-k")
        screen.type(BOBS)
        screen.press("Enter")
        screen.shows("Password for")
    assert mutt.world.imap.failures() == []
    assert {login.user for login in mutt.world.imap.logins()} == {JANE_LOCAL}


def test_a_certificate_of_somebody_else_is_refused(mutt: Mutt) -> None:
    mutt.setup()
    directory = mutt.terminal.home / ".config" / mutt.program
    for file in (directory / "provisioner").iterdir():
        text = re.sub(r"(imap|smtp)[.\\]*mail[.\\]*me[.\\]*com", "localhost", file.read_text())
        file.write_text(text)
    with (directory / f"{mutt.program}rc").open("a") as own:
        own.write("set ssl_verify_host = no\n")
    mutt.world.imap.forget()
    logins = len(mutt.world.smtp.logins)
    with mutt.terminal.screen(mutt.program) as screen:
        screen.shows("(r)eject", "hostname does not match")
    assert mutt.world.imap.logins() == []
    done = mutt.terminal.desktop.run(mutt.program, "-s", "x", "friend@example.org", text="Hello.\n")
    assert done.returncode != 0
    assert mutt.world.smtp.logins[logins:] == []
