"""Passwords in the real GNOME Keyring, as other programs see them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from jeepney import message_bus, new_method_call
from jeepney.io.blocking import open_dbus_connection

from provisioner.errors import Conflict, ProvisionError
from provisioner.items import SEAL_SERVICE, SecretItem
from provisioner.secret import Secret
from provisioner.stores.system import SystemStore
from tests.live.display import Display
from tests.needs import need

pytestmark = pytest.mark.live

TOOLS = ("dbus-run-session", "gdbus", "gnome-keyring-daemon", "secret-tool")
# Who asks before it has its name on the bus has a second one started beside it.
UNLOCK = (
    "gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null && "
    "gdbus wait --session --timeout 30 org.freedesktop.secrets && "
)
ITEM = SecretItem.shared("Jane@icloud.com")
NAMES = ("service", "provisioner", "username", "jane@icloud.com")
OLD, NEW = Secret("abcd-efgh-ijkl-mnop"), Secret("grün 🔑 \"quoted' $x\\")


class Session:
    """A desktop session of its own: D-Bus, home directory, and keyring if it is unlocked."""

    def __init__(self, env: dict[str, str], prefix: tuple[str, ...] = (), pid: int = 0) -> None:
        """`pid` is its first process."""
        self.env, self.prefix, self.pid = env, prefix, pid
        self.store = SystemStore("linux", env)

    def run(self, *command: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.prefix, *command],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.env,
            check=False,
        )

    def lookup(self) -> str:
        return self.run("secret-tool", "lookup", *NAMES).stdout

    def search(self) -> str:
        """All items that match; secret-tool shows attributes on standard error."""
        done = self.run("secret-tool", "search", "--all", *NAMES)
        return done.stdout + done.stderr

    def with_screen(self) -> SystemStore:
        """For a program that believes in a screen; nothing can be shown on it."""
        return SystemStore("linux", {**self.env, "DISPLAY": ":nobody"})


@contextmanager
def session(directory: Path, start: str, screen: str = "", prefix: tuple[str, ...] = ()) -> Iterator[Session]:
    """`prefix` is put before every command in it, such as one that changes the user."""
    need(sys.platform == "linux", "the Secret Service needs Linux")
    lost = [tool for tool in TOOLS if shutil.which(tool) is None]
    need(not lost, f"needs {', '.join(lost)} (make system)")
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "HOME": str(directory)}
    if screen:
        env["DISPLAY"] = screen
    # The first line is the keyring's password; the session ends with its standard input.
    script = f'read -r word; printf %s "$word" | {start} echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'
    with (
        # The path of a socket has 107 bytes at most (unix(7)), and `directory` may be longer.
        TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as run,
        subprocess.Popen(
            [*prefix, "dbus-run-session", "--", "sh", "-c", script],
            env=env | {"XDG_RUNTIME_DIR": run},
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("lab\n")
        process.stdin.flush()
        address = process.stdout.readline().strip()
        assert address
        inside = {**env, "XDG_RUNTIME_DIR": run, "DBUS_SESSION_BUS_ADDRESS": address}
        yield Session(inside, prefix, process.pid)


@pytest.fixture
def desktop(tmp_path: Path) -> Iterator[Session]:
    with session(tmp_path, UNLOCK) as desktop:
        yield desktop


def lock(desktop: Session) -> None:
    code = "import secretstorage as s; s.Collection(s.dbus_init()).lock()"
    assert desktop.run(sys.executable, "-c", code).returncode == 0


def refusals(store: SystemStore) -> Iterator[ProvisionError]:
    """What get, set and delete raise."""
    calls: list[Callable[[], object]] = [
        lambda: store.get(ITEM),
        lambda: store.set(ITEM, NEW),
        lambda: store.delete(ITEM),
    ]
    for call in calls:
        with pytest.raises(ProvisionError) as caught:
            call()
        assert caught.value.hint
        assert caught.value.__context__ is None
        yield caught.value


def test_an_item_is_stored_replaced_read_by_others_and_deleted(desktop: Session) -> None:
    assert desktop.store.get(ITEM) is None
    desktop.store.delete(ITEM)
    desktop.store.set(ITEM, OLD)
    assert desktop.lookup() == OLD.reveal()
    desktop.store.set(ITEM, NEW)
    assert desktop.lookup() == NEW.reveal()
    assert desktop.store.get(ITEM) == NEW

    seen = desktop.search()
    assert seen.count("label = ") == 1
    assert "label = Mail password of Jane@icloud.com" in seen
    attributes = {line for line in seen.splitlines() if line.startswith("attribute.")}
    assert attributes == {"attribute.service = provisioner", "attribute.username = jane@icloud.com"}

    desktop.store.delete(ITEM)
    assert desktop.store.get(ITEM) is None
    assert desktop.run("secret-tool", "lookup", *NAMES).returncode == 1


def test_the_keyring_library_reads_the_same_item(desktop: Session) -> None:
    desktop.store.set(ITEM, OLD)
    done = desktop.run(sys.executable, "-m", "keyring", "get", "provisioner", "jane@icloud.com")
    assert done.stdout == OLD.reveal() + "\n"


def test_the_item_of_another_program_keeps_its_label_and_attributes(desktop: Session) -> None:
    other = SecretItem("Ours", (("e-source-uid", "1f"),))
    theirs = ("e-source-uid", "1f", "eds-origin", "evolution")
    desktop.run("secret-tool", "store", "--label", "Theirs", *theirs, text=OLD.reveal())
    assert desktop.store.get(other) == OLD
    desktop.store.set(other, NEW)
    done = desktop.run("secret-tool", "search", "--all", "e-source-uid", "1f")
    assert (done.stdout + done.stderr).count("label = ") == 1
    assert "label = Theirs" in done.stdout
    assert "attribute.eds-origin = evolution" in done.stderr
    assert desktop.run("secret-tool", "lookup", *theirs).stdout == NEW.reveal()


def test_items_that_share_only_some_attributes_are_left_alone(desktop: Session) -> None:
    desktop.store.set(SecretItem.shared("bob@icloud.com"), OLD)
    desktop.store.set(ITEM, NEW)
    desktop.store.delete(ITEM)
    assert desktop.store.get(SecretItem.shared("bob@icloud.com")) == OLD


def test_several_items_that_match_are_refused_and_left_alone(desktop: Session) -> None:
    desktop.run("secret-tool", "store", "--label", "More", *NAMES, "application", "x", text=OLD.reveal())
    desktop.run("secret-tool", "store", "--label", "Most", *NAMES, "application", "y", text=OLD.reveal())
    before = desktop.search()
    assert before.count("label = ") == 2
    for error in refusals(desktop.store):
        assert isinstance(error, Conflict)
        assert error.code == "keyring.ambiguous"
        assert "username=jane@icloud.com" in error.message
    assert desktop.search() == before


def test_a_value_that_is_not_text_is_refused_and_not_shown(desktop: Session) -> None:
    subprocess.run(
        ["secret-tool", "store", "--label", "Raw", *NAMES], input=b"\xff\xfeabc", env=desktop.env, check=True
    )
    with pytest.raises(ProvisionError, match="UTF-8") as caught:
        desktop.store.get(ITEM)
    assert caught.value.code == "keyring.failed"
    assert caught.value.__context__ is None


def test_a_locked_keyring_is_refused_at_once_without_a_screen(desktop: Session) -> None:
    desktop.store.set(ITEM, OLD)
    lock(desktop)
    for error in refusals(desktop.store):
        assert isinstance(error, Conflict)
        assert error.code == "keyring.locked"
        assert "without a screen" in error.message
    # Not "there is none": a locked keyring need not show what it has.
    with pytest.raises(Conflict, match="locked"):
        desktop.store.get(SecretItem.shared("bob@icloud.com"))


def test_a_question_that_nobody_answers_leaves_it_locked(desktop: Session) -> None:
    desktop.store.set(ITEM, OLD)
    lock(desktop)
    for error in refusals(desktop.with_screen()):
        assert isinstance(error, Conflict)
        assert error.code == "keyring.locked"
        assert "dismissed" in error.message


def test_the_keyring_asks_on_the_screen_and_opens_for_its_password(tmp_path: Path) -> None:
    lost = [tool for tool in ("Xvfb", "xdotool", "setpriv") if shutil.which(tool) is None]
    need(not lost, f"needs {', '.join(lost)} (make system)")
    with Display(tmp_path) as display, session(tmp_path, UNLOCK, display.name) as desktop:
        desktop.store.set(ITEM, OLD)
        lock(desktop)
        with ThreadPoolExecutor() as pool:
            answer = pool.submit(desktop.store.get, ITEM)
            while not wait([answer], 2).done:  # a window that just opened may not read its keys yet
                display.type(display.window("Unlock"), "lab")
            assert answer.result() == OLD


def test_where_no_keyring_was_made_yet_nothing_is_read_and_nothing_is_made(tmp_path: Path) -> None:
    with session(tmp_path, "gnome-keyring-daemon --start --components=secrets >/dev/null;") as desktop:
        assert desktop.store.get(ITEM) is None
        desktop.store.delete(ITEM)
        with pytest.raises(ProvisionError, match="no keyring yet") as caught:
            desktop.store.set(ITEM, OLD)
        assert caught.value.code == "keyring.none"
        with pytest.raises(Conflict) as dismissed:
            desktop.with_screen().set(ITEM, OLD)
        assert dismissed.value.code == "keyring.locked"


def test_a_keyring_that_ends_while_it_is_asked(desktop: Session) -> None:
    with open_dbus_connection(desktop.env["DBUS_SESSION_BUS_ADDRESS"]) as bus:
        owner = new_method_call(message_bus, "GetConnectionUnixProcessID", "s", ("org.freedesktop.secrets",))
        (daemon,) = bus.send_and_get_reply(owner).body
    os.kill(daemon, signal.SIGSTOP)  # so that it has the question and no answer
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(desktop.store.get, ITEM)
        wait([asked], 1)
        assert not asked.done()
        os.kill(daemon, signal.SIGKILL)
        with pytest.raises(ProvisionError, match="ended, or was restarted") as caught:
            asked.result(30)
    assert caught.value.code == "keyring.failed"


def test_a_session_without_a_secret_service_has_no_keyring(tmp_path: Path) -> None:
    (tmp_path / "bus.conf").write_text(
        "<busconfig><type>session</type><listen>unix:path=%s</listen><auth>EXTERNAL</auth>"
        '<policy context="default"><allow send_destination="*"/><allow own="*"/><allow eavesdrop="true"/>'
        "</policy></busconfig>" % (tmp_path / "bus")
    )
    need(shutil.which("dbus-daemon"), "needs dbus-daemon (make system)")
    with subprocess.Popen(
        ["dbus-daemon", f"--config-file={tmp_path / 'bus.conf'}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        text=True,
    ) as bus:
        try:
            assert bus.stdout is not None
            address = bus.stdout.readline().strip()
            # Without a variable the bus is where systemd puts it.
            for env in ({"DBUS_SESSION_BUS_ADDRESS": address}, {"XDG_RUNTIME_DIR": str(tmp_path)}):
                for error in refusals(SystemStore("linux", env)):
                    assert error.code == "keyring.none"
                    assert "Secret Service" in error.message
        finally:
            bus.terminate()


def provisioner(desktop: Session, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return desktop.run(sys.executable, "-m", "provisioner", *arguments, text=text)


SETUP = ("setup", "jane@icloud.com", "msmtp", "--no-check", "--password-stdin")


def test_status_tells_what_became_of_a_password(desktop: Session) -> None:
    need(shutil.which("msmtp"), "needs msmtp (make system)")

    def status() -> tuple[str, str]:
        (row,) = json.loads(provisioner(desktop, "status", "--json").stdout)["results"]
        return row["state"], row["message"]

    def store(secret: Secret) -> None:
        desktop.run("secret-tool", "store", "--label", "Other", *NAMES, text=secret.reveal())

    assert provisioner(desktop, *SETUP, text=OLD.reveal()).returncode == 0
    assert status()[0] == "ok"
    store(OLD)
    assert status()[0] == "ok"
    store(NEW)
    assert desktop.lookup() == NEW.reveal()
    assert status() == ("drifted", "another password has been stored since")
    assert provisioner(desktop, "status").returncode == 5
    assert provisioner(desktop, *SETUP, text=NEW.reveal()).returncode == 0
    assert status()[0] == "ok"

    env = desktop.env
    desktop.env = {key: value for key, value in env.items() if not key.startswith(("DBUS", "XDG"))}
    state, message = status()
    assert (state, "no D-Bus session" in message) == ("unknown", True)
    desktop.env = env

    desktop.run("secret-tool", "clear", *NAMES)
    assert status() == ("drifted", "its password is gone from the keyring")
    assert provisioner(desktop, *SETUP, text=OLD.reveal()).returncode == 0
    lock(desktop)
    state, message = status()
    assert (state, "locked" in message) == ("locked", True)


def test_nothing_is_left_in_the_keyring_after_remove(desktop: Session) -> None:
    need(shutil.which("msmtp"), "needs msmtp (make system)")
    seals = ("secret-tool", "search", "--all", "service", SEAL_SERVICE)
    assert provisioner(desktop, *SETUP, text=OLD.reveal()).returncode == 0
    assert "label = Seal of" in desktop.run(*seals).stdout
    assert provisioner(desktop, "remove", "jane@icloud.com").returncode == 0
    assert desktop.run(*seals).stdout == desktop.search() == ""


NO_PASSWORD = """
import secretstorage
from jeepney import DBusAddress, new_method_call
bus = secretstorage.dbus_init()
def call(interface, method, signature, *body):
    place = DBusAddress("/org/freedesktop/secrets", "org.freedesktop.secrets", interface)
    return bus.send_and_get_reply(new_method_call(place, method, signature, body)).body
