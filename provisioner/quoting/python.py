"""String literals of Python, which some clients evaluate."""

from __future__ import annotations

from provisioner.quoting.base import Quoted


def python(value: str) -> Quoted:
    """A literal in printable ASCII, whatever the value holds."""
    return Quoted(ascii(str(value)))
