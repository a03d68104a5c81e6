"""Programs that print a password, or take one on standard input: what they say is for us alone."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence

from provisioner.secret import Secret

ANSWER_SECONDS = 15.0
"""How long a program may take when nobody can be asked for anything."""
PROMPT_SECONDS = 120.0
"""How long a person may take to type a passphrase, or to allow the access."""


def run(argv: Sequence[str], env: Mapping[str, str], text: str = "") -> tuple[int, bytes]:
    """Exit code and output; what it complains of is not kept, it might quote the password.

    One that cannot be started, or takes too long, has failed and has printed nothing.
    """
    env = dict(env)
    terminal = sys.stdin is not None and sys.stdin.isatty()
    if terminal and os.name == "posix":
        env.setdefault("GPG_TTY", os.ttyname(sys.stdin.fileno()))
    asks = terminal or sys.platform != "linux" or env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            close_fds=False,
            start_new_session=True,
        )
    except OSError:
        return 1, b""
    try:
        output, _ = process.communicate(text.encode(), PROMPT_SECONDS if asks else ANSWER_SECONDS)
    except BaseException as error:  # Ctrl-C, too: it is in a session of its own
        _end(process)
        if isinstance(error, subprocess.TimeoutExpired):
            return 1, b""
        raise
    return process.returncode, output


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it has started, such as gpg, which waits for its agent."""
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


class Hooks:
    """The commands by which clients read their passwords: what each prints, run once at most."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._known: dict[str, Secret | None] = {}

    def __call__(self, command: str) -> Secret | None:
        """What a client would take for the password; None if it would get none."""
        if command not in self._known:
            self._known[command] = self._printed(command)
        return self._known[command]

    def _printed(self, command: str) -> Secret | None:
        code, output = run(shlex.split(command), self._env)
        try:
            text = output.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            return None
        return Secret(text) if text and code == 0 else None
