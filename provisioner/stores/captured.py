"""Programs that print a password, or take one on standard input: what they say is for us alone."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provisioner.secret import Secret

MAX_BYTES = 4096
"""No mail password is longer; more is something else."""
ANSWER_SECONDS = 15.0
"""How long a program may take when nobody can be asked for anything."""
PROMPT_SECONDS = 120.0
"""How long a person may take to type a passphrase, or to allow the access."""


def run(argv: Sequence[str], env: Mapping[str, str], text: str = "") -> tuple[int, bytes]:
    """Exit code and output; what it complains of is not kept, it might quote the password.

    One that cannot be started, or takes too long, has failed and has printed nothing. One that prints more
    than MAX_BYTES is stopped; then the exit code is 0, and there is one byte more than that.
    """
    try:
        return _run(argv, env, text)
    except (OSError, subprocess.TimeoutExpired):
        return 1, b""


def _run(argv: Sequence[str], env: Mapping[str, str], text: str = "") -> tuple[int, bytes]:
    """The same; raises OSError if it cannot be started, TimeoutExpired if it takes too long."""
    env = dict(env)
    terminal = sys.stdin is not None and sys.stdin.isatty()
    if terminal and os.name == "posix":
        env.setdefault("GPG_TTY", os.ttyname(sys.stdin.fileno()))
    asks = terminal or sys.platform != "linux" or env.get("DISPLAY") or env.get("WAYLAND_DISPLAY")
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=env,
        close_fds=False,
        start_new_session=True,
    )
    try:
        code, output = _outcome(process, text, PROMPT_SECONDS if asks else ANSWER_SECONDS)
    except BaseException:  # Ctrl-C, too: it is in a session of its own
        _end(process)
        raise
    if len(output) > MAX_BYTES:
        _end(process)
    return code, output


def _outcome(process: subprocess.Popen[bytes], text: str, seconds: float) -> tuple[int, bytes]:
    """Exit code and what it prints, up to one byte more than MAX_BYTES. Raises TimeoutExpired."""
    until = time.monotonic() + seconds
    read: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def talk() -> None:  # beside us: a pipe has no time limit everywhere
        assert process.stdin and process.stdout  # noqa: S101, PT018 - they were asked for
        with contextlib.suppress(OSError), process.stdin as pipe:  # it may end without reading
            pipe.write(text.encode())
        with process.stdout as pipe:
            read.put(pipe.read(MAX_BYTES + 1))

    threading.Thread(target=talk, daemon=True, name="captured").start()
    try:
        output = read.get(timeout=seconds)
        if len(output) > MAX_BYTES:
            return 0, output
        return process.wait(max(0.0, until - time.monotonic())), output
    except (queue.Empty, subprocess.TimeoutExpired):
        raise subprocess.TimeoutExpired(process.args, seconds) from None


def _end(process: subprocess.Popen[bytes]) -> None:
    """With all that it has started, such as gpg, which waits for its agent."""
    with contextlib.suppress(ProcessLookupError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


CARRIAGE_RETURN = (
    "prints a carriage return at the end of the line, which mail programs such as mbsync send as part of the "
    "password"
)
"""By a program for Windows, or of a password that was stored there. Seen with mbsync and curl."""


def without_carriage_return(command: str) -> str:
    """The command that prints the same but for that."""
    return shlex.join(["sh", "-c", f"{command} | tr -d \\\\r"])


@dataclass(frozen=True)
class Printed:
    """What a client would take for the password; None if it would get none, or a wrong one."""

    secret: Secret | None
    problem: str = ""
    """Why it would, to be put after the command's name; empty if it printed a line of text."""
    slow: bool = False
    """It took too long."""


class Hooks:
    """The commands by which clients read their passwords: what each prints, run once at most."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._known: dict[str, Printed] = {}

    def __call__(self, command: str) -> Printed:
        """What a client would get."""
        if command not in self._known:
            self._known[command] = self._printed(command)
        return self._known[command]

    def _printed(self, command: str) -> Printed:
        try:
            code, output = _run(shlex.split(command), self._env)
            if len(output) > MAX_BYTES:
                return Printed(None, f"prints more than {MAX_BYTES} bytes")
            text = output.decode().removesuffix("\n")
        except OSError as error:
            return Printed(None, f"cannot be started: {error.strerror}")
        except subprocess.TimeoutExpired as error:
            return Printed(None, f"did not end within {error.timeout:g} seconds", slow=True)
        except UnicodeDecodeError:
            return Printed(None)
        if code:
            how = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
            return Printed(None, how)
        if text.endswith("\r"):
            return Printed(None, CARRIAGE_RETURN)
        return Printed(Secret(text)) if text else Printed(None, "prints nothing")
