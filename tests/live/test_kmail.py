"""The real KMail with Akonadi and KWallet, set up by one command in a session of KDE."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from provisioner.errors import Conflict
from provisioner.items import SecretItem, Store
from provisioner.secret import Secret
from provisioner.stores.system import WalletStore
from tests.live.gnome import ENVIRONMENT, OWN_PROCESSES, Desktop
from tests.live.lab import until
from tests.live.test_keyring import Session, session
from tests.live.world import BOB, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World
from tests.needs import need

pytestmark = pytest.mark.live

PROGRAMS = (
    "kmail",
    "akonadictl",
    "akonadi_imap_resource",
    "kwalletd5",
    "mysql",
    "gdbus",
    "unshare",
    "nsenter",
)
WALLET = ("org.kde.kwalletd5", "/modules/kwalletd5")
HASH = ", ".join(f"byte {number}" for number in range(56))
"""What pam_kwallet makes of the login's password: PBKDF2 of 56 bytes (kwallet-pam, pam_kwallet.c)."""
SETTINGS = {
    "kwalletrc": "[Wallet]\nFirst Use=false\n",
    # Its database does not start for root unless it is told to, and need not outlive a power cut.
    "akonadi/mysql-local.conf": "[mysqld]\nuser=root\ninnodb_flush_log_at_trx_commit=0\nsync_binlog=0\n",
    "kmail2rc": "[General]\nAskEnableUnifiedMailboxes=false\n\n"
    "[Composer]\nCheckSendDefaultActionShortcut=true\n",
}
"""Not of the account: questions about the program's own ways of working are answered before."""
QUERY = (
    "select count(distinct i.id) from parttable p join pimitemtable i on p.pimitemid = i.id "
    "join collectiontable c on i.collectionid = c.id join resourcetable r on c.resourceid = r.id "
    "where r.name = '{}' and c.name = 'INBOX' and ({})"
)


class Plasma(Desktop):
    """Jane's desktop, an open wallet, and KMail."""

    def open_wallet(self) -> None:
        """As a login does."""
        self.call(*WALLET, "org.kde.KWallet.pamOpen", "kdewallet", f"[{HASH}]", "0")
        assert "true" in self.call(*WALLET, "org.kde.KWallet.isOpen", "kdewallet")

    def resource(self, address: str) -> str:
        """Akonadi's name of the account."""
        (path,) = (path for path in self.home.glob(".config/akonadi_imap_*rc") if address in path.read_text())
        return path.name.removesuffix("rc")

    def fetched(self, resource: str) -> bool:
        """All messages of the inbox are in Akonadi's database."""
        socket = self.desktop.env["XDG_RUNTIME_DIR"] + "/akonadi/mysql.socket"
        subjects = " or ".join(f"p.data like '%{subject}%'" for subject in SUBJECTS)
        query = QUERY.format(resource, subjects)
        return self.desktop.run("mysql", "-NS", socket, "akonadi", "-e", query).stdout.strip() == "3"

    @contextmanager
    def akonadi(self, *users: str) -> Iterator[None]:
        """Akonadi runs, and each of the users has logged in over TLS."""
        world = self.world
        world.imap.forget()
        self.desktop.run("sh", "-c", "akonadictl start >/dev/null 2>&1")
        try:
            until("the logins", lambda: world.users_logged_in() == set(users) or world.imap.failures())
            assert world.imap.failures() == []
            assert {login.tls for login in world.imap.logins()} == {True}
            yield
        finally:
            self.desktop.run("akonadictl", "stop")
            until("the end of Akonadi", lambda: not self.desktop.run("pidof", "akonadi_control").stdout)

    def mail(self, subject: str) -> bool:
        """Sends a message by the keyboard. False: it asked for the password, or hangs."""
        sent = len(self.world.smtp.mails)
        command = 'setsid kmail --subject "$1" --body Hello friend@example.org >/dev/null 2>&1 &'
        self.desktop.run("sh", "-c", command, "sh", subject)
        self._keys(subject, "ctrl+Return")

        with suppress(AssertionError):
            until("an end", lambda: len(self.world.smtp.mails) > sent or self.asks("Password"), 12)
        if title := self.asks("Password"):
            self._keys(title, "Escape")
        return len(self.world.smtp.mails) > sent

    def asks(self, what: str) -> str:
        """The title of the window with such a question, empty if there is none."""
        titles = self.world.display.windows().values()
        return next((title for title in titles if title.startswith(what)), "")

    def _keys(self, title: str, keys: str) -> None:
        """Presses them until the window closes: until it is ready for keys it does not hear them."""
        window = self.world.display.window(title)

        def gone() -> bool:
            self.desktop.run("xdotool", "windowfocus", "--sync", window)
            # Only to this one: a question that comes up meanwhile must not take them for an answer.
            self.desktop.run("xdotool", "key", "--window", window, keys)
            with suppress(AssertionError):
                until("the window to close", lambda: window not in self.world.display.windows(), 2)
                return True
            return False

        until(f"the window {title!r} to close", gone)


