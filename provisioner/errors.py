"""What can go wrong, as exceptions that a person can read and a script can match.

A message is one sentence that says what is wrong; the hint says what to do next, a command in it on a line
of its own (steps.py).
Neither may ever hold a password.
"""

from __future__ import annotations


class ProvisionError(Exception):
    """The operation failed and nothing is left half done; HalfWay is the exception.

    `code` is a stable dotted word for scripts (`--json`); `exit_code` is the process's.
    """

    code = "failed"
    exit_code = 1

    def __init__(self, message: str, hint: str = "", *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if code is not None:
            self.code = code


class UsageError(ProvisionError):
    """What was typed, or a file the user handed over, is not valid."""

    code = "usage"
    exit_code = 2


class Conflict(ProvisionError):
    """Someone else's state is in the way: drift, a running client, a file we do not recognise."""

    code = "conflict"
    exit_code = 5


class HalfWay(ProvisionError):
    """The operation failed, and what it had changed could not be taken back: the next command does that."""

    code = "halfway"


class Cancelled(ProvisionError):
    """The user stopped it (Ctrl-C, or no at a question)."""

    code = "cancelled"
    exit_code = 130
