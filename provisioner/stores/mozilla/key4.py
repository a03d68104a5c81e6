"""NSS's key database key4.db as bytes: finds the keys of the saved passwords, adds one where there is none.

SQLite works on a copy in memory, so nothing here touches a disk. Formats: lib/softoken/sftkdb.c, sdb.c.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from provisioner.errors import ProvisionError
from provisioner.secret import Secret
from provisioner.stores.mozilla import schema
from provisioner.stores.mozilla.errors import PrimaryPasswordNeeded, PrimaryPasswordWrong, StoreUnrecognised
from provisioner.stores.mozilla.pbe import Protection, Undecryptable, Unreadable
from provisioner.stores.mozilla.sdr import KEY_ID, KeyKind, SdrKey

KEY4 = "key4.db"

_CHECK = b"password-check"
_CKO_SECRET_KEY = bytes((0, 0, 0, 4))
_CKA_VALUE = bytes((0, 0, 0, 0x11))
_NO_HANDLE = bytes(4)
_KEY_TYPES = {bytes((0, 0, 0, 0x1F)): KeyKind.AES, bytes((0, 0, 0, 0x15)): KeyKind.DES3}
_FALSE, _TRUE, _EMPTY = b"\x00", b"\x01", b"\xa5\x00\x5a"
_MAX_ID = 1 << 30
_WAL_FORMAT = 2

# What a file may cost: NSS's rows take some kilobytes, a query some thousand steps of SQLite's machine.
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: 1024 * 1024,  # bytes of a value, a row
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 64 * 1024,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 20,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
}
_MAX_STEPS = 5_000_000
_STEPS_BETWEEN_LOOKS = 1000


class _Lock(NamedTuple):
    """What protects the values of a database, and with how many PBKDF2 iterations new ones are protected."""

    protection: Protection
    iterations: int


@dataclass(frozen=True)
class KeyDatabase:
    """A key4.db that was read and understood; `data` is None where there is no file."""

    data: bytes | None = field(repr=False)
    keys: Mapping[KeyKind, SdrKey] = field(repr=False)
    _lock: _Lock | None = field(repr=False)

    @classmethod
    def open(cls, data: bytes | None, primary_password: Secret | None) -> KeyDatabase:
        """Reads the keys. `primary_password` is used only where the database has one.

        Raises StoreUnrecognised, PrimaryPasswordNeeded, PrimaryPasswordWrong.
        """
        if data is None:
            return cls(None, {}, None)
        try:
            with _connect(data) as connection:
                _prepare_tables(connection)
                lock = _read_lock(connection, primary_password)
                return cls(data, _read_keys(connection, lock), lock)
        except Unreadable as error:
            raise StoreUnrecognised(KEY4, str(error)) from None

    def with_new_key(self, kind: KeyKind) -> KeyDatabase:
        """A database that also has a new key of this kind; made from nothing if there is none."""
        key = SdrKey.generate(kind)
        with _connect(self.data) as connection:
            if self.data is None:
                _create(connection)
            _prepare_tables(connection)
            if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
                raise StoreUnrecognised(KEY4, "it is damaged")
            lock = self._lock or _initialise(connection)
            _insert(connection, key, lock)
            connection.commit()
            return KeyDatabase(connection.serialize(), {**self.keys, kind: key}, lock)


@contextlib.contextmanager
def _connect(data: bytes | None) -> Iterator[sqlite3.Connection]:
    if not hasattr(sqlite3.Connection, "deserialize"):
        raise ProvisionError(
            "This Python's SQLite cannot work in memory, so Thunderbird's key database cannot be read.",
            "Use another build of Python 3.11 or later.",
            code="store.unsupported",
        )
    if data is not None and not (data.startswith(b"SQLite format 3\0") and len(data) >= 100):
        raise StoreUnrecognised(KEY4, "it is not an SQLite database")
    if data is not None and _WAL_FORMAT in data[18:20]:
        raise StoreUnrecognised(KEY4, "it uses a write-ahead log")
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            _limit(connection)
            if data is not None:
                connection.deserialize(data)
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
        except (sqlite3.Error, OverflowError, UnicodeDecodeError):  # the latter two: damaged values
            raise StoreUnrecognised(KEY4, "it is damaged") from None


def _limit(connection: sqlite3.Connection) -> None:
    for category, limit in _LIMITS.items():
        connection.setlimit(category, limit)
    looks = itertools.repeat(0, _MAX_STEPS // _STEPS_BETWEEN_LOOKS)
    connection.set_progress_handler(lambda: next(looks, 1), _STEPS_BETWEEN_LOOKS)  # 1: SQLite stops


def _create(connection: sqlite3.Connection) -> None:
    connection.execute(f"PRAGMA page_size = {schema.PAGE_SIZE}")
    for statement in schema.STATEMENTS:
        connection.execute(statement)


def _initialise(connection: sqlite3.Connection) -> _Lock:
    """Sets the empty password, as Thunderbird does when it first starts."""
    salt = secrets.token_bytes(20)
    lock = _Lock(Protection(salt, ""), 1)
    row = ("password", salt, lock.protection.close(_CHECK, lock.iterations))
    connection.execute("INSERT INTO metaData (id, item1, item2) VALUES (?, ?, ?)", row)
    return lock


def _prepare_tables(connection: sqlite3.Connection) -> None:
    found = connection.execute("SELECT type, name, sql FROM sqlite_master").fetchall()
    if not all(schema.is_plain(kind, sql) for kind, _, sql in found):
        raise StoreUnrecognised(KEY4, "one of its tables or indexes is not as Thunderbird makes it")
    objects = {(kind, name) for kind, name, _ in found if kind != "index"}
    if objects == {("table", "nssPrivate")}:  # NSS makes the other one when it first needs it
        connection.execute(schema.META_DATA)
    elif objects != {("table", "nssPrivate"), ("table", "metaData")}:
        raise StoreUnrecognised(KEY4, "its tables are not those of a key database")


def _read_lock(connection: sqlite3.Connection, primary_password: Secret | None) -> _Lock | None:
    rows = connection.execute(
        "SELECT item1, item2 FROM metaData NOT INDEXED WHERE id = 'password'"
    ).fetchall()
    if not rows:
        if connection.execute("SELECT 1 FROM nssPrivate NOT INDEXED").fetchone():
            raise StoreUnrecognised(KEY4, "it has keys but no password entry")
        return None
    match rows:
        case [(bytes() as salt, bytes() as check)]:
            lock = _unlock(salt, check, "")
            if lock is None and primary_password is None:
                raise PrimaryPasswordNeeded
            if lock is None and primary_password is not None:
                lock = _unlock(salt, check, primary_password.reveal())
            if lock is None:
                raise PrimaryPasswordWrong
            return lock
    raise StoreUnrecognised(KEY4, "its password entry is not sound")


def _unlock(salt: bytes, check: bytes, password: str) -> _Lock | None:
    """None if the password is not the right one. Raises Unreadable."""
    protection = Protection(salt, password)
    try:
        plain, iterations = protection.open(check)
    except Undecryptable:
        return None
    return _Lock(protection, iterations or 1) if plain == _CHECK else None


def _read_keys(connection: sqlite3.Connection, lock: _Lock | None) -> dict[KeyKind, SdrKey]:
    keys: dict[KeyKind, SdrKey] = {}
    rows = connection.execute(
        "SELECT id, a100, a11 FROM nssPrivate NOT INDEXED WHERE a0 = ? AND a102 = ?",
        (_CKO_SECRET_KEY, KEY_ID),
    )
    for row in rows.fetchall():
        match row:
            case (int() as number, bytes() as key_type, bytes() as value) if lock and key_type in _KEY_TYPES:
                kind = _KEY_TYPES[key_type]
                if kind in keys:
                    raise StoreUnrecognised(KEY4, "it has two keys of the same kind")
                plain, iterations = lock.protection.open(value)
                if iterations is not None:  # NSS signs keys since it protects them with AES
                    signature = _signature(connection, number)
                    lock.protection.verify(_NO_HANDLE + _CKA_VALUE + plain, signature)
                if len(plain) != kind.size:
                    raise StoreUnrecognised(KEY4, "a key has the wrong length")
                keys[kind] = SdrKey(kind, plain)
            case _:
                raise StoreUnrecognised(KEY4, "it has a key of an unknown kind")
    return keys


def _signature_id(number: int) -> str:
    return f"sig_key_{number:08x}_{_CKA_VALUE.hex()}"


def _signature(connection: sqlite3.Connection, number: int) -> bytes:
    row = connection.execute(
        "SELECT item1 FROM metaData NOT INDEXED WHERE id = ?", (_signature_id(number),)
    ).fetchone()
    if row is None or not isinstance(row[0], bytes):
        raise Unreadable("a key has no signature")
    return row[0]


def _insert(connection: sqlite3.Connection, key: SdrKey, lock: _Lock) -> None:
    taken = {number for (number,) in connection.execute("SELECT id FROM nssPrivate NOT INDEXED")}
    number = secrets.randbelow(_MAX_ID - 1) + 1
    while number in taken:
        number = secrets.randbelow(_MAX_ID - 1) + 1
    row: dict[str, int | bytes] = {
        "id": number,
        "a0": _CKO_SECRET_KEY,
        "a1": _TRUE,  # CKA_TOKEN
        "a2": _TRUE,  # CKA_PRIVATE
        "a3": _EMPTY,  # CKA_LABEL
        "a11": lock.protection.close(key.value, lock.iterations),
        "a100": next(code for code, kind in _KEY_TYPES.items() if kind is key.kind),
        "a102": KEY_ID,
        "a103": _FALSE,  # CKA_SENSITIVE
        "a104": _TRUE,  # CKA_ENCRYPT
        "a105": _TRUE,  # CKA_DECRYPT
        "a106": _TRUE,  # CKA_WRAP
        "a107": _TRUE,  # CKA_UNWRAP
        "a108": _TRUE,  # CKA_SIGN
        "a10a": _FALSE,  # CKA_VERIFY
        "a110": _EMPTY,  # CKA_START_DATE
        "a111": _EMPTY,  # CKA_END_DATE
        "a162": _TRUE,  # CKA_EXTRACTABLE
        "a163": _FALSE,  # CKA_LOCAL
        "a164": _FALSE,  # CKA_NEVER_EXTRACTABLE
        "a165": _TRUE,  # CKA_ALWAYS_SENSITIVE
        "a170": _TRUE,  # CKA_MODIFIABLE
    }
    if key.kind is KeyKind.AES:
        row["a161"] = key.kind.size.to_bytes(4, "big")  # CKA_VALUE_LEN
    columns, marks = ", ".join(row), ", ".join("?" * len(row))
    connection.execute(f"INSERT INTO nssPrivate ({columns}) VALUES ({marks})", tuple(row.values()))  # noqa: S608
    signature = lock.protection.sign(_NO_HANDLE + _CKA_VALUE + key.value, lock.iterations)
    connection.execute("INSERT INTO metaData (id, item1) VALUES (?, ?)", (_signature_id(number), signature))
