"""What a disk that refuses a change means to a person: what it is called, what may help, what is left."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence

from provisioner.errors import HalfWay, ProvisionError

_REMEDIES = {
    errno.ENOSPC: "Free some space.",
    errno.EDQUOT: "Free some space: your quota is used up.",
    errno.EPERM: "Look whether it is locked (Linux: lsattr, macOS: ls -lO) and by whom.",
    errno.EROFS: "Its file system is read-only: make that writable, or choose another place.",
}


def refused(error: OSError) -> ProvisionError:
    """The error of a file that could not be written, after all was put back."""
    return ProvisionError(
        _said(error), f"{_remedy(error)} Everything was put back as it was.", code="file.unwritable"
    )


def half_way(
    error: OSError | ProvisionError, failed: Sequence[OSError | ProvisionError], titles: Iterable[str]
) -> HalfWay:
    """What is said if after `error` not all could be put back. `failed`: why.

    The hint of `error` may say that all is as before, so it is not kept.
    """
    reasons = " ".join(dict.fromkeys(map(_said, failed)))
    found = HalfWay(
        f"{_said(error)} It was not possible to take everything back: {reasons} "
        f"What was changed in {', '.join(dict.fromkeys(titles))} is half-way.",
        f"{_remedies(failed)}\n{NEXT}\n`provisioner status` shows what is set up.",
    )
    found.exit_code = error.exit_code if isinstance(error, ProvisionError) else ProvisionError.exit_code
    return found


def left(error: OSError | ProvisionError, address: str, client: str) -> HalfWay:
    """What is said if what an earlier run left half-way cannot be put right yet."""
    return HalfWay(
        f"A run for {address} ({client}) was stopped half-way and cannot be put right: {_said(error)}",
        f"{_remedies([error])}\nThe next setup, rotate or remove does that.",
    )


NEXT = "The next setup, rotate or remove takes back what is half done."


def _said(error: OSError | ProvisionError) -> str:
    if isinstance(error, ProvisionError):
        return error.message
    return f"{error.filename or 'A file'} cannot be written: {error.strerror or error}."


def _remedy(error: OSError) -> str:
    return _REMEDIES.get(error.errno or 0, "Check the permissions there.")


def _remedies(errors: Iterable[OSError | ProvisionError]) -> str:
    hints = (_remedy(error) if isinstance(error, OSError) else error.hint for error in errors)
    return " ".join(dict.fromkeys(filter(None, hints)))
