"""Values in mblaze's profile."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def mblaze(value: str) -> Quoted:
    """The rest of a line, as in a mail's header (mblaze-profile(5))."""
    return Quoted(one_line(value, "mblaze"))