session = call("org.freedesktop.Secret.Service", "OpenSession", "sv", "plain", ("s", ""))[1]
old, new = ((session, b"", word, "text/plain") for word in (b"lab", b""))
call(
    "org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface", "ChangeWithMasterPassword",
    "o(oayays)(oayays)", "/org/freedesktop/secrets/collection/login", old, new,
)
"""
"""Changes the password to none, as Seahorse would (gnome-keyring: daemon/dbus/gkd-secret-service.c)."""


def test_a_keyring_without_a_password_is_refused_before_anything_is_written(desktop: Session) -> None:
    need(shutil.which("msmtp"), "needs msmtp (make system)")
    home = Path(desktop.env["HOME"])
    assert provisioner(desktop, *SETUP, text=OLD.reveal()).returncode == 0
    assert desktop.run(sys.executable, "-c", NO_PASSWORD).returncode == 0
    (file,) = home.rglob("login.keyring")
    assert OLD.reveal().encode() in file.read_bytes()  # what the refusal is about
    before = (home / ".config/msmtp/config").read_bytes()
    for password in (NEW, OLD):
        done = provisioner(desktop, *SETUP, text=password.reveal())
        assert done.returncode == 1
        assert "Seahorse" in done.stdout + done.stderr
    done = provisioner(desktop, "status")
    assert (done.returncode, done.stdout.count("Seahorse")) == (0, 1)
    assert "has no password" in " ".join(done.stdout.split())
    assert desktop.lookup() == OLD.reveal()
    assert (home / ".config/msmtp/config").read_bytes() == before
    assert provisioner(desktop, "remove", "jane@icloud.com").returncode == 0
    assert OLD.reveal().encode() not in file.read_bytes()
    assert provisioner(desktop, *SETUP, text=OLD.reveal()).returncode == 1
    assert OLD.reveal().encode() not in file.read_bytes()
