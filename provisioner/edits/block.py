"""A marked block of ours in someone else's text file, found again by its marker lines. Pure: bytes to bytes.

    # >>> provisioner jane@example.org 0123456789abcdef >>>
    the body
    # <<< provisioner jane@example.org <<<

Other syntaxes have `;;` (Lisp) or `--` (Lua) instead of `#`. The number is the start of the body's SHA-256,
so that an edit by hand is noticed. Every byte outside of the block stays as it is: line ends, encoding. The
block's own line ends are those of the file. Where its last line had no end, the block is put on a line of its
own, and a `+` behind the number says that the end of the line before goes with it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import Conflict

_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_MARKER = re.compile(rb"[ \t]*(?:#|;;|--) ?(>>>|<<<) ?provisioner\b")
_START = re.compile(rb"(?:#|;;|--) >>> provisioner ([!-~]+) ([0-9a-f]{16})( \+)? >>>")
_END = re.compile(rb"(?:#|;;|--) <<< provisioner ([!-~]+) <<<")


@dataclass(frozen=True)
class Block:
    """One block. `start` and `end` are byte offsets, marker lines included; `body` has LF line ends."""

    name: str
    start: int
    end: int
    body: str
    edited: bool
    """The body is not what we wrote."""


@dataclass(frozen=True)
class _Marker:
    """A line that begins or ends a block; without a `name` it is neither, but looks like one."""

    number: int
    start: int
    end: int
    name: str
    digest: str
    """Of the body, only where a block begins."""
    text: str

    @property
    def begins(self) -> bool:
        return bool(self.digest)

    def closes(self, other: _Marker | None) -> bool:
        return bool(self.name) and not self.begins and other is not None and other.name == self.name


def find(data: bytes, name: str, path: Path, *, force: bool = False) -> Block | None:
    """The block of this name. `path` is only named in errors; see `blocks` and `_clear` for those."""
    return next(iter(_named(data, name, path, force=force)), None)


def blocks(data: bytes, path: Path) -> tuple[Block, ...]:
    """All blocks of ours, in the order of the file.

    Raises Conflict (`block.broken`) unless every marker line is whole and has its partner.
    """
    found: list[Block] = []
    opened: _Marker | None = None
    for marker in _markers(data):
        if marker.begins and opened is None and marker.name not in {block.name for block in found}:
            opened = marker
        elif opened is not None and marker.closes(opened):
            found.append(_block(data, opened, marker))
            opened = None
        else:
            raise _broken(path, opened, marker)
    if opened is not None:
        raise _broken(path, opened)
    return tuple(found)


def _clear(data: bytes, name: str, path: Path) -> tuple[Block, ...]:
    """The blocks of one name, however damaged those of other names are.

    Raises Conflict (`block.broken`) unless it is clear which lines are in them: each begin of the name is
    followed by its end, with no other marker line between, or by the very body whose number it has.
    """
    found: list[Block] = []
    opened: _Marker | None = None
    unclear: _Marker | None = None
    for marker in _markers(data):
        if opened is not None and marker.closes(opened):
            found.append(_block(data, opened, marker))
            opened = None
            continue
        if opened is not None:
            found.append(_without_end(data, opened, path, marker))
            opened = None
        if marker.name == name and marker.begins:
            opened = marker
        elif marker.name == name or (not marker.name and name in marker.text):
            raise _broken(path, None, marker)
        elif not marker.name:
            unclear = marker
    if opened is not None:
        found.append(_without_end(data, opened, path))
    if unclear is not None and not found:  # it may be what is left of the block that is looked for
        raise _broken(path, None, unclear)
    return tuple(found)


def _without_end(data: bytes, opened: _Marker, path: Path, odd: _Marker | None = None) -> Block:
    """The block of which `odd`, or the end of the file, comes before its end. Raises Conflict."""
    until = odd.start if odd else len(data)
    body = hashlib.sha256()
    end = opened.end
    for line in (b"", *_LINE.findall(data, opened.end, until)):
        body.update(line.replace(b"\r\n", b"\n"))
        end += len(line)
        if body.hexdigest().startswith(opened.digest):
            text = data[opened.end : end].replace(b"\r\n", b"\n").decode("utf-8", "surrogateescape")
            return Block(opened.name, opened.start, end, text, edited=False)
    raise _broken(path, opened, odd)


def only(data: bytes, name: str, common: str = "") -> bool:
    """No marker line is, or may be, of a block that is neither `name`'s nor the `common` one."""
    return all(
        marker.name in (name, common) if marker.name else name in marker.text for marker in _markers(data)
    )


def _named(data: bytes, name: str, path: Path, *, force: bool) -> tuple[Block, ...]:
    if force:
        return _clear(data, name, path)
    return tuple(block for block in blocks(data, path) if block.name == name)


