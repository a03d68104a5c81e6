"""Strings in the text form of GVariant, in which GNOME Online Accounts keeps passwords.

The form: https://docs.gtk.org/glib/gvariant-text-format.html
"""

from __future__ import annotations

import re

from provisioner.quoting.base import Quoted

_ESCAPES = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_STRING = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\""""
_PAIR = re.compile(rf"({_STRING})\s*:\s*<\s*({_STRING})\s*>", re.DOTALL)
_DICT = re.compile(rf"\s*\{{\s*(?:{_PAIR.pattern}\s*(?:,\s*{_PAIR.pattern}\s*)*)?\}}\s*", re.DOTALL)


def gvariant(value: str) -> Quoted:
    """A string literal in single quotes; everything but printable ASCII by its number."""
    plain = {"'": "\\'", "\\": "\\\\"}
    return Quoted("'" + "".join(plain.get(char) or _char(char) for char in value) + "'")


def strings(text: str) -> dict[str, str] | None:
    """What a dictionary of strings (type a{sv}) holds; None for anything else."""
    if _DICT.fullmatch(text) is None:
        return None
    return {_plain(match[1]): _plain(match[2]) for match in _PAIR.finditer(text)}


def _char(char: str) -> str:
    if " " <= char <= "~":
        return char
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def _plain(literal: str) -> str:
    return _ESCAPE.sub(_unescaped, literal[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    what = match[1]
    if len(what) > 1:
        number = int(what[1:], 16)
        return chr(number) if number < 0x110000 else "\ufffd"
    return "" if what == "\n" else _ESCAPES.get(what, what)
