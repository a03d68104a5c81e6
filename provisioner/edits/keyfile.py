"""Reads and edits GLib's key files; lines that are not changed stay byte for byte.

The syntax: https://docs.gtk.org/glib/struct.KeyFile.html. A line is a comment (`#`), a group `[name]` or
`key=value` with white space around `=` that does not count; the last value of a key wins (gkeyfile.c).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from provisioner.edits.ini import Ini

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_MEANS = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\", ";": ";"}
_ELEMENT = re.compile(r"((?:[^;\\]|\\.)*);", re.DOTALL)
_WHITE = " \t\n\v\f\r"


class KeyFile(Ini):
    """A key file. `set` and `get` take and give values as they are written, `text` what they mean."""

    @classmethod
    def of(cls, text: str) -> KeyFile:
        """Of a text that we made ourselves."""
        return cls(text.encode(), Path())

    def text(self, section: str, key: str) -> str:
        """The string that a value stands for, empty if there is none."""
        return _unescaped(self.get(section, key) or "")

    def elements(self, section: str, key: str) -> list[str]:
        """The strings of a list, empty ones left out."""
        written = self.get(section, key) or ""
        return [_unescaped(one) for one in _ELEMENT.findall(f"{written};") if one]

    def merge(self, wanted: KeyFile, *, keep: Collection[str] = ()) -> None:
        """Sets all that is in `wanted`; keys of `keep` only where they have no value yet.

        A last line without an end has none afterwards, so that `remove` can tell.
        """
        ended = self._ended
        for section in wanted.sections():
            for key, value in wanted.section(section).items():
                if key not in keep or not self.get(section, key):
                    self.set(section, key, value)
        self._end(ended=ended)

    def remove(self, section: str) -> None:
        """Takes a group out, with the empty lines that set it apart; comments before the next group stay."""
        ended = self._ended
        rows = self._parsed()
        for number in range(len(rows) - 1, -1, -1):
            name, key, _, line = rows[number]
            if name != section or key is not None:
                continue
            last = max(index for found, _, _, index in rows[number:] if found == section)
            end = last + 1
            while end < len(self._lines) and not self._lines[end].strip():
                end += 1
            if end == len(self._lines) and line and not self._lines[line - 1].strip():
                line -= 1
            del self._lines[line:end]
            rows = rows[:number]
        self._end(ended=ended)
        self._values = self._read()

    @property
    def _ended(self) -> bool:
        """The last line has an end, if there is one."""
        return not self._lines or bool(self._end_of(len(self._lines) - 1))

    def _end(self, *, ended: bool) -> None:
        if self._lines and not ended:
            self._lines[-1] = self._lines[-1].rstrip("\r\n")

    def _parsed(self) -> list[tuple[str, str | None, str, int]]:
        rows: list[tuple[str, str | None, str, int]] = []
        section: str | None = None
        for index, line in enumerate(self._lines):
            text = line.rstrip("\r\n").lstrip(_WHITE)
            if text.startswith("["):
                name, bracket, rest = text[1:].partition("]")
                section = name if bracket and not rest.strip(_WHITE) else None
                if section is not None:
                    rows.append((section, None, "", index))
            elif section is not None and "=" in text and not text.startswith("#"):
                key, _, value = text.partition("=")
                if key := key.rstrip(_WHITE):
                    rows.append((section, key, value.lstrip(_WHITE), index))
        return rows


def _unescaped(written: str) -> str:
    return _ESCAPE.sub(lambda match: _MEANS.get(match[1], match[0]), written)