def _markers(data: bytes) -> Iterator[_Marker]:
    for number, match in enumerate(_LINE.finditer(data), 1):
        line = match.group().strip()
        if not _MARKER.match(line):
            continue
        begin, finish = _START.fullmatch(line), _END.fullmatch(line)
        whole = begin or finish
        yield _Marker(
            number,
            match.start(),
            match.end(),
            name=whole[1].decode() if whole else "",
            digest=begin[2].decode() if begin else "",
            text=line.decode("utf-8", "replace"),
        )


def _block(data: bytes, begin: _Marker, finish: _Marker) -> Block:
    body = data[begin.end : finish.start].replace(b"\r\n", b"\n")
    text = body.decode("utf-8", "surrogateescape")
    return Block(begin.name, begin.start, finish.end, text, edited=_digest(body) != begin.digest)


def put(data: bytes, name: str, body: str, path: Path, comment: str = "#") -> bytes:
    """`data` with the block, in its old place if there is one, else at the end.

    `comment` begins a comment in the file's syntax: `#`, `;;` or `--`. `body` is whole lines ending in LF.
    Raises Conflict as `blocks` does; a block that someone has edited is replaced like any other.
    """
    present = blocks(data, path)
    old = next((block for block in present if block.name == name), None)
    newline = _newline(data[present[0].start :] if present else data)
    text = body.encode("utf-8")
    if not re.fullmatch(r"[!-~]+", name) or (body and not body.endswith("\n")) or "\r" in body:
        raise ValueError("a block needs a name without spaces and whole lines")
    if any(_MARKER.match(line) for line in text.split(b"\n")):
        raise ValueError("the body of a block looks like a marker")
    inside = text.replace(b"\n", newline)
    start, end = (old.start, old.end) if old else (len(data), len(data))
    before = data[:start]
    joined = old is not None and _joined(data[start:])
    if before and not before.endswith(b"\n"):  # someone has cut off the end of another block of ours, maybe
        joined = not any(one.end == start for one in present)
        before += newline
    begin = f"{comment} >>> provisioner {name} {_digest(text)}{' +' * joined} >>>".encode() + newline
    finish = f"{comment} <<< provisioner {name} <<<".encode() + newline
    return before + begin + inside + finish + data[end:]


def remove(data: bytes, name: str, path: Path, *, force: bool = False) -> bytes:
    """`data` without the block: what `put` was given, if nothing else has changed. Raises as `blocks`.

    `force`: only the block's own marker lines must be clear; where it is there twice, both go.
    """
    for old in reversed(_named(data, name, path, force=force)):
        before, after = data[: old.start], data[old.end :]
        if _joined(data[old.start :]):
            before, after = _part(before, after, _newline(data[old.start :]))
        data = before + after
    return data


def _joined(data: bytes) -> bool:
    """The block that begins here came with the end of the line before it."""
    first = _LINE.match(data)
    begin = first and _START.fullmatch(first[0].strip())
    return bool(begin and begin[3])


def _part(before: bytes, after: bytes, newline: bytes) -> tuple[bytes, bytes]:
    """Where a block was between that came with the end of the line before it: a block beside it has to say so
    now; where there is none, that end goes, unless someone has written lines behind it."""
    first = _LINE.match(after)
    if first and _START.fullmatch(first[0].strip()):
        return before, _join(first[0]) + after[first.end() :]
    markers = list(_markers(before))
    if markers and markers[-1].end == len(before) and not markers[-1].begins:
        for one in reversed(markers):
            if one.begins and one.name == markers[-1].name:
                return before[: one.start] + _join(before[one.start : one.end]) + before[one.end :], after
    return before if after else before.removesuffix(newline), after


def _join(line: bytes) -> bytes:
    return line if _joined(line) else b" + >>>".join(line.rsplit(b" >>>", 1))


def _newline(data: bytes) -> bytes:
    """How the first line ends."""
    return b"\r\n" if re.match(rb"[^\n]*\r\n", data) else b"\n"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _broken(path: Path, opened: _Marker | None, odd: _Marker | None = None) -> Conflict:
    """`opened` begins a block that has no end before `odd`, or `odd` stands alone."""
    if opened is None and odd is not None:
        where = f"line {odd.number}"
        if not odd.name:
            reason = f"{where} is neither a whole beginning nor a whole end of a block"
        elif odd.begins:
            reason = f"{where} begins a block of {odd.name} a second time"
        else:
            reason = f"{where} ends a block of {odd.name} that does not begin before it"
        hand = f"Open it in a text editor and delete line {odd.number} and those lines beside it that belong"
    elif opened is not None:
        until = f" before line {odd.number}" if odd else ""
        reason = f"line {opened.number} begins the block of {opened.name}, which has no end{until}"
        hand = (
            f"Open it in a text editor and delete line {opened.number} and those of the lines after it"
            f"{until} that belong"
        )
    else:
        raise ValueError("nothing is broken")
    return Conflict(
        f"{path} is damaged where provisioner wrote to it: {reason}.",
        f"Nothing was written. {hand} to the account, then run the command again.",
        code="block.broken",
    )
