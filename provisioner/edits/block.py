"""A marked block of ours in someone else's text file, found again by its marker lines. Pure: bytes to bytes.

    # >>> provisioner jane@example.org 0123456789abcdef >>>
    the body
    # <<< provisioner jane@example.org <<<

Other syntaxes have `;;` (Lisp) or `--` (Lua) instead of `#`. The number is the start of the body's SHA-256,
so that an edit by hand is noticed. Every byte outside of the block stays as it is: line ends, encoding, a
missing end of the last line. The block's own line ends are those of the file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import Conflict

_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_MARKER = re.compile(rb"[ \t]*(?:#|;;|--) ?(>>>|<<<) ?provisioner\b")
_START = re.compile(rb"(?:#|;;|--) >>> provisioner ([!-~]+) ([0-9a-f]{16}) >>>")
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


def find(data: bytes, name: str, path: Path) -> Block | None:
    """The block of this name. `path` is only named in errors; see `blocks` for those."""
    return next((block for block in blocks(data, path) if block.name == name), None)


def blocks(data: bytes, path: Path) -> tuple[Block, ...]:
    """All blocks of ours, in the order of the file.

    Raises Conflict (`block.broken`) unless every marker line is whole and has its partner.
    """
    found: list[Block] = []
    opened: tuple[str, str, int, int] | None = None
    for number, match in enumerate(_LINE.finditer(data), 1):
        line = match.group().strip()
        if not _MARKER.match(line):
            continue
        begin, finish = _START.fullmatch(line), _END.fullmatch(line)
        if begin and opened is None and begin[1].decode() not in {block.name for block in found}:
            opened = begin[1].decode(), begin[2].decode(), match.start(), match.end()
        elif finish and opened is not None and finish[1].decode() == opened[0]:
            name, digest, start, inside = opened
            body = data[inside : match.start()].replace(b"\r\n", b"\n")
            text = body.decode("utf-8", "surrogateescape")
            found.append(Block(name, start, match.end(), text, edited=_digest(body) != digest))
            opened = None
        else:
            raise _broken(path, f"line {number} begins or ends a block without its partner")
    if opened is not None:
        raise _broken(path, f"the block of {opened[0]} has no end")
    return tuple(found)


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
    begin = f"{comment} >>> provisioner {name} {_digest(text)} >>>".encode() + newline
    finish = f"{comment} <<< provisioner {name} <<<".encode()
    if old is not None:
        ending = newline if data[old.start : old.end].endswith(b"\n") else b""
        return data[: old.start] + begin + inside + finish + ending + data[old.end :]
    if data and not data.endswith(b"\n"):  # then neither does the result, so that `remove` can tell
        return data + newline + begin + inside + finish
    return data + begin + inside + finish + newline


def remove(data: bytes, name: str, path: Path) -> bytes:
    """`data` without the block: what `put` was given, if nothing else has changed. Raises as `blocks`."""
    old = find(data, name, path)
    if old is None:
        return data
    before, after = data[: old.start], data[old.end :]
    if not after and not data.endswith(b"\n"):  # the line end before it came with the block
        before = before.removesuffix(_newline(data[old.start :]))
    return before + after


def _newline(data: bytes) -> bytes:
    """How the first line ends."""
    return b"\r\n" if re.match(rb"[^\n]*\r\n", data) else b"\n"


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:16]


def _broken(path: Path, reason: str) -> Conflict:
    return Conflict(
        f"{path} is damaged where provisioner wrote to it: {reason}.",
        "Nothing was written. Delete what is left of that block in a text editor, its marker lines included "
        "(`# >>> provisioner` and `# <<< provisioner`), then run the command again.",
        code="block.broken",
    )
