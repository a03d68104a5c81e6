"""Reads and edits Mozilla's prefs.js and user.js; every line that is not changed stays byte for byte.

The grammar is that of Mozilla's own parser for user preference files (modules/libpref/parser/src/lib.rs):
`user_pref("name", value);` with single or double quotes, the escapes `\\" \\' \\\\ \\n \\r \\xNN \\uNNNN`,
32-bit integers, `true` and `false`, comments `//`, `/* */` and `#`, line ends LF, CR or CRLF; the last
line for a name wins. Mozilla skips what it cannot read and drops it when it saves; here it is refused.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import Conflict, UsageError
from provisioner.quoting.mozilla import mozpref

Value = str | int | bool

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
_MAX_DIGITS = len(str(INT_MAX))

MAX_SIZE = 16 * 1024 * 1024
"""Bytes; a prefs.js has some hundred kilobytes, and reading takes many times its size in memory."""

_EOL = re.compile(r"\r\n|\r|\n")
_BLANK_REST = re.compile(r"[ \t\v\f]*+(?:\r\n|\r|\n|\Z)")
_TOKEN = re.compile(
    r"""(?P<space>[ \t\v\f]+)
      | (?P<eol>\r\n|\r|\n)
      | (?P<line_comment>(?://|\#)[^\r\n]*)
      | (?P<comment>/\*.*?\*/)
      | (?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^'\\]*+(?:\\.[^'\\]*+)*+')
      | (?P<number>[0-9]++(?![A-Za-z_]))
      | (?P<word>[A-Za-z_]+)
      | (?P<mark>[(),;+-])""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})(?:\\u([dD][c-fC-F][0-9A-Fa-f]{2}))?|(.))", re.DOTALL
)
_PLAIN = {'"': '"', "'": "'", "\\": "\\", "n": "\n", "r": "\r"}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One statement: where it stands in the text, and where its value does."""

    name: str
    value: Value
    start: int
    end: int
    value_start: int
    value_end: int
    line_start: int | None
    """Where its line starts if only white space is before it there."""


class _Syntax(Exception):
    def __init__(self, position: int, reason: str) -> None:
        self.position, self.reason = position, reason


@dataclass(frozen=True)
class Prefs:
    """A parsed preference file. `values` is what Mozilla would see; `edit` makes the new bytes."""

    text: str
    entries: tuple[_Entry, ...]
    line_starts: tuple[int, ...]
    """Positions where a line may be put in: at the start of a line, outside statements and comments."""

    @property
    def values(self) -> dict[str, Value]:
        return {entry.name: entry.value for entry in self.entries}

    def edit(self, changes: Mapping[str, Value | None]) -> bytes:
        """The file with each named preference set, or removed if None. Equal values change nothing.

        A new line goes before the first one with a greater name, as Mozilla keeps them sorted.
        Raises UsageError for a value that the format cannot hold.
        """
        last = {entry.name: entry for entry in self.entries}
        edits: list[tuple[int, int, str]] = []
        gone: list[tuple[int, int]] = []
        for name, value in sorted(changes.items(), key=lambda item: _sort_key(item[0])):
            entry = last.get(name)
            if value is None:
                gone += [self._extent(e) for e in self.entries if e.name == name]
            elif entry is None:
                edits.append(self._insertion(name, value))
            elif type(entry.value) is not type(value) or entry.value != value:
                edits.append((entry.value_start, entry.value_end, _literal(value)))
        edits += [(start, end, "") for start, end in self._merged(gone)]
        edits.sort(key=lambda edit: edit[:2])
        return self._joined(edits)

    def _joined(self, edits: list[tuple[int, int, str]]) -> bytes:
        pieces: list[str] = []
        position = 0
        for start, end, text in edits:
            pieces += [self.text[position:start], text]
            position = max(position, end)
        pieces.append(self.text[position:])
        try:
            return "".join(pieces).encode()
        except UnicodeEncodeError:
            raise UsageError(
                "A preference cannot hold text that is not valid Unicode.", "Check the name and the address."
            ) from None

    @property
    def _newline(self) -> str:
        found = _EOL.search(self.text)
        return found.group() if found else "\n"

    def _insertion(self, name: str, value: Value) -> tuple[int, int, str]:
        line = f"user_pref({mozpref(name)}, {_literal(value)});"
        wanted = _sort_key(name)
        for entry in self.entries:
            if _sort_key(entry.name) > wanted:
                position = self.line_starts[bisect.bisect(self.line_starts, entry.start) - 1]
                return position, position, line + self._newline
        position = len(self.text)
        if position == self.line_starts[-1]:
            return position, position, line + self._newline
        return position, position, self._newline + line  # the file ends without a line end, and still will

    def _extent(self, entry: _Entry) -> tuple[int, int]:
        """The statement, with its whole line if nothing else is on it."""
        rest = _BLANK_REST.match(self.text, entry.end)
        if entry.line_start is None or rest is None:
            return entry.start, entry.end
        return entry.line_start, rest.end()

    def _merged(self, extents: list[tuple[int, int]]) -> list[tuple[int, int]]:
        merged: list[tuple[int, int]] = []
        for start, end in sorted(extents):
            if merged and merged[-1][1] == start:
                merged[-1] = (merged[-1][0], end)
            else:
                merged.append((start, end))
        if merged and merged[-1][1] == len(self.text) and not self.text.endswith(("\r", "\n")):
            # Without its last line the file ends as the line before ended: without a line end.
            start = merged[-1][0]
            if self.text[:start].endswith("\r\n"):
                start -= 2
            elif self.text[:start].endswith(("\r", "\n")):
                start -= 1
            merged[-1] = (start, len(self.text))
        return merged


def parse(data: bytes, path: Path) -> Prefs:
    """The preferences in `data`. `path` is only named in errors.

    Raises Conflict (`prefs.broken`) for what Mozilla's parser would not take, and for what is not UTF-8.
    """
    if len(data) > MAX_SIZE:
        raise _refusal(f"{path} is larger than {MAX_SIZE >> 20} MiB, which no preference file is.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _broken(path, data[: error.start].count(b"\n") + 1, "it is not valid UTF-8") from None
    try:
        return _Parser(text).parse()
    except _Syntax as error:
        line = sum(1 for _ in _EOL.finditer(text, 0, error.position)) + 1
        raise _broken(path, line, error.reason) from None


def _broken(path: Path, line: int, reason: str) -> Conflict:
    return _refusal(f"{path} is damaged at line {line}: {reason}.")


def _refusal(message: str) -> Conflict:
    return Conflict(
        message,
        "Nothing was written. Mend or restore that file first; Thunderbird would drop what it cannot read.",
        code="prefs.broken",
    )


def _sort_key(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape") + b'"'


def _literal(value: Value) -> str:
    if isinstance(value, int) and not INT_MIN <= value <= INT_MAX:
        raise UsageError(f"{value} does not fit into a preference.", "Preferences hold 32-bit integers.")
    return mozpref(value)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 1 if text.startswith("\ufeff") else 0
        self.line_starts = [self.position]
        self.start = self.position
        self.line_start: int | None = self.position

    def parse(self) -> Prefs:
        if "\0" in self.text:
            raise _Syntax(self.text.index("\0"), "it holds a NUL character")
        entries: list[_Entry] = []
        while (kind := self._next(top=True)) is not None:
            if kind[1] != "user_pref":
                raise _Syntax(self.start, "expected user_pref")
            entries.append(self._statement(self.start, self.line_start))
            self.line_start = None
        return Prefs(self.text, tuple(entries), tuple(self.line_starts))

    def _statement(self, start: int, line_start: int | None) -> _Entry:
        self._mark("(")
        kind, text = self._token()
        if kind != "string":
            raise _Syntax(self.start, "expected the name of a preference in quotes")
        name = self._unquoted(text)
        self._mark(",")
        value, value_start, value_end = self._value()
        self._mark(")")
        self._mark(";")
        return _Entry(name, value, start, self.position, value_start, value_end, line_start)

    def _value(self) -> tuple[Value, int, int]:
        kind, text = self._token()
        start = self.start
        value: Value
        if kind == "string":
            value = self._unquoted(text)
        elif text in ("true", "false"):
            value = text == "true"
        else:
            sign = -1 if text == "-" else 1
            if text in ("+", "-"):
                kind, text = self._token()
            if kind != "number":
                raise _Syntax(self.start, "expected a value")
            digits = text.lstrip("0") or "0"
            # The length first: Python itself refuses to convert thousands of digits.
            if len(digits) > _MAX_DIGITS or not INT_MIN <= (value := sign * int(digits)) <= INT_MAX:
                raise _Syntax(self.start, "a number is too large")
        return value, start, self.position

    def _mark(self, mark: str) -> None:
        if self._token()[1] != mark:
            raise _Syntax(self.start, f"expected {mark!r}")

    def _token(self) -> tuple[str, str]:
        token = self._next(top=False)
        if token is None:
            raise _Syntax(self.position, "it ends inside a statement")
        return token

    def _next(self, *, top: bool) -> tuple[str, str] | None:
        """The next token that means something, None at the end. `top`: between statements."""
        while self.position < len(self.text):
            self.start = self.position
            match = _TOKEN.match(self.text, self.position)
            if match is None:
                raise _Syntax(self.position, "an unexpected character, or text without its closing quote")
            self.position = match.end()
            kind = str(match.lastgroup)
            if kind == "eol" and top:
                self.line_starts.append(self.position)
                self.line_start = self.position
            elif kind == "comment":
                self.line_start = None
            if kind not in ("space", "eol", "line_comment", "comment"):
                return kind, match.group()
        self.start = self.position
        return None

    def _unquoted(self, literal: str) -> str:
        body = literal[1:-1]
        if "\\" not in body:
            return body
        out = bytearray()
        position = 0
        for match in _ESCAPE.finditer(body):
            out += body[position : match.start()].encode()
            out += self._unescaped(match)
            position = match.end()
        out += body[position:].encode()
        # \xNN gives a raw byte; what is no UTF-8 then is kept apart from text by surrogates.
        return out.decode("utf-8", "surrogateescape")

    def _unescaped(self, match: re.Match[str]) -> bytes:
        byte, unit, low, plain = match.groups()
        if plain is not None:
            if plain not in _PLAIN:
                raise _Syntax(self.start, f"the escape \\{plain} is not known")
            return _PLAIN[plain].encode()
        code = int(byte or unit, 16)
        if code == 0:
            raise _Syntax(self.start, "an escape stands for NUL")
        if byte is not None:
            return bytes([code])
        if 0xD800 <= code < 0xDC00 and low is not None:
            code = 0x10000 + ((code - 0xD800) << 10) + (int(low, 16) - 0xDC00)
        elif 0xD800 <= code < 0xE000 or low is not None:
            raise _Syntax(self.start, "half a surrogate pair")
        return chr(code).encode()
