"""Values in getmail's configuration files."""

from __future__ import annotations

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted, one_line


def getmail(value: str | int) -> Quoted:
    """A value as Python's RawConfigParser reads it: the rest of the line, with white space taken off."""
    text = one_line(str(value), "getmail")
    if not text or text != text.strip():
        raise UsageError(
            "The configuration of getmail cannot hold values that begin or end with a space.",
            "Leave that space out of the user name.",
            code="value.unwritable",
        )
    return Quoted(text)
