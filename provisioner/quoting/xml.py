"""Text in XML files."""

from __future__ import annotations

from xml.sax import saxutils

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted


def xml(value: str | int) -> Quoted:
    """Text of an XML 1.0 element. Characters that XML cannot hold are refused."""
    text = str(value)
    for char in text:
        code = ord(char)
        if (code < 0x20 and char not in "\t\n") or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF):
            raise UsageError(
                f"The character U+{code:04X} cannot be written to an XML file.",
                "Remove it from the name or address.",
            )
    return Quoted(saxutils.escape(text))
