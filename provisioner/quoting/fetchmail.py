"""Numbers and quoted strings in fetchmail's run control files."""

from __future__ import annotations

import string

from provisioner.quoting.base import Quoted, one_line

_PLAIN = frozenset((string.ascii_letters + string.digits + "@._-+").encode())


def fetchmail(value: str | int) -> Quoted:
    """A number, or a string in printable ASCII: `\\xhh` is a byte (fetchmail(1), Run Control Syntax)."""
    if isinstance(value, int):
        return Quoted(value)
    text = one_line(value, "fetchmail").encode()
    return Quoted('"' + "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02x}" for byte in text) + '"')
