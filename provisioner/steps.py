"""A next step as it is typed: a line of its own in a hint or note, which is shown in one piece."""

from __future__ import annotations

import shlex

MARK = "  "
"""With it begins a line that is a command to be copied (text.py)."""


def typed(*words: str) -> str:
    """The command as the line after a text that ends in a colon."""
    return f"\n{MARK}{shlex.join(words)}"


def ours(*words: str) -> str:
    """The same for a command of provisioner's own."""
    return typed("provisioner", *words)
