"""Text as a terminal takes it: nothing in it steers, lines are folded to its width, marks can be shown."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
import unicodedata
from pathlib import Path

import click

from provisioner import marks
from provisioner.steps import MARK


def clean(text: str) -> str:
    """Without control characters, and invisible ones as escapes (marks.py).

    What a server, a file or a name says must not steer the terminal, nor look like something else.
    """
    if text.isascii() and text.isprintable():
        return text
    return marks.escape(
        "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")
    )


_GLUE = "\x1f"
"""Stands for a space at which no line ends. `clean` lets none through."""


def fold(text: str, indent: str = "", hang: str | None = None) -> list[str]:
    """The text in lines no longer than the terminal; the second and later begin with `hang`.

    What stands between backticks, a command, is not divided.
    """
    line = indent + text
    if text.isprintable() and len(line) <= width() and text == text.strip() != "":
        return [line]  # most are; wrapping a thousand rows takes longer than many logins
    return wrap(text, width(), indent, hang)


def wrap(text: str, room: int, indent: str = "", hang: str | None = None) -> list[str]:
    """As `fold`, for so many columns."""
    lines = textwrap.wrap(
        re.sub("`[^`\n]*`", lambda quoted: glue(quoted[0]), text),
        room,
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_GLUE, " ") for line in lines]


def glue(text: str) -> str:
    """The text so that `wrap` does not divide it."""
    return text.replace(" ", _GLUE)


def lay(text: str, indent: str = "") -> list[str]:
    """Each line folded; one that begins with two spaces is a command to be copied and stays in one piece."""
    laid: list[str] = []
    for line in text.splitlines():
        laid += [indent + line] if line.startswith(MARK) else fold(line, indent)
    return laid


def width() -> int:
    return min(max(shutil.get_terminal_size().columns, 40), 100)


def home(path: str) -> str:
    """The path with `~` for the home."""
    own = str(Path.home())
    return f"~{path[len(own) :]}" if path.startswith(own + os.sep) else path


def mark(ok: bool) -> str:
    """A tick or a cross in colour."""
    return click.style(sign(ok), fg="green" if ok else "red")


def sign(ok: bool) -> str:
    """A tick or a cross, as the terminal can show it."""
    tick, plain = ("✓", "ok") if ok else ("✗", "x")
    return tick if _can_show(tick) else plain


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def day(time: str) -> str:
    return time.partition("T")[0]
