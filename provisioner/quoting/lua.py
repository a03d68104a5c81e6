"""Numbers and strings of Lua, in which imapfilter is configured."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def lua(value: str | int) -> Quoted:
    """A literal in printable ASCII: `\\ddd` is a byte by its decimal number (Lua 5.1 manual, 2.1)."""
    if isinstance(value, int):
        return Quoted(value)
    plain = {byte: chr(byte) for byte in range(32, 127) if byte not in b'"\\'}
    one_line(value.replace("\n", " ").replace("\r", " "), "imapfilter")  # line breaks are no trouble here
    return Quoted('"' + "".join(plain.get(byte, f"\\{byte:03}") for byte in value.encode()) + '"')
