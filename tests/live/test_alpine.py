"""Alpine, the real one: mail read and sent on a screen, with the password from its encrypted file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.lab import until
from tests.live.terminal import Screen, Terminal, terminal_with
from tests.live.world import BOB, BOB_PASSWORD, JANE, NEW_PASSWORD, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live

ANY_CHARACTERS = "a\\b\"c'd$x%s`#;~ "
"""A password in which alpine could find something of its own syntax."""


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with terminal_with(world, "alpine") as terminal:
        yield terminal


@contextmanager
def at_work(terminal: Terminal, address: str, *, first: bool = False) -> Iterator[Screen]:
    """The inbox on a screen, and an end as a person ends alpine."""
    start = terminal.home / ".config/provisioner/alpine" / address / "start"
    with terminal.screen(str(start)) as screen:
        if first:
            screen.shows("This message will appear only once")
            screen.type("E")
        screen.shows("MAIN MENU", "3 Messages")
        screen.type("i")
        screen.shows("MESSAGE INDEX", *SUBJECTS)
        yield screen
        screen.type("q")
        screen.shows("Really quit")
        screen.type("y")
        until("its end", lambda: not screen.text())


def assert_works(terminal: Terminal, sender: str = JANE, *, first: bool = False) -> None:
    world, user = terminal.world, sender.partition("@")[0]
    world.imap.forget()
    sent, copies = len(world.smtp.mails), len(world.imap.subjects(user, "Sent Messages"))
    with at_work(terminal, sender, first=first) as screen:
        screen.type("c")
        screen.shows("To      :")
        screen.type("friend@example.org")
        screen.press("Enter", "Enter", "Enter")
        screen.type("From a terminal")
        screen.press("Enter", "C-x")
        screen.shows("Send message?")
        screen.type("y")
        until("the mail", lambda: len(world.smtp.mails) > sent)
        if sender == JANE:
            until("its copy", lambda: len(world.imap.subjects(user, "Sent Messages")) > copies)
        screen.shows("MESSAGE INDEX")
    (mail,) = world.smtp.mails[sent:]
    assert mail["From"].addresses[0].addr_spec == sender
    assert world.smtp.logins[-1] == sender
    assert {(login.user.partition("@")[0], login.tls) for login in world.imap.logins()} == {(user, True)}
    assert world.smtp.failures == world.imap.failures() == []


def test_one_command_and_it_works(terminal: Terminal) -> None:
    terminal.setup("alpine")
    assert_works(terminal, first=True)
    assert terminal.world.files_with(PASSWORD) == []
    terminal.provisioner("status", "--check")
    terminal.world.set_password(NEW_PASSWORD)
    terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    assert_works(terminal)
    assert terminal.world.files_with(NEW_PASSWORD) == []
    terminal.provisioner("remove", JANE)
    assert not (terminal.home / ".config").exists()


def test_two_accounts_and_nothing_is_left(terminal: Terminal) -> None:
    before = terminal.snapshot()
    terminal.setup("alpine")
    terminal.setup_bob("alpine")
    assert_works(terminal, BOB, first=True)
    assert_works(terminal)
    assert terminal.world.files_with(BOB_PASSWORD) == []
    terminal.provisioner("remove", BOB)
    terminal.provisioner("remove", JANE)
    for made_by_alpine in (".pinerc", ".addressbook", "mail"):
        path = terminal.home / made_by_alpine
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    assert terminal.snapshot() == before


def test_a_password_of_any_characters_logs_in(terminal: Terminal) -> None:
    terminal.setup_with(ANY_CHARACTERS.strip(), "alpine")
    with at_work(terminal, JANE, first=True):
        assert terminal.world.imap.failures() == []


def test_a_certificate_of_somebody_else_is_refused(terminal: Terminal) -> None:
    terminal.setup("alpine")
    directory = terminal.home / ".config/provisioner/alpine" / JANE
    settings = directory / "settings"
    settings.write_text(settings.read_text().replace("imap.mail.me.com", "localhost"))
    terminal.world.imap.forget()
    with terminal.screen(str(directory / "start")) as screen:
        screen.shows("This message will appear only once")
        screen.type("E")
        screen.shows("certificate")
    assert terminal.world.imap.logins() == []
