"""Strings of Emacs Lisp."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def lisp(value: str) -> Quoted:
    """A string in printable ASCII, so that no coding system matters (Elisp manual, Syntax for Strings).

    `\\uXXXX` has exactly four digits and `\\UXXXXXXXX` eight (General Escape Syntax).
    """
    return Quoted('"' + "".join(map(_char, one_line(value, "Emacs"))) + '"')


def _char(char: str) -> str:
    if char in '\\"':
        return "\\" + char
    if " " <= char <= "~":
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
