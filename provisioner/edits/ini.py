"""Reads and edits INI files as Mozilla's nsINIParser does; lines that are not changed stay byte for byte.

A line is a comment (`;` or `#` in the first column), a section `[name]`, or `key=value`; leading white
space is skipped, nothing else is trimmed, and the last value of a key wins. Mozilla ignores any other
line; so does this, and leaves it alone (xpcom/ds/nsINIParser.cpp).
"""

from __future__ import annotations

import re
from pathlib import Path

from provisioner.errors import Conflict

MAX_SIZE = 1024 * 1024
"""Bytes; Thunderbird's own files of this format have some kilobytes."""

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")


def _lines(text: str) -> list[str]:
    """The lines with their ends."""
    return [match.group() for match in _LINE.finditer(text)]


def broken(path: Path, reason: str) -> Conflict:
    """The error for a file that is not what its program wrote."""
    return Conflict(
        f"{path} is damaged: {reason}.",
        "Nothing was written. Mend that file in a text editor or restore it first.",
        code="ini.broken",
    )


class Ini:
    """An INI file that can be read and edited. Section and key names are case-sensitive."""

    def __init__(self, data: bytes, path: Path) -> None:
        """`path` is only named in errors.

        Raises Conflict (`ini.broken`) if it is not UTF-8 text or larger than MAX_SIZE.
        """
        if len(data) > MAX_SIZE:
            raise broken(path, f"it is larger than {MAX_SIZE >> 20} MiB")
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            raise broken(path, "it is not valid UTF-8") from None
        if "\0" in text:
            raise broken(path, "it holds NUL characters")
        self._bom = "\ufeff" if text.startswith("\ufeff") else ""
        self._lines = _lines(text.removeprefix("\ufeff"))
        self._values = self._read()

    @property
    def data(self) -> bytes:
        return (self._bom + "".join(self._lines)).encode()

    def sections(self) -> tuple[str, ...]:
        """Names in the order of the file, each once."""
        return tuple(self._values)

    def section(self, name: str) -> dict[str, str]:
        """The keys and values of a section; empty if there is none."""
        return dict(self._values.get(name, {}))

    def get(self, section: str, key: str) -> str | None:
        return self._values.get(section, {}).get(key)

    def set(self, section: str, key: str, value: str) -> None:
        """Sets a key; a new one goes to the end of its section, a new section to the end of the file."""
        if any(char in section + key + value for char in "\r\n\0"):
            raise ValueError("an INI file cannot hold line ends inside a value")
        if self.get(section, key) == value:
            return
        self._set(section, key, value)
        self._values = self._read()

    def discard(self, section: str, key: str) -> None:
        """Takes a key out, and its section if nothing else is in it."""
        lines = [index for name, found, _, index in self._parsed() if (name, found) == (section, key)]
        if lines and set(self._values[section]) == {key}:
            self.remove(section)
            return
        for index in reversed(lines):
            del self._lines[index]
        self._values = self._read()

    def remove(self, section: str) -> None:
        """Takes a section out, up to the next one, with the empty lines that set it apart."""
        heads = [(name, line) for name, key, _, line in self._parsed() if key is None]
        for number, (name, start) in reversed(list(enumerate(heads))):
            if name == section:
                last = number + 1 == len(heads)
                end = len(self._lines) if last else heads[number + 1][1]
                while last and start and not self._lines[start - 1].strip():
                    start -= 1
                del self._lines[start:end]
        self._values = self._read()

    def _set(self, section: str, key: str, value: str) -> None:
        last = None
        changed = False
        for name, found, _, index in self._parsed():
            if name == section:
                if found == key:
                    self._lines[index] = f"{key}={value}{self._end_of(index)}"
                    changed = True
                last = index
        if changed:
            return
        if last is None:
            if self._lines and self._lines[-1].strip():
                self._append("")
            self._append(f"[{section}]")
            last = len(self._lines) - 1
        if not self._end_of(last):
            self._lines[last] += self._newline
        self._lines.insert(last + 1, f"{key}={value}{self._newline}")

    @property
    def _newline(self) -> str:
        return next((end for index in range(len(self._lines)) if (end := self._end_of(index))), "\n")

    def _end_of(self, index: int) -> str:
        line = self._lines[index]
        return line[len(line.rstrip("\r\n")) :]

    def _append(self, line: str) -> None:
        if self._lines and not self._end_of(len(self._lines) - 1):
            self._lines[-1] += self._newline
        self._lines.append(line + self._newline)

    def _read(self) -> dict[str, dict[str, str]]:
        values: dict[str, dict[str, str]] = {}
        for section, key, value, _ in self._parsed():
            keys = values.setdefault(section, {})
            if key is not None:
                keys[key] = value
        return values

    def _parsed(self) -> list[tuple[str, str | None, str, int]]:
        """(section, key, value, line) of every line that means something; a section's own line has no key."""
        rows: list[tuple[str, str | None, str, int]] = []
        section: str | None = None
        for index, line in enumerate(self._lines):
            text = line.rstrip("\r\n")
            if text.startswith((";", "#")):
                continue
            text = text.lstrip(" \t")
            if text.startswith("["):
                name, bracket, rest = text[1:].partition("]")
                section = name if bracket and not rest.strip(" \t") else None
                if section is not None:
                    rows.append((section, None, "", index))
            elif section is not None and "=" in text:
                key, _, value = text.partition("=")
                if key:
                    rows.append((section, key, value, index))
        return rows
