"""Our password store against Thunderbird's own NSS: each reads what the other wrote."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

from provisioner.secret import Secret
from provisioner.stores.mozilla import (
    KeyKind,
    Login,
    MozillaStore,
    PrimaryPasswordNeeded,
    PrimaryPasswordWrong,
    StoreUnrecognised,
    der,
    oid,
)
from provisioner.stores.mozilla.pbe import Protection, encrypt
from tests import nss
from tests.needs import need

pytestmark = pytest.mark.live

IMAP, SMTP, USER = "imap://imap.mail.me.com", "smtp://smtp.mail.me.com", "jané"
PASSWORD = 'äbcd-"efgh"\\ijkl-мно-🦉'
NOW = 1_700_000_000_000

kinds = pytest.mark.parametrize("kind", list(KeyKind))


@pytest.fixture(autouse=True)
def _thunderbird() -> None:
    need((nss.THUNDERBIRD / "libnss3.so").exists(), f"Thunderbird's NSS is not in {nss.THUNDERBIRD}")


def ours(kind: KeyKind = KeyKind.AES) -> MozillaStore:
    logins = [Login(IMAP, USER, Secret(PASSWORD)), Login(SMTP, USER, Secret("second"))]
    return MozillaStore.open(None, None, new_key=kind).put(logins, NOW)


def save(store: MozillaStore, directory: Path) -> None:
    assert store.key4_bytes is not None
    (directory / "key4.db").write_bytes(store.key4_bytes)


def key4(directory: Path) -> bytes:
    return (directory / "key4.db").read_bytes()


def entries(store: MozillaStore) -> list[dict[str, Any]]:
    assert store.logins_bytes is not None
    found: list[dict[str, Any]] = json.loads(store.logins_bytes)["logins"]
    return found


def read_by_nss(store: MozillaStore, directory: Path, primary: str = "") -> list[str]:
    """What NSS finds in the encrypted fields of all entries, in order."""
    names = ("encryptedUsername", "encryptedPassword", "encryptedUnknownFields")
    fields = [("decrypt", entry[name]) for entry in entries(store) for name in names]
    ok, *texts = nss.run(directory, ("login", primary), *fields)
    assert ok
    return texts


def logins_of_nss(username: str, password: str) -> bytes:
    """A logins.json around fields that NSS encrypted."""
    text = ours().logins_bytes
    assert text is not None
    document = json.loads(text)
    del document["logins"][1]
    document["logins"][0] |= {"encryptedUsername": username, "encryptedPassword": password}
    document["logins"][0] |= {"encryptedUnknownFields": username}
    return json.dumps(document).encode()


def key_types(directory: Path) -> list[str]:
    with closing(sqlite3.connect(directory / "key4.db")) as connection:
        return [value.hex() for (value,) in connection.execute("SELECT a100 FROM nssPrivate ORDER BY a100")]


@kinds
def test_nss_reads_a_store_that_we_made(kind: KeyKind, tmp_path: Path) -> None:
    store = ours(kind)
    save(store, tmp_path)
    assert read_by_nss(store, tmp_path) == [USER, PASSWORD, "", USER, "second", ""]
    assert key4(tmp_path) == store.key4_bytes


@kinds
def test_nss_writes_to_a_store_that_we_made(kind: KeyKind, tmp_path: Path) -> None:
    save(ours(kind), tmp_path)
    username, password = nss.run(tmp_path, (f"encrypt-{kind}", USER), (f"encrypt-{kind}", "from NSS"))
    store = MozillaStore.open(key4(tmp_path), logins_of_nss(username, password), new_key=KeyKind.AES)
    assert store.get(IMAP, USER) == Secret("from NSS")
    assert len(key_types(tmp_path)) == 1


@kinds
@pytest.mark.parametrize("primary", ["", "pässwörd 🦉"])
def test_we_read_and_write_a_store_that_nss_made(kind: KeyKind, primary: str, tmp_path: Path) -> None:
    _, ok, username, password = nss.run(
        tmp_path,
        ("init", primary),
        ("login", primary),
        (f"encrypt-{kind}", USER),
        (f"encrypt-{kind}", PASSWORD),
    )
    assert ok
    before, logins, other = key4(tmp_path), logins_of_nss(username, password), KeyKind.AES
    if primary:
        with pytest.raises(PrimaryPasswordNeeded):
            MozillaStore.open(before, logins, new_key=other)
        with pytest.raises(PrimaryPasswordWrong):
            MozillaStore.open(before, logins, Secret("wrong"), new_key=other)
    store = MozillaStore.open(before, logins, Secret(primary), new_key=other)
    assert store.get(IMAP, USER) == Secret(PASSWORD)
    after = store.put([Login(IMAP, USER, Secret("new")), Login(SMTP, USER, Secret("second"))], NOW)
    assert after.key4_bytes == before
    assert read_by_nss(after, tmp_path, primary)[1::3] == ["new", "second"]


@kinds
def test_primary_password_set_changed_and_taken_away_by_nss(kind: KeyKind, tmp_path: Path) -> None:
    store = ours(kind)
    save(store, tmp_path)
    previous = ""
    for password in ("first", "zweites 🦉", ""):
        nss.run(tmp_path, ("login", previous), ("change", previous, password))
        if password:
            with pytest.raises(PrimaryPasswordNeeded):
                MozillaStore.open(key4(tmp_path), store.logins_bytes, new_key=kind)
            with pytest.raises(PrimaryPasswordWrong):
                MozillaStore.open(key4(tmp_path), store.logins_bytes, Secret(previous), new_key=kind)
        opened = MozillaStore.open(key4(tmp_path), store.logins_bytes, Secret(password), new_key=kind)
        assert opened.get(IMAP, USER) == Secret(PASSWORD)
        after = opened.put([Login(IMAP, USER, Secret(f"new{password}"))], NOW)
        assert read_by_nss(after, tmp_path, password)[1] == f"new{password}"
        previous = password


def test_aes_is_used_where_nss_has_both_kinds(tmp_path: Path) -> None:
    _, old_user, old_password, new_user = nss.run(
        tmp_path, ("init", ""), ("encrypt-des3", USER), ("encrypt-des3", PASSWORD), ("encrypt-aes", USER)
    )
    assert key_types(tmp_path) == ["00000015", "0000001f"]
    store = MozillaStore.open(key4(tmp_path), logins_of_nss(old_user, old_password), new_key=KeyKind.DES3)
    assert store.get(IMAP, USER) == Secret(PASSWORD)
    after = store.put([Login(SMTP, USER, Secret("second"))], NOW)
    assert read_by_nss(after, tmp_path)[1::3] == [PASSWORD, "second"]
    assert len(entries(after)[1]["encryptedUsername"]) == len(new_user)
    assert store.get(IMAP, USER) == Secret(PASSWORD)


@kinds
@pytest.mark.parametrize("operations", [(), (("init", ""),), (("init", "geheim"),)])
def test_we_add_the_first_key_to_a_database_that_nss_made(
    kind: KeyKind, operations: tuple[tuple[str, str], ...], tmp_path: Path
) -> None:
    nss.run(tmp_path, *operations)
    assert key_types(tmp_path) == []
    primary = operations[0][1] if operations else ""
    store = MozillaStore.open(key4(tmp_path), None, Secret(primary), new_key=kind)
    after = store.put([Login(IMAP, USER, Secret(PASSWORD))], NOW)
    save(after, tmp_path)
    assert read_by_nss(after, tmp_path, primary) == [USER, PASSWORD, ""]
    [again] = nss.run(tmp_path, ("login", primary))
    assert again
    assert len(key_types(tmp_path)) == 1


def old_protection(global_salt: bytes, password: str, salt: bytes, plain: bytes) -> bytes:
    """`plain` as NSS before 3.49 protected it (its PKCS #12 password-based encryption, one iteration)."""
    outer = hashlib.sha1(global_salt + password.encode()).digest()
    key = hashlib.sha1(outer + salt).digest()
    first = hmac.digest(key, salt + salt, "sha1")
    second = hmac.digest(key, hmac.digest(key, salt, "sha1") + salt, "sha1")
    material = first + second
    return der.encode(
        (
            (oid.PBE_SHA1_3DES, (salt, 1)),
            encrypt(TripleDES(material[:24]), material[-8:], plain, block=8),
        )
    )


@pytest.mark.parametrize("primary", ["", "geheim"])
def test_old_protection_is_read_as_nss_reads_it(primary: str, tmp_path: Path) -> None:
    store = ours(KeyKind.DES3)
    save(store, tmp_path)
    global_salt = b"\x01" * 20
    with closing(sqlite3.connect(tmp_path / "key4.db")) as connection:
        [(salt, value)] = connection.execute(
            "SELECT item1, a11 FROM nssPrivate, metaData WHERE metaData.id = 'password'"
        )
        plain, _ = Protection(salt, "").open(value)
        check = old_protection(global_salt, primary, b"\x02" * 20, b"password-check")
        connection.execute(
            "UPDATE metaData SET item1 = ?, item2 = ? WHERE id = 'password'", (global_salt, check)
        )
        connection.execute(
            "UPDATE nssPrivate SET a11 = ?", (old_protection(global_salt, primary, b"\x03" * 20, plain),)
        )
        connection.execute("DELETE FROM metaData WHERE id != 'password'")
        connection.commit()
    assert read_by_nss(store, tmp_path, primary)[:2] == [USER, PASSWORD]
    opened = MozillaStore.open(key4(tmp_path), store.logins_bytes, Secret(primary), new_key=KeyKind.AES)
    after = opened.put([Login(IMAP, USER, Secret("new"))], NOW)
    assert after.key4_bytes == key4(tmp_path)
    assert read_by_nss(after, tmp_path, primary)[1] == "new"


def test_we_refuse_a_key_without_its_signature_as_nss_does(tmp_path: Path) -> None:
    store = ours()
    save(store, tmp_path)
    with closing(sqlite3.connect(tmp_path / "key4.db")) as connection:
        connection.execute("DELETE FROM metaData WHERE id != 'password'")
        connection.commit()
    with pytest.raises(nss.NssError):
        read_by_nss(store, tmp_path)
    with pytest.raises(StoreUnrecognised):
        MozillaStore.open(key4(tmp_path), store.logins_bytes, new_key=KeyKind.AES)


def test_tables_are_those_that_nss_makes(tmp_path: Path) -> None:
    nss.run(tmp_path, ("init", ""))
    save_to = tmp_path / "ours.db"
    made = ours().key4_bytes
    assert made is not None
    save_to.write_bytes(made)
    found = []
    for path in (tmp_path / "key4.db", save_to):
        with closing(sqlite3.connect(path)) as connection:
            found.append(
                (
                    connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall(),
                    connection.execute("PRAGMA page_size").fetchall(),
                    connection.execute("PRAGMA journal_mode").fetchall(),
                )
            )
    assert found[0] == found[1]


@kinds
def test_we_add_a_key_to_a_database_of_an_older_nss(kind: KeyKind, tmp_path: Path) -> None:
    """certutil comes with another NSS than Thunderbird's, with fewer columns, and files trust settings."""
    need(shutil.which("certutil"), "certutil is missing: install libnss3-tools")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    command = [
        "certutil",
        "-A",
        "-d",
        f"sql:{tmp_path}",
        "-n",
        "test",
        "-t",
        "C,,",
        "-i",
        str(tmp_path / "ca.pem"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    store = MozillaStore.open(key4(tmp_path), None, new_key=kind).put(
        [Login(IMAP, USER, Secret(PASSWORD))], NOW
    )
    save(store, tmp_path)
    assert read_by_nss(store, tmp_path) == [USER, PASSWORD, ""]
