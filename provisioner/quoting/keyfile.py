"""Values in GLib's key files: Evolution, Geary, GNOME Online Accounts."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def keyfile(value: str | int) -> Quoted:
    """A string, or a number (https://docs.gtk.org/glib/struct.KeyFile.html)."""
    text = str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = "\0"
    if "\0" in text or text.startswith(("\f", "\v")):  # GLib skips those, and has no other way to write them
        raise UsageError(
            "A configuration file of GNOME can hold neither control characters nor text that is not Unicode.",
            "Type the address and the name again.",
            code="value.unwritable",
        )
    inner = text.strip(" ")
    spaces = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    if not inner:
        return Quoted("\\s" * len(text))
    escaped = "".join(_ESCAPES.get(char, char) for char in inner)
    return Quoted("\\s" * spaces[0] + escaped + "\\s" * spaces[1])


def keyfile_list(values: Sequence[str]) -> Quoted:
    """A list of strings."""
    return Quoted("".join(keyfile(value).replace(";", "\\;") + ";" for value in values))
