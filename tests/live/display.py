"""The screen that Thunderbird is shown on: what windows there are, keys, pictures."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.live.lab import clean_environment, start, stop, until


class Display:
    """Xvfb, or with LIVE_SHOW=1 the developer's own screen."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._process: subprocess.Popen[bytes] | None = None
        self.name = ""

    def __enter__(self) -> Display:
        if os.environ.get("LIVE_SHOW"):
            self.name = os.environ["DISPLAY"]
            return self
        read, write = os.pipe()
        # Reset, which it does when its last client goes, it would turn away who comes at that moment.
        screen = ["-screen", "0", "1280x900x24", "-noreset", "-nolisten", "tcp"]
        command = ["Xvfb", "-displayfd", str(write), *screen]
        log = self._directory / "xvfb.log"
        self._process = start(command, log=log, env=clean_environment(), pass_fds=(write,))
        os.close(write)
        with os.fdopen(read) as numbers:
            number = numbers.readline().strip()
        assert number, log.read_text()
        self.name = f":{number}"
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            stop(self._process)

    def _xdotool(self, *arguments: str, text: str = "") -> str:
        done = subprocess.run(
            ["xdotool", *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=20,
            env=clean_environment(DISPLAY=self.name),
            check=False,  # a search without a result is exit code 1
        )
        return done.stdout

    def windows(self) -> dict[str, str]:
        """Visible windows that have a title: number -> title."""
        found = self._xdotool("search", "--onlyvisible", "--name", ".").split()
        titles = {number: self._xdotool("getwindowname", number).strip() for number in found}
        return {number: title for number, title in titles.items() if title}

    def window(self, title: str, seconds: float = 30) -> str:
        """The number of the window whose title has this part, as soon as it is there."""

        def found() -> str:
            return next((number for number, name in self.windows().items() if title in name), "")

        return until(f"a window {title!r} on the screen", found, seconds)

    def type(self, window: str, text: str) -> None:
        """Types the text and Return into a window. The text is handed over on standard input."""
        self._xdotool("windowfocus", "--sync", window)
        self._xdotool("type", "--delay", "20", "--file", "-", text=text)
        self._xdotool("key", "Return")

    def picture(self, file: Path) -> Path:
        """What is on the screen now, as PNG."""
        command = ["import", "-display", self.name, "-window", "root", str(file)]
        subprocess.run(command, env=clean_environment(), capture_output=True, timeout=30, check=False)
        return file
