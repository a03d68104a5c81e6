"""Values in Mozilla's prefs.js."""

from __future__ import annotations

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted


def mozpref(value: str | int | bool) -> Quoted:
    """A value as prefs.js writes it (modules/libpref: only `\\ " \\n \\r` are escaped, UTF-8 stays)."""
    if isinstance(value, bool):
        return Quoted("true" if value else "false")
    if isinstance(value, int):
        return Quoted(value)
    if "\0" in value:
        raise UsageError("A preference cannot hold a NUL character.", "Remove it from the name or address.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return Quoted(f'"{escaped}"')
