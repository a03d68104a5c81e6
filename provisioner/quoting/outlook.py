"""Values in an Outlook profile file (.prf)."""

from __future__ import annotations

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted


def outlook(value: str | int) -> Quoted:
    """The right side of `Key=`: printable ASCII, read as it stands.

    No source says in which code page Outlook reads the file; ASCII is the same in all of them. `%NAME%` is
    replaced by Outlook, white space and quotation marks around a value are dropped (as by Windows'
    GetPrivateProfileString), so these are refused.
    """
    text = str(value)
    plain = text.isascii() and text.isprintable()
    if not plain or "%" in text or text != text.strip() or text[:1] in ('"', "'"):
        raise UsageError(
            "An Outlook profile file can hold only plain letters, digits and signs (ASCII, no %).",
            "Give --name in such letters; it can be changed in Outlook afterwards.",
            code="value.unwritable",
        )
    return Quoted(text)