@contextmanager
def plasma(world: World) -> Iterator[Plasma]:
    lost = [one for one in PROGRAMS if shutil.which(one) is None]
    need(not lost, f"needs {', '.join(lost)} (make system)")
    for name, text in SETTINGS.items():
        path = world.home / ".config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    # The path of a socket is short.
    with tempfile.TemporaryDirectory() as run:
        Path(run).chmod(0o700)
        desktop = {"XDG_CURRENT_DESKTOP": "KDE", "KDE_SESSION_VERSION": "5", "XDG_RUNTIME_DIR": run}
        # Its browser engine would want a sandbox that root cannot have.
        more = {**ENVIRONMENT, **desktop, "QTWEBENGINE_DISABLE_SANDBOX": "1"}
        start = ("env", *(f"{name}={value}" for name, value in more.items()), *OWN_PROCESSES)
        with session(world.home, "cat >/dev/null;", screen=world.display.name, prefix=start) as outside:
            children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
            inside = ("nsenter", "--pid", "--mount", "--target", children.read_text().split()[0], "--")
            found = Plasma(world, Session({**outside.env, **more}, inside))
            found.open_wallet()
            yield found


@pytest.fixture
def desktop(world: World) -> Iterator[Plasma]:
    with plasma(world) as desktop:
        yield desktop


def wallet(desktop: Plasma) -> str:
    handle = re.sub(r"\D", "", desktop.call(*WALLET, "org.kde.KWallet.open", "kdewallet", "0", "test"))
    return desktop.call(*WALLET, "org.kde.KWallet.folderList", handle, "test")


def assert_keeps_any_password(desktop: Plasma) -> None:
    """The wallet by KDE's interface: any text in any entry, nothing left of it; closed, it stays closed."""
    before = wallet(desktop)
    store = WalletStore("linux", desktop.desktop.env)
    strange = "grün 🔑 \"quoted' $x\\ \u202e/imap"
    for folder, key in (("imap", "a"), ("provisioner-seal", "service=imap&username=a"), (strange, strange)):
        item = SecretItem("", (("service", folder), ("username", key)), Store.KWALLET)
        assert store.get(item) is None
        store.delete(item)
        for password in (strange, PASSWORD):
            store.set(item, Secret(password))
            assert store.get(item) == Secret(password)
        assert wallet(desktop) != before
        store.delete(item)
        assert store.get(item) is None
    assert wallet(desktop) == before
    desktop.call(*WALLET, "org.kde.KWallet.closeAllWallets")
    nobody = {name: value for name, value in desktop.desktop.env.items() if name != "DISPLAY"}
    with pytest.raises(Conflict, match="wallet is closed"):
        WalletStore("linux", nobody).get(SecretItem.shared(JANE, Store.KWALLET))
    desktop.open_wallet()


def test_kmail(desktop: Plasma) -> None:
    world = desktop.world
    before, passwords = desktop.snapshot(), wallet(desktop)
    assert_keeps_any_password(desktop)
    desktop.setup("kmail")
    desktop.setup_bob("kmail")
    desktop.provisioner("remove", BOB)
    desktop.provisioner("remove", JANE)
    assert desktop.snapshot() == before
    assert wallet(desktop) == passwords

    desktop.setup("kmail")
    desktop.setup_bob("kmail")
    jane, bob = desktop.resource("imap.mail.me.com"), desktop.resource("imap.example.net")
    on_server = world.imap.mailboxes(JANE_LOCAL)
    world.smtp.logins.clear()
    for _ in range(3):
        world.smtp.failures.clear()
        with desktop.akonadi(JANE_LOCAL, "bob"), desktop.program("kmail"):
            assert "KMail is running" in desktop.run(str(world.program), "remove", JANE, expect=5)
            until("the inboxes", lambda: desktop.fetched(jane) and desktop.fetched(bob))
            # A server as near as this one answers before the wallet does, which KMail does not wait for: it
            # asks then, or tries with no password once, or sends nothing before it is started anew.
            if desktop.mail("At first") or desktop.mail("From KMail"):
                break
    assert world.smtp.logins[-1:] == [JANE]
    assert world.smtp.mails[-1]["From"].addresses[0].addr_spec == JANE
    assert len(world.smtp.failures) <= 1
    assert world.imap.mailboxes(JANE_LOCAL) == on_server
    assert "nothing to do" in desktop.setup("kmail")

    world.set_password(NEW_PASSWORD)
    desktop.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    path = desktop.home / f".config/{bob}rc"
    path.write_text(path.read_text().replace("imap.example.net", "localhost"))
    with desktop.akonadi(JANE_LOCAL):
        # The certificate is somebody else's: it asks, or goes away by itself.
        until("the refusal", lambda: desktop.asks("Server Auth") or "no auth attempts" in world.imap.log())
        assert world.users_logged_in() == {JANE_LOCAL}
    desktop.provisioner("remove", BOB)
    desktop.provisioner("status", "--check")
    assert world.files_with(PASSWORD) == world.files_with(NEW_PASSWORD) == []
    desktop.provisioner("remove", JANE)
    assert wallet(desktop) == passwords
    files = {path: data for path, data in world.files().items() if path.parts[0] == ".config"}
    assert [path for path, data in files.items() if jane in path.name or jane.encode() in data] == []
