"""Terminal clients, for real: a session with an unlocked GNOME Keyring, programs in it, their screens."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.live.lab import until
from tests.live.test_keyring import UNLOCK, Session, session
from tests.live.world import BOB, BOB_HOST, BOB_PASSWORD, JANE, NEW_PASSWORD, PASSWORD, World
from tests.needs import need

MAIL = f"From: {JANE}\nTo: friend@example.org\nSubject: From a terminal\n\nHello.\n"
ORDINARY_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
"""For programs that refuse to work for root: the same files and network, another number for the user."""
ANY_CHARACTERS = "a\\b\"c'd$x%s`#;\\"
"""A password in which programs could find something of their own syntax."""
SECRETS = (PASSWORD, NEW_PASSWORD, BOB_PASSWORD)


class Terminal:
    """Jane's terminal in a desktop session with an unlocked keyring."""

    def __init__(self, world: World, desktop: Session) -> None:
        self.world, self.desktop = world, desktop
        self._screens = 0

    @property
    def home(self) -> Path:
        return self.world.home

    def run(self, *command: str, text: str = "", expect: int = 0) -> str:
        """What the program says; it must end with the expected exit code and show no password."""
        done = self.desktop.run(*command, text=text)
        output = done.stdout + done.stderr
        assert done.returncode == expect, f"{command}: exit code {done.returncode}\n{output}"
        assert not [secret for secret in SECRETS if secret in output]
        return output

    def provisioner(self, *arguments: str, text: str = "", expect: int = 0) -> str:
        return self.run(str(self.world.program), *arguments, text=text, expect=expect)

    def setup(self, *clients: str) -> str:
        """Jane's iCloud account in these clients."""
        return self.provisioner("setup", JANE, *clients, "--password-stdin", text=PASSWORD)

    def setup_with(self, password: str, *clients: str) -> str:
        """The same with a password that iCloud would not make, which the server takes from now on."""
        self.world.set_password(password)
        command = (str(self.world.program), "setup", JANE, *clients, "--password-stdin")
        done = self.desktop.run(*command, text=password)  # it shows the others' password as an example
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        assert password not in output
        return output

    def setup_bob(self, *clients: str) -> str:
        """A second account, of no known provider, beside Jane's."""
        servers = ("--imap", BOB_HOST, "--smtp", "smtp.example.net:587")
        return self.provisioner("setup", BOB, *clients, *servers, "--password-stdin", text=BOB_PASSWORD)

    @contextmanager
    def screen(self, *command: str) -> Iterator[Screen]:
        """The program on a screen of 100 by 30 characters, with a keyboard; it is killed in the end."""
        self._screens += 1  # a server that is told to end would still take a new session
        screen = Screen(self.desktop, self.world.directory / f"tmux-{self._screens}")
        screen.start(command)
        try:
            yield screen
        finally:
            screen.stop()

    def snapshot(self) -> dict[str, tuple[int, str]]:
        """Everything in the home but our receipts, caches, the keyring: path -> (mode, hash)."""
        not_ours = (".local", ".cache")
        return {
            str(path.relative_to(self.home)): (
                stat.S_IMODE(path.lstat().st_mode),
                "" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest(),
            )
            for path in sorted(self.home.rglob("*"))
            if path.relative_to(self.home).parts[0] not in not_ours
        }


class Screen:
    """A program's screen in tmux."""

    def __init__(self, desktop: Session, socket: Path) -> None:
        self.desktop, self.socket = desktop, socket

    def start(self, command: tuple[str, ...]) -> None:
        size = ("-x", "100", "-y", "30")
        done = self._tmux("-f", "/dev/null", "new-session", "-d", *size, shlex.join(command))
        assert done.returncode == 0, done.stderr

    def stop(self) -> None:
        self._tmux("kill-server")

    def _tmux(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.desktop.run("tmux", "-S", str(self.socket), *arguments)

    def text(self) -> str:
        """What is to be seen now; empty once the program has ended. It must show no password."""
        shown = self._tmux("capture-pane", "-p").stdout
        assert not [secret for secret in SECRETS if secret in shown]
        return shown

    def shows(self, *texts: str, seconds: float = 20) -> str:
        """The screen once all of `texts` are on it at the same time."""
        seen = [""]

        def there() -> bool:
            seen[0] = self.text() or seen[0]
            return all(text in seen[0] for text in texts)

        try:
            until(" and ".join(texts), there, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{seen[0]}") from None
        return seen[0]

    def type(self, text: str) -> None:
        """Keys as characters."""
        self._tmux("send-keys", "-l", text)

    def call(self, key: str, *texts: str) -> None:
        """Types the key until `texts` appear: programs drop what is typed while they are busy."""
        for seconds in (2, 5):
            self.type(key)
            with suppress(AssertionError):
                self.shows(*texts, seconds=seconds)
                return
        self.shows(*texts)

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: `Enter`, `Tab`, `C-c`, `Escape`."""
        self._tmux("send-keys", *keys)


@contextmanager
def terminal_with(world: World, *programs: str, prefix: tuple[str, ...] = ()) -> Iterator[Terminal]:
    """A terminal on a machine that has these programs, else the test is skipped."""
    lost = [program for program in (*programs, "tmux") if shutil.which(program) is None]
    need(not lost, f"needs {', '.join(lost)} (make system)")
    with session(world.home, UNLOCK, prefix=prefix) as desktop:
        yield Terminal(world, desktop)
