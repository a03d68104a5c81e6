"""Characters that make one text look like another: invisible ones, and ones that turn its direction.

A label `x<U+202E>y` is shown as something that it is not. Such characters are shown as escapes (`\\u202e`).
"""

from __future__ import annotations

import unicodedata

_CATEGORIES = {"Cf", "Cs", "Zl", "Zp"}
_FILLERS = set("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""Invisible letters and accents (Unicode, DerivedCoreProperties.txt: Default_Ignorable_Code_Point)."""
_JOINERS = {"\u200c", "\u200d"}
_SELECTORS = {"\ufe0e", "\ufe0f"}
"""They choose between the black and the coloured look of a sign (Unicode, emoji-variation-sequences.txt)."""


def escape(text: str) -> str:
    """The text with each such character as an escape of Python's.

    A joiner or selector stays where it makes one sign of others, as in emoji or Persian: beside what is not
    ASCII. In a Latin word it has nothing to do but to hide.
    """
    if text.isascii():
        return text
    return "".join(
        char.encode("unicode_escape").decode() if is_mark(char) and not _joins(text, place) else char
        for place, char in enumerate(text)
    )


def is_mark(char: str) -> bool:
    """Whether the character is not seen itself, or changes how others are seen."""
    return unicodedata.category(char) in _CATEGORIES or char in _FILLERS | _SELECTORS


def _joins(text: str, place: int) -> bool:
    before, char, after = text[place - 1 : place], text[place], text[place + 1 : place + 2]
    if char in _SELECTORS:
        return _visible(before)
    return char in _JOINERS and (_visible(before) or before in _SELECTORS) and _visible(after)


def _visible(char: str) -> bool:
    return bool(char) and not char.isascii() and not is_mark(char)
