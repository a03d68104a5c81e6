"""imapfilter, the real one, set up by one command with the password in GNOME Keyring."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.terminal import ANY_CHARACTERS, Terminal, terminal_with
from tests.live.world import (
    BOB,
    BOB_PASSWORD,
    JANE,
    JANE_LOCAL,
    NEW_PASSWORD,
    PASSWORD,
    SUBJECTS,
    World,
)

pytestmark = pytest.mark.live

RULE = '\nprint("found", #provisioner["{}"].INBOX:contain_subject("garden"))\n'


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with terminal_with(world, "imapfilter") as terminal:
        yield terminal


def add_rule(terminal: Terminal, address: str) -> None:
    with (terminal.home / ".imapfilter/config.lua").open("a") as config:
        config.write(RULE.format(address))


def test_rules_of_two_accounts_find_mail_and_a_new_password_is_one_command(terminal: Terminal) -> None:
    before = terminal.snapshot()
    terminal.setup("imapfilter")
    terminal.provisioner("remove", JANE)
    assert terminal.snapshot() == before
    terminal.setup("imapfilter")
    add_rule(terminal, JANE)
    terminal.setup_bob("imapfilter")
    add_rule(terminal, BOB)
    terminal.world.set_password(NEW_PASSWORD)
    terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    terminal.provisioner("status", "--check")
    terminal.world.imap.forget()
    assert terminal.run("imapfilter").count("found\t1\n") == 2
    assert {(login.user, login.tls) for login in terminal.world.imap.logins()} == {
        (JANE_LOCAL, True),
        (BOB, True),
    }
    assert terminal.world.imap.failures() == []
    assert terminal.world.imap.subjects(JANE_LOCAL, "INBOX") == SUBJECTS
    for password in (NEW_PASSWORD, BOB_PASSWORD):
        assert terminal.world.files_with(password) == []


def test_a_password_of_any_characters_logs_in(terminal: Terminal) -> None:
    terminal.setup_with(ANY_CHARACTERS, "imapfilter")
    add_rule(terminal, JANE)
    assert "found\t1\n" in terminal.run("imapfilter")


def test_a_certificate_of_somebody_else_is_refused(terminal: Terminal) -> None:
    terminal.setup("imapfilter")
    add_rule(terminal, JANE)
    own = terminal.home / f".imapfilter/provisioner/{JANE}.lua"
    own.write_text(own.read_text().replace("imap.mail.me.com", "localhost"))
    terminal.world.imap.forget()
    done = terminal.desktop.run("imapfilter")
    assert done.returncode != 0
    assert "certificate verify failed" in done.stderr
    assert terminal.world.imap.logins() == []


def test_without_the_password_nothing_is_asked_or_tried(terminal: Terminal) -> None:
    terminal.setup("imapfilter")
    add_rule(terminal, JANE)
    terminal.desktop.run("secret-tool", "clear", "service", "provisioner", "username", JANE)
    terminal.world.imap.forget()
    done = terminal.desktop.run("imapfilter")
    assert done.returncode != 0
    assert f"There is no password for {JANE} in the keyring" in done.stderr
    assert terminal.world.imap.logins() == []
    assert terminal.world.imap.failures() == []
    assert PASSWORD not in done.stdout + done.stderr
