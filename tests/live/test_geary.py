"""The real Geary, set up by one command with the passwords in the real GNOME Keyring."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.live.gnome import Desktop, gnome, subjects
from tests.live.lab import until
from tests.live.world import BOB, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live


@pytest.fixture
def desktop(world: World) -> Iterator[Desktop]:
    with gnome(world, "geary") as desktop:
        yield desktop


@contextmanager
def geary(desktop: Desktop, *users: str) -> Iterator[None]:
    """Geary on the screen, with a login of each of the users and their inboxes fetched."""
    world = desktop.world
    world.imap.forget()
    with desktop.program("geary"):
        until("the logins", lambda: world.users_logged_in() >= set(users) or world.imap.failures())
        assert world.imap.failures() == []
        assert all(login.tls for login in world.imap.logins())
        mail = world.home / ".local/share/geary"

        def fetched() -> int:
            every = (subjects(path, "select subject from MessageTable") for path in mail.glob("*/geary.db"))
            return sum(one >= set(SUBJECTS) for one in every)

        until("the inboxes", lambda: fetched() >= len(users))
        yield


def test_set_up_rotated_and_removed(desktop: Desktop) -> None:
    world = desktop.world
    before = desktop.snapshot()
    desktop.setup("geary")
    desktop.provisioner("remove", JANE)
    assert desktop.snapshot() == before

    desktop.setup("geary")
    on_server = world.imap.mailboxes(JANE_LOCAL)
    with geary(desktop, JANE_LOCAL):
        desktop.send("geary", "From Geary")
        assert world.smtp.logins[-1:] == [JANE]
        sent = world.imap.flavour.sent
        until("the copy", lambda: "From Geary" in world.imap.subjects(JANE_LOCAL, sent))
    assert world.imap.mailboxes(JANE_LOCAL) == on_server
    assert "nothing to do" in desktop.setup("geary")
    desktop.provisioner("status", "--check")

    world.set_password(NEW_PASSWORD)
    desktop.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    with geary(desktop, JANE_LOCAL):
        (window,) = world.display.windows().values()
        desktop.provisioner("remove", JANE)
        desktop.quit(window)  # it must not write its files again
    assert world.files_with(PASSWORD) == world.files_with(NEW_PASSWORD) == []
    assert not list(world.home.glob(".config/geary/account_*"))
    assert desktop.keyring() == ""


def test_two_accounts(desktop: Desktop) -> None:
    desktop.setup("geary")
    desktop.setup_bob("geary")
    with geary(desktop, JANE_LOCAL, "bob"):
        desktop.provisioner("status", "--check")
    desktop.provisioner("remove", BOB)
    with geary(desktop, JANE_LOCAL):
        assert "bob" not in desktop.world.users_logged_in()


def test_a_certificate_of_somebody_else_is_refused(desktop: Desktop) -> None:
    desktop.setup("geary")
    for path in desktop.home.glob(".config/geary/account_*/geary.ini"):
        path.write_text(path.read_text().replace("imap.mail.me.com", "localhost"))
    desktop.run(
        *("secret-tool", "store", "--label=x", "xdg:schema", "org.gnome.Geary", "proto", "IMAP"),
        *("host", "localhost", "login", JANE_LOCAL),
        text=PASSWORD,
    )
    desktop.world.imap.forget()
    with desktop.program("geary", "-d"):
        log = desktop.world.directory / "geary.log"
        until("its refusal", lambda: "certificate" in log.read_text(errors="replace").lower())
    assert desktop.world.imap.logins() == []
