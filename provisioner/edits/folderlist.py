"""Reads and edits folderlist.xml, in which Claws Mail and Sylpheed keep their tree of mailboxes.

Pure: bytes to bytes. Only whole `<folder>` elements come and go (libsylph/folder.c, folder_read_list); every
other byte stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat

from provisioner.errors import Conflict

ROOT, FOLDER = "folderlist", "folder"


@dataclass(frozen=True)
class Folder:
    """A tree of mailboxes: that of one IMAP account, or a local one."""

    attributes: Mapping[str, str]
    start: int
    end: int
    items: int
    """How many mailboxes it has."""

    @property
    def account(self) -> str:
        return self.attributes.get("account_id", "")


class _Reader:
    """Notes where things begin and end, in bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.depth = 0
        self.folders: list[Folder] = []
        self.root_end = -1
        self.root_attributes: dict[str, str] = {}
        self.encoding = "utf-8"
        self._open: tuple[dict[str, str], int] | None = None
        self._items = 0
        self.parser = expat.ParserCreate()
        self.parser.XmlDeclHandler = self._declared
        self.parser.StartElementHandler = self._starts
        self.parser.EndElementHandler = self._ends
        self.parser.Parse(data, True)

    def _declared(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self.encoding = (encoding or "utf-8").lower()

    def _starts(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 0:
            if name != ROOT:
                raise ValueError(f"it is a list of {name}")
            self.root_attributes = attributes
        elif self.depth == 1 and name == FOLDER:
            self._open, self._items = (attributes, self.parser.CurrentByteIndex), 0
        elif self.depth > 1:
            self._items += 1
        self.depth += 1

    def _ends(self, name: str) -> None:
        self.depth -= 1
        at = self.parser.CurrentByteIndex
        if self.depth == 0:
            self.root_end = at
        elif self.depth == 1 and name == FOLDER and self._open is not None:
            attributes, start = self._open
            # Of `<folder/>` expat reports the end, of `</folder>` the beginning.
            end = self.data.index(b">", at) + 1 if self.data.startswith(b"</", at) else at
            self.folders.append(Folder(attributes, start, end, self._items))


def _read(data: bytes, path: Path) -> _Reader:
    try:
        found = _Reader(data)
        if found.encoding != "utf-8":
            raise ValueError(f"it is in {found.encoding}")
        if not data.startswith(b"</", found.root_end):
            raise ValueError("it has no folders")
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise Conflict(
            f"{path} is damaged: {error}.",
            "Nothing was written. Restore that file, or start the mail program and see whether it mends it.",
            code="folderlist.broken",
        ) from None
    return found


def folders(data: bytes, path: Path) -> tuple[Folder, ...]:
    """The folders in their order. Raises Conflict (`folderlist.broken`)."""
    return tuple(_read(data, path).folders)


def add(data: bytes, lines: str, path: Path) -> bytes:
    """`data` with folders, whole lines of XML, after all others. Raises Conflict (`folderlist.broken`)."""
    end = _read(data, path).root_end
    start = data.rfind(b"\n", 0, end) + 1
    if data[start:end].strip():  # something else is on that line
        return data[:end] + b"\n" + lines.encode() + data[end:]
    return data[:start] + lines.encode() + data[start:]


def remove(data: bytes, account: str, path: Path) -> bytes:
    """`data` without the folders of the account with this number. Raises Conflict (`folderlist.broken`)."""
    for folder in reversed(folders(data, path)):
        if folder.account == account:
            start, end = data.rfind(b"\n", 0, folder.start) + 1, data.find(b"\n", folder.end) + 1
            if data[start : folder.start].strip() or not end or data[folder.end : end].strip():
                start, end = folder.start, folder.end
            data = data[:start] + data[end:]
    return data
