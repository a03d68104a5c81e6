"""Values in notmuch's configuration file, a GKeyFile."""

from __future__ import annotations

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted, one_line

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def notmuch(value: str) -> Quoted:
    """One value (GLib manual, GKeyFile), of which notmuch cuts white space off the end.

    Raises UsageError (`value.unwritable`) for one with a semicolon: notmuch reads two values then, even
    with the backslash that GLib has for that.
    """
    if ";" in value or value != value.strip():
        raise UsageError(
            "notmuch cannot have a semicolon, or white space at either end, in a name or path.",
            "Leave it out of the name, or set this account up in another client.",
            code="value.unwritable",
        )
    escaped = "".join(_ESCAPES.get(char, char) for char in value)
    return Quoted(one_line(escaped, "notmuch"))
