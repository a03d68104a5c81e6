"""pass and gpg, the real ones, with a key that has no passphrase: fetched, sent, rotated, removed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from tests.live.terminal import MAIL, Terminal, terminal_with
from tests.live.world import JANE, NEW_PASSWORD, PASSWORD, World

pytestmark = pytest.mark.live

ENTRY = f"provisioner/{JANE}"


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    # Not below the home: the path of the agent's socket would be too long for the system.
    keys = tempfile.mkdtemp(prefix="keys-")
    with terminal_with(world, "pass", "gpg", "mbsync", "msmtp", "neomutt") as terminal:
        terminal.desktop.env["GNUPGHOME"] = keys
        unprotected = ("--batch", "--passphrase", "", "--quick-generate-key", JANE, "future-default")
        try:
            terminal.run("gpg", *unprotected)
            terminal.run("pass", "init", JANE)
            yield terminal
        finally:
            subprocess.run(["gpgconf", "--homedir", keys, "--kill", "all"], check=False)
            shutil.rmtree(keys, ignore_errors=True)


def work(terminal: Terminal) -> None:
    """Everything logs in at the first try."""
    terminal.run("mbsync", "-a")
    terminal.run("msmtp", "friend@example.org", text=MAIL)
    terminal.run("neomutt", "-s", "From NeoMutt", "friend@example.org", text="Hello.\n")
    assert terminal.world.smtp.failures == terminal.world.imap.failures() == []


def test_pass_from_setup_to_remove(terminal: Terminal) -> None:
    world, before = terminal.world, terminal.snapshot()
    clients = ("mbsync", "msmtp", "neomutt")
    terminal.provisioner(
        "setup", JANE, *clients, "--password-store", "pass", "--password-stdin", text=PASSWORD
    )
    assert terminal.desktop.run("pass", "show", ENTRY).stdout == f"{PASSWORD}\n"
    assert terminal.desktop.search() == ""  # nothing in the keyring
    work(terminal)
    assert world.files_with(PASSWORD) == []
    terminal.provisioner("status", "--check")

    world.set_password(NEW_PASSWORD)
    terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    assert terminal.desktop.run("pass", "show", ENTRY).stdout == f"{NEW_PASSWORD}\n"
    work(terminal)

    terminal.run("pass", "insert", "--multiline", "--force", ENTRY, text="another\nand a note\n")
    assert "another password" in terminal.run(str(world.program), "status", expect=5)
    terminal.provisioner("remove", JANE)
    after = {name: what for name, what in terminal.snapshot().items() if not name.startswith("Mail")}
    assert after == before


def test_a_key_that_cannot_be_used_is_told_and_nothing_is_written(terminal: Terminal) -> None:
    before = terminal.snapshot()
    setup = ("setup", JANE, "msmtp", "--password-store", "pass", "--password-stdin")
    terminal.run("rm", "-r", terminal.desktop.env["GNUPGHOME"])
    said = terminal.run(str(terminal.world.program), *setup, text=PASSWORD, expect=1)
    assert "pass could not insert" in said
    after = terminal.snapshot()
    after.pop(".password-store/provisioner-seal")  # pass itself makes and leaves it
    assert after == before


def test_a_command_of_the_users_own(terminal: Terminal) -> None:
    terminal.run("pass", "insert", "--multiline", "mine", text=f"{PASSWORD}\n")
    own = ("--password-store", "command", "--password-command", "pass show mine")
    terminal.provisioner("setup", JANE, "mbsync", "msmtp", "neomutt", *own)
    work(terminal)
    terminal.world.set_password(NEW_PASSWORD)
    terminal.run("pass", "insert", "--multiline", "--force", "mine", text=f"{NEW_PASSWORD}\n")
    assert "put the new one where the command reads it" in " ".join(
        terminal.provisioner("rotate", JANE).split()
    )
    work(terminal)
    terminal.provisioner("remove", JANE)
    assert terminal.desktop.run("pass", "show", "mine").stdout == f"{NEW_PASSWORD}\n"
