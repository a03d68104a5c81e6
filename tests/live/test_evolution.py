"""The real Evolution, set up by one command with the passwords in the real GNOME Keyring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.gnome import Desktop, gnome, subjects
from tests.live.lab import until
from tests.live.world import BOB, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live

SOURCES = "org.gnome.evolution.dataserver.Sources5"
MANAGER = "/org/gnome/evolution/dataserver/SourceManager"


@pytest.fixture
def desktop(world: World) -> Iterator[Desktop]:
    with gnome(world, "evolution") as desktop:
        yield desktop


def registered(desktop: Desktop, address: str) -> bool:
    """The running registry knows the account; it is started if it is not running."""
    answer = desktop.call(SOURCES, MANAGER, "org.freedesktop.DBus.ObjectManager.GetManagedObjects")
    assert "caldav-stub" in answer, answer
    return f"Address={address}" in answer


@contextmanager
def evolution(desktop: Desktop, *users: str) -> Iterator[None]:
    """Evolution on the screen, with a login of each of the users and their inboxes fetched."""
    world = desktop.world
    world.imap.forget()
    with desktop.program("evolution"):
        cache = world.home / ".cache/evolution/mail"
        until("the logins", lambda: world.users_logged_in() >= set(users) or world.imap.failures())
        assert world.imap.failures() == []
        assert all(login.tls for login in world.imap.logins())

        def fetched() -> int:
            every = (
                subjects(path, "select subject from INBOX") for path in cache.glob("provisioner-*/folders.db")
            )
            return sum(one == set(SUBJECTS) for one in every)

        until("the inboxes", lambda: fetched() == len(users))
        yield


def test_registry_running(desktop: Desktop) -> None:
    """The usual case on GNOME: what is set up, rotated and removed is seen at once."""
    world = desktop.world
    assert not registered(desktop, JANE)
    desktop.setup("evolution")
    until("the registry to know it", lambda: registered(desktop, JANE), 5)
    on_server = world.imap.mailboxes(JANE_LOCAL)
    with evolution(desktop, JANE_LOCAL):
        desktop.send("evolution", "From Evolution")
        assert world.smtp.logins[-1:] == [JANE]
        sent = world.imap.flavour.sent
        until("the copy", lambda: "From Evolution" in world.imap.subjects(JANE_LOCAL, sent))
    assert world.imap.mailboxes(JANE_LOCAL) == on_server
    assert "nothing to do" in desktop.setup("evolution")
    desktop.provisioner("status", "--check")

    world.set_password(NEW_PASSWORD)
    desktop.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    with evolution(desktop, JANE_LOCAL):
        pass
    assert world.files_with(PASSWORD) == world.files_with(NEW_PASSWORD) == []

    desktop.provisioner("remove", JANE)
    until("the registry to forget it", lambda: not registered(desktop, JANE), 5)
    assert not list(world.home.glob(".config/evolution/sources/provisioner-*"))
    assert desktop.keyring() == ""


def test_two_accounts_without_a_registry(desktop: Desktop) -> None:
    before = desktop.snapshot()
    desktop.setup("evolution")
    desktop.setup_bob("evolution")
    desktop.provisioner("remove", BOB)
    desktop.provisioner("remove", JANE)
    assert desktop.snapshot() == before
    desktop.setup("evolution")
    desktop.setup_bob("evolution")
    with evolution(desktop, JANE_LOCAL, "bob"):
        pass


def test_a_certificate_of_somebody_else_is_refused(desktop: Desktop) -> None:
    desktop.setup("evolution")
    for path in desktop.home.glob(".config/evolution/sources/*.source"):
        path.write_text(path.read_text().replace("imap.mail.me.com", "localhost"))
    desktop.world.imap.forget()
    with desktop.program("evolution"):
        desktop.world.display.window("Certificate trust")
    assert desktop.world.imap.logins() == []
