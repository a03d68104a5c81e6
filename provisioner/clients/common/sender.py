"""A sender as one value: name and address as `NAME <ADDRESS>` (RFC 5322, 3.4), whatever the name holds.

Programs read such a value with parsers of their own, so each client takes the form that its program was
seen to understand.
"""

from __future__ import annotations

import re
from email.header import Header

_SPECIALS = re.compile(r'[][()<>@,:;".\\]')
"""RFC 5322, 3.2.3: what stands for something else, outside of a quoted string."""
_WORD = 75
"""Characters of an encoded word, at most (RFC 2047, 2)."""


def mailbox(name: str, address: str) -> str:
    """The sender; `name` is what one of the functions below made of it, or empty."""
    return f"{name} <{address}>" if name else address


def quoted(name: str) -> str:
    """A quoted string (RFC 5322, 3.2.4), what is not ASCII as it is (RFC 6532); empty for no name."""
    escaped = re.sub(r'(["\\])', r"\\\1", name)
    return f'"{escaped}"' if name else ""


def encoded(name: str) -> str:
    """Encoded words (RFC 2047): ASCII without any character that means something in an address."""
    return Header(name, "utf-8", maxlinelen=_WORD).encode(linesep="")


def phrase(name: str) -> str:
    """The plainest of words, quoted string and encoded words that gives the name back; always ASCII."""
    if not name.isascii() or "=?" in name:
        return encoded(name)
    return quoted(name) if _SPECIALS.search(name) else name


def special(name: str) -> bool:
    """The name has a character that means something in an address."""
    return bool(_SPECIALS.search(name))
