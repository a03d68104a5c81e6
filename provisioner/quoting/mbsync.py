"""Arguments in mbsync's configuration file."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line

MAX_BYTES = 900
"""Of one value: a line has at most 1023 bytes."""


def mbsync(value: str | int) -> Quoted:
    """An argument: quoted, with `\\` before quotes and backslashes (mbsync(1), 1.4)."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{one_line(escaped, "mbsync", MAX_BYTES)}"')
