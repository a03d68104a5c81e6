"""logins.json as text: finds entries and edits only their bytes (storage-json.sys.mjs, LoginStore.sys.mjs).

Everything that is not ours, white space and unknown members included, stays byte for byte.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeGuard

from provisioner.stores.mozilla.errors import StoreUnrecognised

LOGINS = "logins.json"
BACKUP = "logins-backup.json"

EMPTY = '{"nextId":1,"logins":[],"potentiallyVulnerablePasswords":[],"version":3}'
"""As Thunderbird writes a store without logins."""

MAX_LOGINS = 50_000
"""Of a file; a sound one of the largest size that is read has about as many."""

_VERSIONS = (1, 2, 3)
_MAX_NUMBER = 2**53
_SDR = 1
_KEPT_BY_TOMBSTONE = {"id", "guid", "timePasswordChanged", "syncCounter", "everSynced"}
_SPACE = re.compile(r"[ \t\n\r]*")


class _Span(NamedTuple):
    """A JSON value and where its text is."""

    value: Any
    start: int
    end: int


@dataclass(frozen=True)
class Entry:
    """One login as stored; fields that Thunderbird encrypts are still encrypted."""

    members: Mapping[str, Any] = field(repr=False)
    index: int

    @property
    def live(self) -> bool:
        """Not the tombstone of a deleted login."""
        return not self.members.get("deleted")

    @property
    def username(self) -> object:
        return self.members.get("encryptedUsername") if self.members.get("encType") == _SDR else None

    @property
    def password(self) -> object:
        return self.members.get("encryptedPassword") if self.members.get("encType") == _SDR else None


@dataclass(frozen=True)
class LoginsFile:
    """A logins.json (or its backup) that was read and understood. Editing makes a new one."""

    text: str = field(repr=False)
    name: str
    _root: Mapping[str, _Span] = field(repr=False)
    _spans: tuple[_Span, ...] = field(repr=False)

    @classmethod
    def parse(cls, text: str, name: str = LOGINS) -> LoginsFile:
        """Raises StoreUnrecognised unless the text is what Thunderbird writes, in structure."""
        try:
            whole = _DECODER.decode(text)
        except (ValueError, RecursionError):
            raise StoreUnrecognised(name, "it is not sound JSON") from None
        if not isinstance(whole, dict):
            raise StoreUnrecognised(name, "it is not a JSON object")
        if not _is_number(whole.get("version")) or whole["version"] not in _VERSIONS:
            raise StoreUnrecognised(name, "its version is unknown")
        if not _is_number(whole.get("nextId")):
            raise StoreUnrecognised(name, "its nextId is not a number")
        if not isinstance(whole.get("logins"), list) or not all(
            isinstance(item, dict) for item in whole["logins"]
        ):
            raise StoreUnrecognised(name, "it has no list of logins")
        if len(whole["logins"]) > MAX_LOGINS:
            raise StoreUnrecognised(name, f"it has more than {MAX_LOGINS:,} logins")
        del whole  # what follows parses each part again
        root = _members(text, _after_space(text, 0))
        return cls(text, name, root, tuple(_items(text, root["logins"].start)))

    @classmethod
    def load(cls, data: bytes, name: str = LOGINS) -> LoginsFile:
        """`parse` for a file's bytes."""
        try:
            return cls.parse(data.decode(), name)
        except UnicodeDecodeError:
            raise StoreUnrecognised(name, "it is not UTF-8") from None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The logins, tombstones left out, in the file's order."""
        entries = (Entry(span.value, index) for index, span in enumerate(self._spans))
        return tuple(entry for entry in entries if entry.live)

    def at(self, origin: str) -> tuple[Entry, ...]:
        """The entries that Thunderbird looks at for a mail server: host name and realm are both `origin`."""
        return tuple(
            entry
            for entry in self.entries
            if entry.members.get("hostname") == origin and entry.members.get("httpRealm") == origin
        )

    def added(self, origin: str, username: str, password: str, unknown: str, now_ms: int) -> LoginsFile:
        """With a new entry at the end; `username`, `password`, `unknown` (an empty text) come encrypted."""
        used = [entry["id"] for entry, *_ in self._spans if _is_number(entry.get("id"))]
        number = max([self._root["nextId"].value, *(one + 1 for one in used)])
        entry = {
            "id": number,
            "hostname": origin,
            "httpRealm": origin,
            "formSubmitURL": None,
            "usernameField": "",
            "passwordField": "",
            "encryptedUsername": username,
            "encryptedPassword": password,
            "guid": f"{{{uuid.uuid4()}}}",
            "encType": _SDR,
            "timeCreated": now_ms,
            "timeLastUsed": now_ms,
            "timePasswordChanged": now_ms,
            "timesUsed": 1,
            "syncCounter": 1,
            "everSynced": False,
            "encryptedUnknownFields": unknown,
        }
        if self._spans:
            place, comma = self._spans[-1].end, ","
        else:
            place, comma = self._root["logins"].start + 1, ""
        next_id = self._root["nextId"]
        return self._spliced(
            (place, place, comma + _dump(entry)), (next_id.start, next_id.end, _dump(number + 1))
        )

    def changed(self, entry: Entry, password: str, now_ms: int) -> LoginsFile:
        """With another (encrypted) password in this entry, and its times and sync counter moved on."""
        counter = entry.members.get("syncCounter")
        update = {
            "encryptedPassword": password,
            "timeLastUsed": now_ms,
            "timePasswordChanged": now_ms,
            "syncCounter": (counter if _is_number(counter) else 0) + 1,
        }
        span = self._spans[entry.index]
        members = _members(self.text, span.start)
        edits = [
            (members[key].start, members[key].end, _dump(update[key])) for key in update if key in members
        ]
        last = max(member.end for member in members.values())
        edits += [(last, last, f",{_dump(key)}:{_dump(update[key])}") for key in update if key not in members]
        return self._spliced(*edits)

    def removed(self, entries: Iterable[Entry]) -> LoginsFile:
        """Without these entries; one that was synced leaves the tombstone that Thunderbird's sync needs."""
        edits: list[tuple[int, int, str]] = []
        gone: set[int] = set()
        for entry in entries:
            if entry.members.get("everSynced"):
                span = self._spans[entry.index]
                edits.append((span.start, span.end, _dump(_tombstone(entry.members))))
            else:
                gone.add(entry.index)
        return self._spliced(*edits, *self._cuts(gone)) if edits or gone else self

    def _cuts(self, gone: set[int]) -> Iterator[tuple[int, int, str]]:
        """Takes out runs of neighbours, each with the commas that the list no longer needs."""
        for first in sorted(index for index in gone if index - 1 not in gone):
            after = next(index for index in itertools.count(first) if index not in gone)
            if after < len(self._spans):
                yield self._spans[first].start, self._spans[after].start, ""
            else:
                start = self._spans[first - 1].end if first else self._spans[0].start
                yield start, self._spans[-1].end, ""

    def _spliced(self, *edits: tuple[int, int, str]) -> LoginsFile:
        parts, place = [], 0
        for start, end, new in sorted(edits, key=lambda edit: edit[0]):
            parts += [self.text[place:start], new]
            place = end
        return LoginsFile.parse("".join([*parts, self.text[place:]]), self.name)


