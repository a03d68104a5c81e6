"""mpop, the real one, set up by one command with the password in GNOME Keyring; Dovecot speaks POP3, too."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from provisioner.resources import data_dir
from tests.live.dovecot import POP3
from tests.live.terminal import ANY_CHARACTERS, Terminal, terminal_with
from tests.live.world import (
    BOB,
    BOB_HOST,
    BOB_PASSWORD,
    ICLOUD_HOST,
    JANE,
    NEW_PASSWORD,
    PASSWORD,
    SUBJECTS,
    World,
)
from tests.needs import need

pytestmark = pytest.mark.live


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    need(POP3.exists(), "needs dovecot-pop3d (make system)")
    with terminal_with(world, "mpop") as terminal:
        yield terminal


def profile(terminal: Terminal, host: str, known: dict[str, Any]) -> str:
    """The file of a provider that has a POP server."""
    pop = {"host": host, "port": 995, "security": "tls", "username": "address"}
    path = terminal.world.directory / f"{host}.yaml"
    path.write_text(json.dumps(known | {"pop": pop, "sources": {**known["sources"], "pop": "test"}}))
    return str(path)


def icloud(terminal: Terminal) -> str:
    known = yaml.safe_load((data_dir("profiles") / "icloud.yaml").read_text())
    return profile(terminal, ICLOUD_HOST, known)


def example(terminal: Terminal) -> str:
    """The provider of Bob."""
    secure = {"security": "tls", "usernames": ["address"]}
    known = {
        "schema": 1,
        "id": "example",
        "name": "Example",
        "domains": ["example.net"],
        "imap": {"host": BOB_HOST, "port": 993, **secure},
        "smtp": {"host": "smtp.example.net", "port": 587, **secure, "security": "starttls"},
        "sources": {"domains": "test", "imap": "test", "smtp": "test"},
    }
    return profile(terminal, BOB_HOST, known)


def setup(terminal: Terminal, address: str, password: str, provider: str) -> str:
    """The command that the report says to run."""
    given = ("--profile", provider, "--password-stdin")
    return next_step(terminal.provisioner("setup", address, "mpop", *given, text=password))


def next_step(said: str) -> str:
    match = re.search(r"^ *(mpop .+)$", said, re.M)
    assert match, said
    return match[1]


def fetch(terminal: Terminal, command: str, address: str) -> list[str]:
    """Subjects in the Maildir."""
    terminal.run("sh", "-c", command)
    mails = [path.read_text() for path in (terminal.home / "Mail/mpop" / address / "new").glob("[!.]*")]
    return sorted(subject for mail in mails for subject in re.findall(r"^Subject: (.*)$", mail, re.M))


def test_one_command_and_the_mail_is_there_and_stays_on_the_server(terminal: Terminal) -> None:
    before = terminal.snapshot()
    imap = terminal.world.imap
    command = setup(terminal, JANE, PASSWORD, icloud(terminal))
    for _ in range(2):  # once more fetches nothing twice
        assert fetch(terminal, command, JANE) == sorted(SUBJECTS)
    assert {(login.user, login.tls) for login in imap.logins("pop3")} == {(JANE, True)}
    assert imap.subjects("jane.appleseed", "INBOX") == SUBJECTS
    bob = setup(terminal, BOB, BOB_PASSWORD, example(terminal))
    assert fetch(terminal, bob, BOB) == sorted(SUBJECTS)
    terminal.world.set_password(NEW_PASSWORD)
    terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    imap.forget()
    imap.deliver("jane.appleseed", "Another")
    assert fetch(terminal, command, JANE) == sorted([*SUBJECTS, "Another"])
    assert imap.failures() == []
    terminal.provisioner("status", "--check")
    for password in (NEW_PASSWORD, BOB_PASSWORD):
        assert terminal.world.files_with(password) == []
    for address in (JANE, BOB):
        terminal.provisioner("remove", address)
        assert (terminal.home / "Mail/mpop" / address / "new").is_dir()
    assert terminal.desktop.search() == ""
    left = {name for name in terminal.snapshot().keys() - before.keys() if (terminal.home / name).is_file()}
    assert {Path(name).parts[0] for name in left} == {"Mail", ".mpop_uidls"}


def test_what_goes_wrong_gives_nothing_away(terminal: Terminal) -> None:
    imap = terminal.world.imap
    command = next_step(terminal.setup_with(ANY_CHARACTERS, "mpop", "--profile", icloud(terminal)))
    assert fetch(terminal, command, JANE) == sorted(SUBJECTS)
    config = terminal.home / ".config/mpop/config"
    config.write_text(config.read_text().replace(ICLOUD_HOST, "localhost"))
    imap.forget()
    done = terminal.desktop.run("sh", "-c", command)
    assert done.returncode != 0
    assert re.search("certificate|host ?name", done.stdout + done.stderr), done.stderr
    config.write_text(config.read_text().replace("localhost", ICLOUD_HOST))
    terminal.desktop.run("secret-tool", "clear", "service", "provisioner", "username", JANE)
    assert terminal.desktop.run("sh", "-c", command).returncode != 0
    assert imap.logins("pop3") == []
    assert imap.failures() == []


def test_icloud_has_no_pop(terminal: Terminal) -> None:
    said = terminal.provisioner("setup", JANE, "mpop", "--password-stdin", expect=2)
    assert "no POP server is known" in said
    assert f"provisioner setup {JANE} mbsync" in said
