"""aerc, the real one: mail read and sent on a screen, with the password in the GNOME Keyring."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import UsageError
from provisioner.quoting.aerc import aerc as quoted
from tests.live.lab import until
from tests.live.terminal import Screen, Terminal, terminal_with
from tests.live.world import BOB, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World
from tests.needs import need

pytestmark = pytest.mark.live

NAME = "<c@evil.example>, Jane `x` $(y); [#z] 🍏"
"""What aerc can send: it makes `'` of a `"` and drops backslashes itself (FormatAddress in lib/format)."""
CONFIG = ".config/aerc/accounts.conf"


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with terminal_with(world, "aerc") as terminal:
        yield terminal


@contextmanager
def at_work(terminal: Terminal, *arguments: str) -> Iterator[Screen]:
    """The inbox on a screen, with an editor that writes a mail by itself."""
    editor = terminal.world.directory / "editor"
    editor.write_text('#!/bin/sh\necho Hello. >> "$1"\n')
    editor.chmod(0o700)
    with terminal.screen("env", f"EDITOR={editor}", "aerc", *arguments) as screen:
        screen.shows(*SUBJECTS)
        yield screen


def assert_works(terminal: Terminal, sender: str = JANE) -> None:
    """One inbox is read over TLS at the first try, a mail is sent, its copy is in the right mailbox."""
    world, user = terminal.world, sender.partition("@")[0]
    world.imap.forget()
    sent, copies = len(world.smtp.mails), len(world.imap.subjects(user, "Sent Messages"))
    with at_work(terminal, "-a", sender) as screen:
        screen.type(':compose -H "To: friend@example.org" -H "Subject: From a terminal"')
        screen.press("Enter")
        screen.shows("Send this email?")
        screen.type("y")
        until("the mail", lambda: len(world.smtp.mails) > sent)
        until("its copy", lambda: len(world.imap.subjects(user, "Sent Messages")) > copies)
    (mail,) = world.smtp.mails[sent:]
    assert mail["From"].addresses[0].addr_spec == sender
    assert world.smtp.logins[-1] == sender
    assert {login.tls for login in world.imap.logins()} == {True}
    assert world.smtp.failures == world.imap.failures() == []


def test_one_command_and_it_works(terminal: Terminal) -> None:
    (terminal.home / CONFIG).parent.mkdir(parents=True)
    for name in ("aerc.conf", "binds.conf"):  # aerc puts them there at its first start
        shutil.copy(f"/usr/share/aerc/{name}", (terminal.home / CONFIG).parent)
    before = terminal.snapshot()
    terminal.provisioner("setup", JANE, "aerc", "--name", NAME, "--password-stdin", text=PASSWORD)
    assert_works(terminal)
    assert terminal.world.smtp.mails[-1]["From"].addresses[0].display_name == NAME
    assert terminal.world.files_with(PASSWORD) == []
    terminal.world.set_password(NEW_PASSWORD)
    terminal.world.imap.forget()
    terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    assert_works(terminal)
    terminal.provisioner("remove", JANE)
    assert terminal.snapshot() == before


def test_two_accounts_each_with_its_own_sender_and_copies(terminal: Terminal) -> None:
    terminal.setup("aerc")
    terminal.setup_bob("aerc")
    assert_works(terminal, BOB)
    with at_work(terminal) as screen:
        screen.shows(JANE, BOB)
    assert terminal.world.imap.subjects(JANE_LOCAL, "Sent Messages") == []


def test_a_certificate_of_somebody_else_is_refused(terminal: Terminal) -> None:
    terminal.setup("aerc")
    config = terminal.home / CONFIG
    text = config.read_text()
    config.write_text(text.replace("smtp.mail.me.com", "localhost"))
    logins, sent = list(terminal.world.smtp.logins), len(terminal.world.smtp.mails)
    with at_work(terminal) as screen:
        screen.type(":compose -H 'To: friend@example.org' -H 'Subject: x'")
        screen.press("Enter")
        screen.shows("Send this email?")
        screen.type("y")
        screen.shows("certificate is valid for")
    assert (terminal.world.smtp.logins, len(terminal.world.smtp.mails)) == (logins, sent)
    config.write_text(text.replace("imap.mail.me.com", "localhost"))
    terminal.world.imap.forget()
    with terminal.screen("aerc") as screen:
        screen.shows("certificate is valid for")
    assert terminal.world.imap.logins() == []


PLAIN = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1, max_size=80
)
SYNTAX = st.text(st.sampled_from("\\\"'`$(){};#|%s= \t[]x"), min_size=1, max_size=40)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(PLAIN | SYNTAX, min_size=1, max_size=12))
def test_any_value_is_read_as_it_is(tmp_path: Path, values: list[str]) -> None:
    """As commands, which aerc runs for every account before it notices that there is no screen."""
    need(shutil.which("aerc"), "aerc is not installed")
    out = tmp_path / "out"
    out.unlink(missing_ok=True)
    sections, expected = [], []
    for number, value in enumerate(values):
        try:
            command = quoted(f"printf '%s\\n' {shlex.quote(value)} >> {out}; echo x")
        except UsageError:
            assert "%(" in value
            continue
        sections.append(
            f"[{number}]\nsource = imaps://x@localhost:1\nsource-cred-cmd = {command}\nfrom = x@y\n"
        )
        expected.append(value)
    config = tmp_path / CONFIG
    config.parent.mkdir(parents=True, exist_ok=True)
    config.touch(mode=0o600)
    config.write_text("".join(sections))
    subprocess.run(
        ["aerc"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=30,
        check=False,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )
    read = out.read_bytes().decode() if out.exists() else ""
    assert read == "".join(f"{value}\n" for value in expected)
