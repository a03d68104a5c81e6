"""Text as a terminal takes it: nothing in it steers, lines are folded to its width, marks can be shown."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import unicodedata
from pathlib import Path

import click

from provisioner import marks


def clean(text: str) -> str:
    """Without control characters, and invisible ones as escapes (marks.py).

    What a server, a file or a name says must not steer the terminal, nor look like something else.
    """
    return marks.escape(
        "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")
    )


def fold(text: str, indent: str = "", hang: str | None = None) -> list[str]:
    """The text in lines no longer than the terminal; the second and later begin with `hang`."""
    line = indent + text
    if text.isprintable() and len(line) <= width() and text == text.strip() != "":
        return [line]  # most are; wrapping a thousand rows takes longer than many logins
    return textwrap.wrap(
        text,
        width(),
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


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
