"""Strings of Emacs Lisp."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def lisp(value: str | int) -> Quoted:
    """A number, or a string (Elisp manual, Syntax for Strings) in ASCII, so that no coding system matters.

    `\\uXXXX` has exactly four digits and `\\UXXXXXXXX` eight (General Escape Syntax).
    """
    if isinstance(value, int):
        return Quoted(value)
    return Quoted('"' + "".join(map(_char, one_line(value, "Emacs"))) + '"')


def _char(char: str) -> str:
    if char in '\\"':
        return "\\" + char
    if " " <= char <= "~":
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"
