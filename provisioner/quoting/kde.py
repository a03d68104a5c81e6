"""Values in KDE's configuration files: KConfig's (KMail) and QSettings' (Akonadi)."""

from __future__ import annotations

import string

from provisioner.quoting.base import Quoted, one_line

_TITLE = "KMail"


def kconfig(value: str | int) -> Quoted:
    """A string, or a number (kconfig, src/core/kconfigini.cpp, stringToPrintable)."""
    text = one_line(str(value), _TITLE)
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" ")) if inner else len(text)
    after = len(text) - before - len(inner)
    return Quoted("\\s" * before + "".join(map(_printable, inner)) + "\\s" * after)


def _printable(char: str) -> str:
    if char == "\\":
        return "\\\\"
    return f"\\x{ord(char):02x}" if ord(char) < 0x20 or ord(char) == 0x7F else char


def qsettings(value: str) -> Quoted:
    """A string between quotes (qtbase, src/corelib/io/qsettings.cpp, iniEscapedString).

    `\\x` takes as many hexadecimal digits as follow, so one that is a character itself is written so, too; a
    first `@` would announce another type.
    """
    written, escaped = "", False
    text = one_line(value, _TITLE)
    units = ("@" + text if text.startswith("@") else text).encode("utf-16-be")
    for high, low in zip(units[::2], units[1::2], strict=True):
        char = chr(high << 8 | low)
        escaped = not (" " <= char <= "~") or (escaped and char in string.hexdigits)
        if escaped:
            written += f"\\x{ord(char):x}"
        else:
            written += f"\\{char}" if char in '"\\' else char
    return Quoted(f'"{written}"')
