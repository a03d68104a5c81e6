"""Values and section names in aerc's accounts.conf, as github.com/go-ini/ini reads it."""

from __future__ import annotations

import re

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted, one_line


def aerc(value: str | int) -> Quoted:
    """A value between backticks: from the first to the last of the line nothing means anything (parser.go).

    Only `%(name)s` is replaced afterwards (key.go), so that is refused.
    """
    text = one_line(str(value), "aerc")
    if re.search(r"%\([^)]+\)s", text):
        raise UsageError(
            "aerc would replace what looks like `%(name)s` in the name, address or path.",
            "Change it, or set this account up in another client.",
            code="value.unwritable",
        )
    return Quoted(f"`{text}`")


def aercsection(name: str) -> Quoted:
    """A section's head: up to the last `]` of the line (parser.go)."""
    return Quoted(f"[{one_line(name, 'aerc')}]")


def aercmailbox(name: str) -> Quoted:
    """A mailbox where a list may stand, which has commas between names. Raises as `aerc`."""
    if "," in name:
        raise UsageError(
            f"aerc cannot copy sent mail to the mailbox {name!r}: a comma means something else there.",
            "Rename that mailbox, or set this account up in another client.",
            code="value.unwritable",
        )
    return aerc(name)
