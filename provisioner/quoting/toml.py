"""Strings of TOML, also for a program that sends its file through m4 first."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provisioner.quoting.base import Quoted, escaped, one_line

_MACROS = """
builtin changecom changequote changeword debugfile debugmode decr define defn divert divnum dnl
dumpdef errprint esyscmd eval format ifdef ifelse include incr index indir len m4exit m4wrap
maketemp mkstemp patsubst popdef pushdef regexp shift sinclude substr symbols syscmd sysval traceoff
traceon translit undefine undivert unix builtin_include __file__ __gnu__ __line__ __program__
__unix__ __os2__ __windows__ os2 windows
"""
_M4 = frozenset(_MACROS.split())
"""GNU m4's own macros (its manual, index of built-ins), and one that meli defines
(meli/src/conf/preprocessing.rs)."""


def toml(value: str | int | Sequence[str]) -> Quoted:
    """A basic string (TOML 1.0, String), a number, true or false, or an array of such strings on one line."""
    if isinstance(value, bool):
        return Quoted(str(value).lower())
    if isinstance(value, int):
        return Quoted(value)
    if isinstance(value, str):
        return Quoted(f'"{escaped(one_line(value, "the program"))}"')
    return Quoted(f"[{', '.join(map(toml, value))}]")


def meli(value: str | int) -> Quoted:
    """As `toml`; nothing in it means anything to m4, through which meli sends its file before it reads it.

    Words that are macros begin with an escape, quotes of m4 and of TOML, `#` and `$` are escapes.
    """
    if not isinstance(value, str):
        return toml(value)
    text = one_line(value, "meli")
    macros = [match.start() for match in re.finditer(r"[A-Za-z_]\w*", text, re.A) if match[0] in _M4]
    marked = {*macros, *(at for at, char in enumerate(text) if char in "\"'`#$")}
    return Quoted(
        '"'
        + "".join(f"\\u{ord(char):04X}" if at in marked else escaped(char) for at, char in enumerate(text))
        + '"'
    )
