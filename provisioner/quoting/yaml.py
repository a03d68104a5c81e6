"""Strings of YAML."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, escaped, one_line


def yaml(value: str | int) -> Quoted:
    """A double-quoted scalar (YAML 1.2.2, 7.3.1), a number, true or false."""
    if isinstance(value, bool):
        return Quoted(str(value).lower())
    return Quoted(f'"{escaped(one_line(value, "the program"))}"' if isinstance(value, str) else value)
