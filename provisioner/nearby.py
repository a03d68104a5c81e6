"""What was probably meant by a name that is not known."""

from __future__ import annotations

from collections.abc import Iterable

CUTOFF = 0.7
"""How much two names must have in common (difflib's ratio): one wrong letter in four."""


def did_you_mean(name: str, known: Iterable[str], otherwise: str, listed: str) -> str:
    """A hint that names the nearest of `known`, and the command `listed` that shows all; else `otherwise`."""
    import difflib

    near = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=CUTOFF)
    return f"Did you mean {near[0]}? All of them: `{listed}`." if near else otherwise
