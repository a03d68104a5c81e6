"""Tokens of netrc files."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def netrc(value: str) -> Quoted:
    """A token in double quotes, with `\\` before quotes and backslashes.

    As s-nail(1), The .netrc file, and curl since 7.84 (lib/netrc.c) read it.
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{one_line(escaped, "netrc files")}"')
