"""A GNOME session for one test: D-Bus, keyring, screen; every program in it ends with it."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provisioner.items import SEAL_SERVICE
from tests.live.lab import until
from tests.live.terminal import Terminal
from tests.live.test_keyring import UNLOCK, Session, session
from tests.live.world import World
from tests.needs import need

OWN_PROCESSES = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child")
"""Services that D-Bus has started would live on, and hold pipes open."""
SETTINGS = {
    "org/gnome/evolution-data-server": "network-monitor-gio-name='always-online'",
    "org/gnome/evolution/mail": "prompt-on-accel-send=false",
}
"""The laboratory's network looks like none to a network monitor."""
ENVIRONMENT = {
    "GSETTINGS_BACKEND": "keyfile",
    "GIO_USE_NETWORK_MONITOR": "base",
    "LIBGL_ALWAYS_SOFTWARE": "1",
    # Its own sandbox keeps WebKit from the screen of another network namespace.
    "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
}
SCHEMAS = ("org.gnome.Evolution.Data.Source", "org.gnome.Geary", "org.gnome.OnlineAccounts")


class Desktop(Terminal):
    """Jane's desktop."""

    @contextmanager
    def program(self, *command: str) -> Iterator[None]:
        """A program with windows, ended by force. A picture of the screen is kept if the test fails."""
        log = self.world.directory / f"{command[0]}.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*self.desktop.prefix, *command],
                env=self.desktop.env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield
        except BaseException:
            picture = Path("build/live") / f"{command[0]}.png"
            picture.parent.mkdir(parents=True, exist_ok=True)
            self.world.display.picture(picture)
            print(log.read_text(errors="replace")[-3000:])
            raise
        finally:
            self.desktop.run("sh", "-c", f"kill -9 $(pidof {command[0]})")
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait(10)

    def send(self, program: str, subject: str) -> None:
        """Composes a message and sends it by the keyboard."""
        sent = len(self.world.smtp.mails)
        url = f"mailto:friend@example.org?subject={subject.replace(' ', '%20')}&body=Hello"
        self.desktop.run("sh", "-c", 'setsid "$@" >/dev/null 2>&1 &', "sh", program, url)
        window = self.world.display.window(subject)

        def gone() -> bool:
            """Until it is ready for keys it does not hear them."""
            self.desktop.run("xdotool", "windowfocus", "--sync", window)
            self.desktop.run("xdotool", "key", "--clearmodifiers", "ctrl+Return")
            with suppress(AssertionError):
                until("the message to go", lambda: subject not in self.world.display.windows().values(), 2)
                return True
            return False

        until("the message to be sent", gone)
        until("the message at the server", lambda: len(self.world.smtp.mails) > sent)
        assert self.world.smtp.mails[-1]["Subject"] == subject

    def quit(self, window: str) -> None:
        """Ends a program by the keyboard, so that it writes what it wants to."""
        number = self.world.display.window(window)
        self.desktop.run("xdotool", "windowfocus", "--sync", number)
        self.desktop.run("xdotool", "key", "--clearmodifiers", "ctrl+q")
        until("the end of the program", lambda: window not in self.world.display.windows().values())

    def keyring(self) -> str:
        """All items that the three programs or we have stored."""
        schemas = [("xdg:schema", schema) for schema in SCHEMAS]
        found = [
            self.desktop.run("secret-tool", "search", "--all", *pair)
            for pair in [*schemas, ("service", SEAL_SERVICE)]
        ]
        return "".join(done.stdout + done.stderr for done in found)

    def call(self, name: str, path: str, method: str, *arguments: str) -> str:
        """What a D-Bus service answers; an error's text if it refuses."""
        place = ("--session", "--dest", name, "--object-path", path, "--method", method)
        done = self.desktop.run("gdbus", "call", *place, *arguments)
        return done.stdout or done.stderr


@contextmanager
def gnome(world: World, *programs: str) -> Iterator[Desktop]:
    """A desktop on a machine that has these programs, else the test is skipped."""
    lost = [one for one in (*programs, "gdbus", "unshare", "nsenter") if shutil.which(one) is None]
    need(not lost, f"needs {', '.join(lost)} (make system)")
    settings = world.home / ".config/glib-2.0/settings/keyfile"
    settings.parent.mkdir(parents=True)
    settings.write_text("".join(f"[{group}]\n{line}\n\n" for group, line in SETTINGS.items()))
    variables = tuple(f"{name}={value}" for name, value in ENVIRONMENT.items())
    start = ("env", *variables, *OWN_PROCESSES)
    with session(world.home, UNLOCK, screen=world.display.name, prefix=start) as outside:
        children = Path(f"/proc/{outside.pid}/task/{outside.pid}/children")
        inside = ("nsenter", "--pid", "--mount", "--target", children.read_text().split()[0], "--")
        yield Desktop(world, Session({**outside.env, **ENVIRONMENT}, inside))


def subjects(database: Path, query: str) -> set[str]:
    """What a program's own database says; nothing as long as there is none."""
    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return {(row[0] or "").strip() for row in connection.execute(query)}
    except sqlite3.OperationalError as error:
        if not any(reason in str(error) for reason in ("unable to open", "no such table", "locked")):
            raise
        return set()
