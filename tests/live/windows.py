"""Mail clients with windows: started in a process namespace of their own, operated by keys and by their own
command line; a picture of the screen is kept after a failure."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.live.lab import clean_environment, start, stop, until
from tests.live.world import World

PICTURES = Path(__file__).parents[2] / "build/live"
OWN_PROCESSES = ("unshare", "--fork", "--pid", "--mount-proc", "--kill-child", "--")
"""What a program leaves behind ends with it."""


class Windows:
    """Jane's home, and a screen for one program in it."""

    def __init__(self, world: World, more: Mapping[str, str] | None = None) -> None:
        """`more`: environment variables of the program."""
        self.world = world
        # The path of a socket has 107 bytes at most (unix(7)), and a test's own directory may be longer.
        run = tempfile.mkdtemp(prefix="run-", dir=world.imap.lab.directory)
        tmp = world.directory / "tmp"
        tmp.mkdir(mode=0o700, exist_ok=True)
        self.env = clean_environment(
            world.home,
            DISPLAY=world.display.name,
            XDG_RUNTIME_DIR=run,
            TMPDIR=str(tmp),
            NO_AT_BRIDGE="1",
            DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent",
            **(more or {}),
        )

    @property
    def home(self) -> Path:
        return self.world.home

    def provisioner(self, *arguments: str, text: str = "", expect: int = 0) -> str:
        """The tested command, in the same session as the program."""
        done = subprocess.run(
            [str(self.world.program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=60,
            env=self.env,
            check=False,
        )
        output = done.stdout + done.stderr
        assert done.returncode == expect, f"exit code {done.returncode}, not {expect}:\n{output}"
        assert not text or text.strip() not in output
        return output

    def tell(self, *command: str) -> str:
        """A command that talks to the running program; what it prints."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=self.env, check=False)
        return done.stdout

    @contextmanager
    def program(self, *command: str) -> Iterator[subprocess.Popen[bytes]]:
        """The program runs; it is killed in the end unless it has ended by then."""
        log = self.world.directory / f"{command[0]}.log"
        process = start([*OWN_PROCESSES, *command], log=log, env=self.env)
        try:
            yield process
        except BaseException as error:
            PICTURES.mkdir(parents=True, exist_ok=True)
            picture = self.world.display.picture(PICTURES / f"{command[0]}-{self.home.parent.name}.png")
            error.add_note(f"The screen: {picture}; windows: {list(self.world.display.windows().values())}")
            print(log.read_text(errors="replace")[-3000:])
            if os.environ.get("LIVE_KEEP"):
                process.wait()
            raise
        finally:
            stop(process, 9)

    def press(self, window: str, *keys: str) -> None:
        """Keys by their X names, to the window with this number."""
        self.tell("xdotool", "windowfocus", "--sync", window)
        self.tell("xdotool", "key", "--clearmodifiers", *keys)

    def press_until_gone(self, title: str, *keys: str) -> None:
        """A window does not hear keys before it is ready for them."""
        window = self.world.display.window(title)

        def gone() -> bool:
            self.press(window, *keys)
            with suppress(AssertionError):
                until("the window to close", lambda: window not in self.world.display.windows(), 2)
                return True
            return False

        until(f"the window {title!r} to close", gone)

    def titles(self) -> list[str]:
        return list(self.world.display.windows().values())
