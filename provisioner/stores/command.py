"""Passwords that a command of the user's own prints: provisioner stores none of them."""

from __future__ import annotations

import contextlib
import os
import queue
import shlex
import signal
import subprocess
import threading
import time

from provisioner.errors import Conflict, UsageError
from provisioner.items import SecretItem, Store
from provisioner.secret import Secret
from provisioner.stores.captured import CARRIAGE_RETURN, MAX_BYTES, without_carriage_return

SECONDS = 300
"""A password manager may ask its user to unlock it, so a command gets this long."""


def printed(command: str) -> bytes:
    """What a command prints, MAX_BYTES at most. No shell runs it; its standard error goes to the terminal.

    Raises UsageError: `password.command` if it cannot be started, fails or takes too long,
    `password.too_long`.
    """
    try:
        argv = shlex.split(command)
    except ValueError as error:
        raise _refused(f"cannot be read: {error}", "Check its quotes.") from None
    if not argv:
        raise _refused("is empty", "Name a program.")
    alone = _has_no_terminal()
    try:
        # Python's own descriptors are not inherited (PEP 446); closing the rest by hand could need /proc,
        # which is shut while memory is protected (hardening.py).
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, close_fds=False, process_group=0 if alone else None
        )
    except OSError as error:
        raise _refused(f"{argv[0]} cannot be started: {error.strerror}", "Check its name.") from None
    try:
        output, code = _outcome(process)
    except (queue.Empty, subprocess.TimeoutExpired):
        raise _refused(
            f"{argv[0]} did not end within {SECONDS} seconds", "Run it by hand to see what it waits for."
        ) from None
    finally:
        _end(process, alone)
    if len(output) > MAX_BYTES:
        raise UsageError(
            f"The password command {argv[0]} prints more than {MAX_BYTES} bytes.",
            "Make it print the password and nothing else.",
            code="password.too_long",
        )
    if code != 0:
        raise _refused(f"{argv[0]} failed with exit code {code}", "Run it by hand to see why.")
    return output


def _outcome(process: subprocess.Popen[bytes]) -> tuple[bytes, int]:
    """What it prints, up to one byte too many, and its exit code. Raises Empty, TimeoutExpired."""
    until = time.monotonic() + SECONDS
    read: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def reader() -> None:  # beside us: a pipe has no time limit everywhere
        assert process.stdout  # noqa: S101 - it was asked for
        with process.stdout as pipe:  # closed, it ends whoever would print on
            read.put(pipe.read(MAX_BYTES + 1))

    threading.Thread(target=reader, daemon=True, name="password-command").start()
    output = read.get(timeout=SECONDS)
    if len(output) > MAX_BYTES:
        return output, 0
    return output, process.wait(max(0.0, until - time.monotonic()))


def _has_no_terminal() -> bool:
    """Only then it may be a process group of its own: one in the background cannot ask at a terminal."""
    if os.name != "posix":
        return False
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return True
    return False


def _end(process: subprocess.Popen[bytes], alone: bool) -> None:
    """Whatever still runs of it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            if alone:
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()


class CommandStore:
    """A SecretStore of what commands print, each run once at most; nothing can be written to it.

    Raises UsageError as `printed`, Conflict (`password.elsewhere`) for a password that the command does not
    print.
    """

    def __init__(self) -> None:
        self._known: dict[str, Secret] = {}

    def get(self, item: SecretItem) -> Secret | None:
        """Its one line, without the end of the line, as mail programs take it."""
        command = item.command
        if not command:  # where an old value would wait: there is none
            return None
        if command not in self._known:
            self._known[command] = _line(command)
        return self._known[command]

    def set(self, item: SecretItem, secret: Secret) -> None:  # noqa: ARG002 - the protocol's signature
        raise Conflict(
            "Your own command for the password prints another one than this, and only you can change that.",
            "Put the new password where that command reads it, then run this again.",
            code="password.elsewhere",
        )

    def delete(self, item: SecretItem) -> None: ...

    def vet(self, item: SecretItem) -> None: ...


def refuse_revealing(item: SecretItem, secret: Secret) -> None:
    """Raises UsageError (`password.command`) if the password is in the command, which files will hold."""
    if any(word and word in item.command for word in (secret.reveal(), shlex.quote(secret.reveal()))):
        raise UsageError(
            "The password command has the password itself in it, where others can read it.",
            "Give a command that gets the password from a store.",
            code="password.command",
        )


def canonical(command: str) -> str:
    """The command so that a shell runs it as we do without one. Raises UsageError (`password.command`)."""
    try:
        return shlex.join(shlex.split(command))
    except ValueError as error:
        raise _refused(f"cannot be read: {error}", "Check its quotes.") from None


def item(address: str, command: str) -> SecretItem:
    """What stands for the password of an account in receipts. Raises as `canonical`."""
    attributes = (("command", canonical(command)), ("username", address.lower()))
    return SecretItem(f"Mail password of {address}", attributes, Store.COMMAND)


def _line(command: str) -> Secret:
    output = printed(command)
    try:
        text = output.decode().removesuffix("\n")
    except UnicodeDecodeError:
        text = ""
    if not text or "\n" in text or "\0" in text:
        raise _refused("prints no single line of text", "Make it print the password and nothing else.")
    if text.endswith("\r"):
        raise _refused(CARRIAGE_RETURN, f"Give this as the command:\n  {without_carriage_return(command)}")
    return Secret(text)


def _refused(what: str, hint: str) -> UsageError:
    return UsageError(f"The password command {what}.", hint, code="password.command")