def _tombstone(members: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in members.items() if key in _KEPT_BY_TOMBSTONE}
    if _is_number(kept.get("syncCounter")):
        kept["syncCounter"] += 1
    return {**kept, "deleted": True}


def summary(file: LoginsFile) -> str:
    """For people: one line for each saved login, with nothing in it that is or might be a secret."""
    return "".join(f"{_summed_up(span.value)}\n" for span in file._spans)


def _summed_up(members: Mapping[str, Any]) -> str:
    number = members.get("id")
    name = f"entry {number}" if _is_number(number) else "entry"
    if members.get("deleted"):
        return f"{name}: deleted"
    changed, place = members.get("timePasswordChanged"), members.get("hostname")
    when = ""
    if _is_number(changed):
        with contextlib.suppress(ValueError, OverflowError, OSError):
            when = f", saved {datetime.fromtimestamp(changed / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    return f"{name}: password for {place if isinstance(place, str) else 'nothing'}{when}"


def _dump(value: object) -> str:
    """As JavaScript's JSON.stringify does it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _is_number(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _MAX_NUMBER


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member is there twice")
    return members


_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_unique)


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _members(text: str, start: int) -> dict[str, _Span]:
    """The members of the object that starts at `start` of a text that was parsed before."""
    members: dict[str, _Span] = {}
    place = _after_space(text, start + 1)
    while text[place] != "}":
        key, place = _DECODER.raw_decode(text, place)
        value_start = _after_space(text, _after_space(text, place) + 1)
        value, end = _DECODER.raw_decode(text, value_start)
        members[key] = _Span(value, value_start, end)
        place = _after_comma(text, end)
    return members


def _items(text: str, start: int) -> list[_Span]:
    """The items of the array that starts at `start` of a text that was parsed before."""
    items: list[_Span] = []
    place = _after_space(text, start + 1)
    while text[place] != "]":
        value, end = _DECODER.raw_decode(text, place)
        items.append(_Span(value, place, end))
        place = _after_comma(text, end)
    return items


def _after_comma(text: str, place: int) -> int:
    place = _after_space(text, place)
    return _after_space(text, place + 1) if text[place] == "," else place
