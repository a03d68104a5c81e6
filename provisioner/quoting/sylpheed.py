"""Values in the files that Claws Mail and Sylpheed have in common."""

from __future__ import annotations

from xml.sax import saxutils

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted, one_line

LIMIT = 4000
"""Bytes. Sylpheed reads lines of less than 8192 (libsylph/prefs.h, PREFSBUFSIZE), and Claws Mail of four
times as many."""
_TITLE = "Claws Mail and Sylpheed"


def sylpheedrc(value: str) -> Quoted:
    """The value of a setting: all that stands between `=` and the end of the line, without any quoting
    (libsylph/prefs.c, prefs_config_parse_one_line)."""
    return Quoted(one_line(value, _TITLE, LIMIT))


def folderattr(value: str) -> Quoted:
    """An attribute in folderlist.xml, without the quotes around it.

    Their own XML reader knows the five named entities and no numbers, and a tag has at most 8 KiB
    (libsylph/xml.c, xml_unescape_str; xml.h, XMLBUFSIZE).
    """
    text = one_line(value, _TITLE, 1000)
    if any(ord(char) < 0x20 or ord(char) in (0xFFFE, 0xFFFF) for char in text):
        raise UsageError(
            f"{_TITLE} can hold no control characters in the name of an account or a mailbox.",
            "Leave them out.",
            code="value.unwritable",
        )
    return Quoted(saxutils.escape(text, {'"': "&quot;", "'": "&apos;"}))
