"""key4.db and logins.json together: passwords in, passwords out."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from provisioner.errors import UsageError
from provisioner.secret import Secret
from provisioner.stores.mozilla.errors import StoreUnrecognised
from provisioner.stores.mozilla.key4 import KEY4, KeyDatabase
from provisioner.stores.mozilla.logins import BACKUP, EMPTY, LOGINS, Entry, LoginsFile, summary
from provisioner.stores.mozilla.pbe import Unreadable
from provisioner.stores.mozilla.sdr import KeyKind, SdrKey, decrypt_field

MAX_FILE = 16 * 1024 * 1024
"""Bytes; thousands of logins, or keys, need less, and what is larger takes memory and minutes to parse."""

_NO_UNKNOWN_FIELDS = Secret("")


@dataclass(frozen=True)
class Login:
    """A password of one user at one server; `origin` is `imap://HOST` or `smtp://HOST`, without a port."""

    origin: str
    username: str
    password: Secret

    def __post_init__(self) -> None:
        """Raises UsageError for a text that cannot be stored."""
        try:
            f"{self.origin}{self.username}{self.password.reveal()}".encode()
        except UnicodeEncodeError:
            raise UsageError(
                "The user name or password holds something that is not valid Unicode.", "Type it again."
            ) from None


@dataclass(frozen=True)
class MozillaStore:
    """A profile's saved passwords. Immutable: `put` and `remove` return another store.

    The `*_bytes` are what the files are to hold; None means no file. They are the very bytes that were
    opened where nothing had to change.
    """

    key4_bytes: bytes | None = field(repr=False)
    logins_bytes: bytes | None = field(repr=False)
    backup_bytes: bytes | None = field(repr=False)
    _keys: KeyDatabase = field(repr=False)
    _new_key: KeyKind

    @classmethod
    def open(
        cls,
        key4: bytes | None,
        logins: bytes | None,
        primary_password: Secret | None = None,
        *,
        new_key: KeyKind,
        backup: bytes | None = None,
    ) -> MozillaStore:
        """The store in the profile's files key4.db, logins.json and logins-backup.json (`backup`).

        Thunderbird restores the backup where logins.json is missing, so its logins count there, too.
        `primary_password` is used only if the store has one; `new_key` is the kind of key to make if there
        is none. The caller sees to it that no file of `must_not_exist` is there.
        Raises StoreUnrecognised, PrimaryPasswordNeeded, PrimaryPasswordWrong.
        """
        for name, data in ((KEY4, key4), (LOGINS, logins), (BACKUP, backup)):
            if data is not None and len(data) > MAX_FILE:
                raise StoreUnrecognised(name, f"it is larger than {MAX_FILE >> 20} MiB")
        keys = KeyDatabase.open(key4, primary_password)
        store = cls(key4, logins, backup, keys, new_key)
        store._require_fitting_keys()
        return store

    def get(self, origin: str, username: str) -> Secret | None:
        """The password that Thunderbird would use, None if it has none. Raises StoreUnrecognised."""
        current = self._current()
        return next(
            (self._open(current, entry.password) for entry in self._matches(current, origin, username)), None
        )

    def seal(self, origin: str, username: str) -> str:
        """A mark (SHA-256) of the password as it is encrypted, empty if there is none. It tells nothing about
        the password, but changes whenever anyone saves another one. Raises StoreUnrecognised."""
        current = self._current()
        fields = (str(entry.password) for entry in self._matches(current, origin, username))
        return next((hashlib.sha256(field.encode()).hexdigest() for field in fields), "")

    def usernames(self, origin: str) -> tuple[str, ...]:
        """Whose passwords are saved for this server, in the file's order. Raises StoreUnrecognised."""
        current = self._current()
        return tuple(self._open(current, entry.username).reveal() for entry in current.at(origin))

    def put(self, new: Sequence[Login], now_ms: int) -> MozillaStore:
        """The store with these passwords, each exactly once; `now_ms` is Unix time in milliseconds.

        An entry that has the password already stays as it is. In the backup an old password is replaced,
        too, but nothing is added. Raises StoreUnrecognised.
        """
        keys = self._keys if self._keys.keys or not new else self._keys.with_new_key(self._new_key)
        store = replace(self, key4_bytes=keys.data, _keys=keys)
        current, backup = store._current(), store._backup()
        for login in new:
            current = store._with(current, login, now_ms, add=True)
            backup = backup and store._with(backup, login, now_ms, add=False)
        return store._holding(current, backup)

    def remove(self, gone: Iterable[tuple[str, str]]) -> MozillaStore:
        """The store, and its backup, without the passwords of these (origin, username).

        Raises StoreUnrecognised.
        """
        current, backup = self._current(), self._backup()
        for origin, username in gone:
            current = current.removed(self._matches(current, origin, username))
            backup = backup and backup.removed(self._matches(backup, origin, username))
        return self._holding(current, backup)

    def _current(self) -> LoginsFile:
        if self.logins_bytes is not None:
            return LoginsFile.load(self.logins_bytes)
        return self._backup() or LoginsFile.parse(EMPTY)

    def _backup(self) -> LoginsFile | None:
        return None if self.backup_bytes is None else LoginsFile.load(self.backup_bytes, BACKUP)

    def _holding(self, current: LoginsFile, backup: LoginsFile | None) -> MozillaStore:
        same = current.text == self._current().text
        return replace(
            self,
            logins_bytes=self.logins_bytes if same else current.text.encode(),
            backup_bytes=backup.text.encode() if backup else None,
        )

    def _require_fitting_keys(self) -> None:
        """Refuses logins that none of the keys opens: key database and logins are not of one profile then."""
        current = self._current()
        self._backup()
        entries = current.entries
        if not entries or any(self._opens(entry) for entry in entries):
            return
        if self.key4_bytes is None:
            raise StoreUnrecognised(current.name, f"it has logins, but their key database {KEY4} is missing")
        raise StoreUnrecognised(KEY4, f"it has no key for the logins in {current.name}")

    def _opens(self, entry: Entry) -> bool:
        try:
            decrypt_field(entry.username, self._keys.keys)
        except Unreadable:
            return False
        return True

    def _open(self, file: LoginsFile, value: object) -> Secret:
        try:
            return decrypt_field(value, self._keys.keys)
        except Unreadable as error:
            raise StoreUnrecognised(file.name, str(error)) from None

    def _matches(self, file: LoginsFile, origin: str, username: str) -> Iterator[Entry]:
        return (entry for entry in file.at(origin) if self._open(file, entry.username).reveal() == username)

    @property
    def _key(self) -> SdrKey:
        keys = self._keys.keys
        return keys[KeyKind.AES] if KeyKind.AES in keys else keys[KeyKind.DES3]

    def _with(self, file: LoginsFile, login: Login, now_ms: int, *, add: bool) -> LoginsFile:
        first, *others = itertools.chain(self._matches(file, login.origin, login.username), [None])
        if first is None:
            if not add:
                return file
            username, password, unknown = map(
                self._key.encrypt, (Secret(login.username), login.password, _NO_UNKNOWN_FIELDS)
            )
            return file.added(login.origin, username, password, unknown, now_ms)
        file = file.removed(entry for entry in others if entry)  # the first keeps its place
        if self._open(file, first.password) == login.password:
            return file
        return file.changed(first, self._key.encrypt(login.password), now_ms)


def must_not_exist(key4: bytes | None) -> tuple[str, ...]:
    """Names in the profile's directory that mean that the store cannot be changed safely.

    A journal is an unfinished change of key4.db that only SQLite on the real file can settle; key3.db
    without key4.db is the key database of Thunderbird before 60, which is not read here.
    """
    journals = (f"{KEY4}-journal", f"{KEY4}-wal")
    return journals if key4 is not None else (*journals, "key3.db")


def shown_logins(data: bytes) -> str:
    """logins.json for people to read in a diff: no password in it, encrypted ones neither."""
    return summary(LoginsFile.load(data))


def shown_key4(data: bytes) -> str:
    """key4.db for people to read in a diff."""
    return f"NSS key database, {len(data)} bytes, SHA-256 {hashlib.sha256(data).hexdigest()[:16]}...\n"
