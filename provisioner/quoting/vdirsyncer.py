"""Names of sections in vdirsyncer's configuration; its values are JSON."""

from __future__ import annotations

import re

from provisioner.quoting.base import Quoted


def vdirname(name: str) -> Quoted:
    """The name in letters, digits and `_` (cli/config.py, SECTION_NAME_CHARS); others as `_` and bytes."""
    return Quoted(re.sub(r"[^A-Za-z0-9]", lambda match: _hex(match[0]), name))


def _hex(char: str) -> str:
    return "".join(f"_{byte:02x}" for byte in char.encode())
