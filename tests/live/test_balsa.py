"""The real Balsa, set up by one command with the passwords in the real GNOME Keyring."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.live.gnome import Desktop, gnome
from tests.live.lab import until
from tests.live.world import BOB, ICLOUD_HOST, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live


@pytest.fixture
def desktop(world: World) -> Iterator[Desktop]:
    with gnome(world, "balsa") as desktop:
        yield desktop


@contextmanager
def balsa(desktop: Desktop, *users: str) -> Iterator[None]:
    """Balsa on the screen; each of the users has logged in at the first try, over TLS, unasked."""
    world = desktop.world
    world.imap.forget()
    with desktop.program("balsa"):
        world.display.window("Balsa")
        until("the logins", lambda: world.users_logged_in() >= set(users) or world.imap.failures())
        assert world.imap.failures() == []
        assert {login.tls for login in world.imap.logins()} == {True}
        yield


def read(desktop: Desktop) -> None:
    """Opens Jane's inbox at the server and shows its first mail, whose text is kept."""
    desktop.run("balsa", "--open-mailbox", f"imap://{JANE_LOCAL}@{ICLOUD_HOST}:993/INBOX")
    desktop.world.display.window("INBOX")

    def kept() -> bool:
        bodies = (desktop.home / ".balsa/imap-cache").glob("*INBOX*body")
        return any(subject in path.read_text() for path in bodies for subject in SUBJECTS)

    until("a mail", kept)


def test_balsa(desktop: Desktop) -> None:
    world = desktop.world
    before = desktop.snapshot()
    desktop.setup("balsa")
    desktop.setup_bob("balsa")
    desktop.provisioner("remove", JANE)
    desktop.provisioner("remove", BOB)
    assert desktop.snapshot() == before

    desktop.setup("balsa")
    desktop.setup_bob("balsa")
    on_server = world.imap.mailboxes(JANE_LOCAL)
    with balsa(desktop, JANE_LOCAL, "bob"):
        read(desktop)
        assert "Balsa is running" in desktop.run(str(world.program), "remove", JANE, expect=5)
        compose(desktop, "From a window")
        assert world.smtp.logins[-1:] == [JANE]
        assert world.smtp.failures == []
    assert world.imap.mailboxes(JANE_LOCAL) == on_server

    world.set_password(NEW_PASSWORD)
    desktop.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    elsewhere(desktop.home / ".balsa/config")
    with balsa(desktop, JANE_LOCAL):
        # The certificate of the other one is somebody else's.
        world.display.window("SSL/TLS certificate")
        assert world.users_logged_in() == {JANE_LOCAL}
    assert world.files_with(PASSWORD) == world.files_with(NEW_PASSWORD) == []
    desktop.provisioner("remove", BOB)
    desktop.provisioner("remove", JANE)
    left = "".join(path.read_text() for path in (desktop.home / ".balsa").glob("config*"))
    assert JANE not in left
    assert BOB not in left
    assert "Subject: From a window" in (desktop.home / ".balsa/sentbox").read_text()


def elsewhere(config: Path) -> None:
    """Bob's server under a name that its certificate does not have; no mailbox is known from before, or Balsa
    would log in only when one is opened."""
    text = re.sub(r"(?m)^Children=.*\n", "", config.read_text())
    config.write_text(text.replace("imap.example.net", "localhost"))


def compose(desktop: Desktop, subject: str) -> None:
    """Sends a mail; the window that it is written in says so."""
    sent = len(desktop.world.smtp.mails)
    url = f"mailto:friend@example.org?subject={subject.replace(' ', '%20')}&body=Hello"
    desktop.run("balsa", f"--compose={url}")
    window = desktop.world.display.window(subject)

    def gone() -> bool:
        """Until it is ready for keys it does not hear them."""
        desktop.desktop.run("xdotool", "windowfocus", "--sync", window)
        desktop.desktop.run("xdotool", "key", "--clearmodifiers", "ctrl+Return")
        return len(desktop.world.smtp.mails) > sent

    until("the mail", gone)
    assert desktop.world.smtp.mails[-1]["Subject"] == subject
