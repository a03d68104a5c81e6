"""What a disk that refuses a change means to a person: what it is called, and what may help."""

from __future__ import annotations

import errno

from provisioner.errors import ProvisionError

_REMEDIES = {
    errno.ENOSPC: "Free some space.",
    errno.EDQUOT: "Free some space: your quota is used up.",
    errno.EPERM: "Look whether it is locked (Linux: lsattr, macOS: ls -lO) and by whom.",
    errno.EROFS: "Its file system is read-only: make that writable, or choose another place.",
}


def refused(error: OSError) -> ProvisionError:
    """The error of a file that could not be written, after all was put back."""
    remedy = _REMEDIES.get(error.errno or 0, "Check the permissions there.")
    return ProvisionError(
        f"{error.filename or 'A file'} cannot be written: {error.strerror or error}.",
        f"{remedy} Everything was put back as it was.",
        code="file.unwritable",
    )
