"""Arguments in the configuration files of msmtp and mpop."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line

MAX_BYTES = 470
"""Of one value: a line has at most 500 bytes, the command in front of the value included (src/conf.c)."""


def msmtp(value: str | int) -> Quoted:
    """An argument: what is between the first and the last `"` of the line (src/conf.c)."""
    return _argument(value, "msmtp")


def mpop(value: str | int) -> Quoted:
    """The same for mpop, whose parser it is, too."""
    return _argument(value, "mpop")


def _argument(value: str | int, title: str) -> Quoted:
    return Quoted(f'"{one_line(str(value), title, MAX_BYTES)}"')
