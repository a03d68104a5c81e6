"""The real daemon of GNOME Online Accounts, set up by one command; what Evolution and Geary make of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.gnome import Desktop, gnome
from tests.live.lab import until
from tests.live.world import BOB, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, World
from tests.needs import need

pytestmark = pytest.mark.live

GOA = "org.gnome.OnlineAccounts"
ACCOUNTS = "/org/gnome/OnlineAccounts/Accounts"
OBJECTS = "org.freedesktop.DBus.ObjectManager.GetManagedObjects"


@pytest.fixture
def desktop(world: World) -> Iterator[Desktop]:
    need(
        Path("/usr/share/dbus-1/services/org.gnome.OnlineAccounts.service").exists(),
        "needs GOA (make system)",
    )
    with gnome(world) as desktop:
        yield desktop


def accounts(desktop: Desktop) -> dict[str, str]:
    """Address -> ID, as the daemon says; it is started if it is not running."""
    answer = desktop.call(GOA, "/org/gnome/OnlineAccounts", OBJECTS)
    assert "objectpath" in answer, answer
    return {
        address: name
        for name, address in re.findall(r"Accounts/(account_\d+_0)'.*?'Identity': <'([^']*)'>", answer)
    }


def ensure(desktop: Desktop, address: str) -> str:
    """The daemon's answer after it has logged in."""
    name = until(f"the account {address}", lambda: accounts(desktop).get(address), 5)
    return desktop.call(GOA, f"{ACCOUNTS}/{name}", f"{GOA}.Account.EnsureCredentials")


def attention(desktop: Desktop, address: str) -> bool:
    """GNOME shows a notification: the account's password is wrong or missing."""
    place = f"{ACCOUNTS}/{accounts(desktop)[address]}"
    answer = desktop.call(
        GOA, place, "org.freedesktop.DBus.Properties.Get", f"{GOA}.Account", "AttentionNeeded"
    )
    assert answer in ("(<true>,)\n", "(<false>,)\n"), answer
    return "true" in answer


def assert_logs_in(desktop: Desktop, address: str, user: str) -> None:
    world = desktop.world
    world.imap.forget()
    logins = len(world.smtp.logins)
    assert ensure(desktop, address) == "(0,)\n"
    assert {(login.user, login.tls) for login in world.imap.logins()} == {(user, True)}
    assert set(world.smtp.logins[logins:]) == {address}
    assert not attention(desktop, address)


def test_daemon_running(desktop: Desktop) -> None:
    """The usual case on GNOME: what is set up, rotated and removed is seen at once."""
    world = desktop.world
    assert accounts(desktop) == {}
    before = desktop.snapshot()
    desktop.setup("gnome-online-accounts")
    until("the daemon to have it", lambda: JANE in accounts(desktop) and not attention(desktop, JANE), 10)
    assert_logs_in(desktop, JANE, JANE_LOCAL)
    assert "nothing to do" in desktop.setup("gnome-online-accounts")
    desktop.provisioner("status", "--check")

    world.set_password(NEW_PASSWORD)
    assert ensure(desktop, JANE) != "(0,)\n"
    assert attention(desktop, JANE)
    desktop.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    assert not attention(desktop, JANE)
    assert_logs_in(desktop, JANE, JANE_LOCAL)
    assert world.files_with(PASSWORD) == world.files_with(NEW_PASSWORD) == []

    desktop.provisioner("remove", JANE)
    until("the daemon to forget it", lambda: accounts(desktop) == {}, 5)
    assert desktop.snapshot() == before
    assert desktop.keyring() == ""


def test_two_accounts_and_who_takes_them(desktop: Desktop) -> None:
    desktop.setup("gnome-online-accounts")
    desktop.setup_bob("gnome-online-accounts")
    assert_logs_in(desktop, JANE, JANE_LOCAL)
    assert_logs_in(desktop, BOB, BOB)
    sources = "/org/gnome/evolution/dataserver/SourceManager"
    answer = desktop.call("org.gnome.evolution.dataserver.Sources5", sources, OBJECTS)
    assert f"Address={JANE}" in answer
    assert f"Address={BOB}" in answer
    done = desktop.desktop.run(
        *(str(desktop.world.program), "setup", JANE, "evolution", "--password-stdin"), text=PASSWORD
    )
    assert done.returncode == 5
    assert "GNOME Online Accounts has" in done.stdout + done.stderr


def test_a_certificate_of_somebody_else_is_refused(desktop: Desktop) -> None:
    desktop.setup("gnome-online-accounts")
    path = desktop.home / ".config/goa-1.0/accounts.conf"
    path.write_text(path.read_text().replace("imap.mail.me.com", "localhost"))
    desktop.world.imap.forget()
    assert "ertificate" in ensure(desktop, JANE)
    assert desktop.world.imap.logins() == []
