"""Thunderbird's password store without Thunderbird: what is written, kept, refused."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.errors import ProvisionError, UsageError
from provisioner.secret import Secret
from provisioner.stores.mozilla import (
    KeyKind,
    Login,
    MozillaStore,
    PrimaryPasswordNeeded,
    PrimaryPasswordWrong,
    StoreUnrecognised,
    der,
    key4,
    must_not_exist,
    oid,
    schema,
    shown_key4,
    shown_logins,
)
from provisioner.stores.mozilla.logins import MAX_LOGINS, LoginsFile
from provisioner.stores.mozilla.pbe import Protection
from provisioner.stores.mozilla.store import MAX_FILE

IMAP = "imap://imap.mail.me.com"
SMTP = "smtp://smtp.mail.me.com"
USER = "jane.appleseed"
NOW = 1_700_000_000_000
PASSWORD = "abcd-efgh-ijkl-mnop"

kinds = pytest.mark.parametrize("kind", list(KeyKind))


def login(password: str = PASSWORD, origin: str = IMAP, username: str = USER) -> Login:
    return Login(origin, username, Secret(password))


def fresh(kind: KeyKind = KeyKind.AES, *logins: Login) -> MozillaStore:
    return MozillaStore.open(None, None, new_key=kind).put(logins or (login(),), NOW)


def again(store: MozillaStore, primary: str | None = None) -> MozillaStore:
    """The store as the next run finds it; the other kind of key would be made if one were."""
    other = KeyKind.DES3 if store._new_key is KeyKind.AES else KeyKind.AES
    password = None if primary is None else Secret(primary)
    return MozillaStore.open(
        store.key4_bytes, store.logins_bytes, password, new_key=other, backup=store.backup_bytes
    )


def document(store: MozillaStore) -> Any:
    assert store.logins_bytes is not None
    return json.loads(store.logins_bytes)


def text_of(store: MozillaStore) -> str:
    assert store.logins_bytes is not None
    return store.logins_bytes.decode()


def algorithm(field: str) -> object:
    match der.decode(base64.b64decode(field)):
        case (_, (identifier, _), _):
            return identifier
    return None


def with_text(store: MozillaStore, text: str) -> MozillaStore:
    return MozillaStore.open(store.key4_bytes, text.encode(), new_key=KeyKind.AES, backup=store.backup_bytes)


def edit_key4(data: bytes | None, *statements: tuple[str, tuple[Any, ...]]) -> bytes:
    assert data is not None
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(data)
        for sql, values in statements:
            connection.execute(sql, values)
        connection.commit()
        return connection.serialize()


def query(data: bytes | None, sql: str) -> list[tuple[Any, ...]]:
    assert data is not None
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.deserialize(data)
        return connection.execute(sql).fetchall()


def protected(data: bytes | None, password: str, salt: bytes, iterations: int) -> bytes:
    """The key database under another password, as NSS changes it."""
    [(old_salt, _)] = query(data, "SELECT item1, item2 FROM metaData WHERE id = 'password'")
    [(number, value)] = query(data, "SELECT id, a11 FROM nssPrivate")
    plain, _ = Protection(old_salt, "").open(value)
    new = Protection(salt, password)
    return edit_key4(
        data,
        (
            "UPDATE metaData SET item1 = ?, item2 = ? WHERE id = 'password'",
            (salt, new.close(b"password-check", iterations)),
        ),
        ("UPDATE nssPrivate SET a11 = ?", (new.close(plain, iterations),)),
        (
            "UPDATE metaData SET item1 = ? WHERE id = ?",
            (new.sign(bytes(7) + b"\x11" + plain, iterations), f"sig_key_{number:08x}_00000011"),
        ),
    )


class TestNewStore:
    @kinds
    def test_what_was_put_is_there(self, kind: KeyKind) -> None:
        store = again(fresh(kind, login(), login("other", SMTP, "jane@icloud.com")))
        assert store.get(IMAP, USER) == Secret(PASSWORD)
        assert store.get(SMTP, "jane@icloud.com") == Secret("other")
        assert store.usernames(IMAP) == (USER,)
        assert store.get(IMAP, "jane@icloud.com") is None
        assert store.get("imap://example.com", USER) is None

    def test_entry_is_as_thunderbird_writes_it(self) -> None:
        store = fresh(KeyKind.AES, login(), login(origin=SMTP))
        text = text_of(store)
        assert text.startswith(
            '{"nextId":3,"logins":[{"id":1,"hostname":"imap://imap.mail.me.com","httpRealm":'
        )
        assert text.endswith('}],"potentiallyVulnerablePasswords":[],"version":3}')
        first, second = document(store)["logins"]
        assert re.fullmatch(
            r"\{[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\}", first["guid"]
        )
        assert second["id"] == 2
        assert second["guid"] != first["guid"]
        for key in ("encryptedUsername", "encryptedPassword", "encryptedUnknownFields"):
            assert first.pop(key).startswith("M")
        first.pop("guid")
        assert first == {
            "id": 1,
            "hostname": IMAP,
            "httpRealm": IMAP,
            "formSubmitURL": None,
            "usernameField": "",
            "passwordField": "",
            "encType": 1,
            "timeCreated": NOW,
            "timeLastUsed": NOW,
            "timePasswordChanged": NOW,
            "timesUsed": 1,
            "syncCounter": 1,
            "everSynced": False,
        }

    @given(password=st.text(), username=st.text(), kind=st.sampled_from(KeyKind))
    @settings(max_examples=40, deadline=None)
    def test_any_text_comes_back(self, password: str, username: str, kind: KeyKind) -> None:
        assert again(fresh(kind, login(password, IMAP, username))).get(IMAP, username) == Secret(password)

    def test_nothing_readable_in_files_or_repr(self) -> None:
        store = fresh()
        assert store.key4_bytes is not None
        assert store.logins_bytes is not None
        for data in (
            store.key4_bytes,
            store.logins_bytes,
            repr(store).encode(),
            repr(store._keys.keys).encode(),
        ):
            assert PASSWORD.encode() not in data
        key = store._keys.keys[KeyKind.AES].value
        assert key not in store.key4_bytes
        assert repr(key) not in repr(store) + repr(store._keys.keys[KeyKind.AES])

    def test_reading_or_putting_nothing_makes_nothing(self) -> None:
        store = MozillaStore.open(None, None, new_key=KeyKind.AES)
        assert store.get(IMAP, USER) is None
        for other in (store, store.put([], NOW), store.remove([(IMAP, USER)])):
            assert (other.key4_bytes, other.logins_bytes, other.backup_bytes) == (None, None, None)

    def test_text_that_is_not_unicode_is_refused(self) -> None:
        with pytest.raises(UsageError):
            login("\ud800")

    def test_every_write_is_random(self) -> None:
        one, two = fresh(), fresh()
        assert one.key4_bytes != two.key4_bytes
        assert (
            document(one)["logins"][0]["encryptedPassword"] != document(two)["logins"][0]["encryptedPassword"]
        )


class TestExistingLogins:
    def test_same_password_changes_no_byte(self) -> None:
        store = again(fresh())
        after = store.put([login()], NOW + 5)
        assert (after.key4_bytes, after.logins_bytes) == (store.key4_bytes, store.logins_bytes)

    @kinds
    def test_new_password_changes_only_its_entry(self, kind: KeyKind) -> None:
        store = fresh(kind, login(origin=SMTP), login(), login(username="bob"))
        after = again(store).put([login("new")], NOW + 5)
        assert after.key4_bytes == store.key4_bytes
        assert again(after).get(IMAP, USER) == Secret("new")
        old, new = document(store), document(after)
        changed = {key for key in new["logins"][1] if new["logins"][1][key] != old["logins"][1][key]}
        assert changed == {"encryptedPassword", "timeLastUsed", "timePasswordChanged", "syncCounter"}
        assert new["logins"][1]["timePasswordChanged"] == new["logins"][1]["timeLastUsed"] == NOW + 5
        assert new["logins"][1]["syncCounter"] == 2
        old["logins"].pop(1), new["logins"].pop(1)
        assert old == new

    def test_missing_members_are_added(self) -> None:
        store = fresh()
        text = re.sub(r'"(syncCounter|timePasswordChanged)":\d+,', "", text_of(store))
        [entry] = document(with_text(store, text).put([login("new")], NOW + 5))["logins"]
        assert (entry["syncCounter"], entry["timePasswordChanged"]) == (1, NOW + 5)
        assert with_text(store, json.dumps({**document(store), "logins": [entry]})).get(IMAP, USER) == Secret(
            "new"
        )

    def test_duplicates_become_one(self) -> None:
        store = fresh(KeyKind.AES, login(), login(origin=SMTP))
        first, other = document(store)["logins"]
        text = json.dumps(
            {**document(store), "logins": [first, {**first, "id": 7}, other, {**first, "id": 8}]}
        )
        after = with_text(store, text).put([login("new")], NOW)
        assert [entry["id"] for entry in document(after)["logins"]] == [1, 2]
        assert again(after).get(IMAP, USER) == Secret("new")
        same = with_text(store, text).put([login()], NOW)
        assert document(same)["logins"] == [first, other]
        gone = with_text(store, text).remove([(IMAP, USER)])
        assert document(gone)["logins"] == [other]

    @pytest.mark.parametrize("verb", ["put", "remove"])
    def test_many_duplicates_are_one_edit(self, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
        [first] = document(store := fresh())["logins"]
        parse, parsed = LoginsFile.parse, 0

        def counted(text: str, name: str = "logins.json") -> LoginsFile:
            nonlocal parsed
            parsed += 1
            return parse(text, name)

        monkeypatch.setattr(LoginsFile, "parse", staticmethod(counted))
        counts = []
        for copies in (2, 60):
            text = json.dumps({**document(store), "logins": [first] * copies})
            before = with_text(store, text)
            parsed = 0
            after = before.put([login("new")], NOW) if verb == "put" else before.remove([(IMAP, USER)])
            assert len(document(after)["logins"]) == (1 if verb == "put" else 0)
            counts.append(parsed)
        assert counts[0] == counts[1]

    @given(
        kinds=st.lists(st.sampled_from(["ours", "synced", "other"]), max_size=8),
        space=st.sampled_from(["", " ", "\r\n\t"]),
    )
    @settings(max_examples=80, deadline=None)
    def test_any_of_them_are_taken_out_of_the_list(self, kinds: list[str], space: str) -> None:
        entries = {
            "ours": FIRST,
            "synced": {**FIRST, "everSynced": True},
            "other": {**FIRST, "hostname": "imap://other.example"},
        }
        comma = f"{space},{space}"

        def text(items: list[dict[str, Any]]) -> str:
            return f'{{"nextId":9,"logins":[{space}{comma.join(map(json.dumps, items))}{space}],"version":3}}'

        after = with_text(STORE, text([entries[kind] for kind in kinds])).remove([(IMAP, USER)])
        left = [kind for kind in kinds if kind != "ours"]
        found = document(after)["logins"]
        assert [bool(entry.get("deleted")) for entry in found] == [kind == "synced" for kind in left]
        assert all(
            entry == entries["other"] for entry, kind in zip(found, left, strict=True) if kind == "other"
        )
        if "synced" not in kinds:
            assert text_of(after) == text([entries["other"]] * len(left))

    def test_login_of_another_realm_is_not_ours(self) -> None:
        store = fresh()
        text = text_of(store).replace(f'"httpRealm":"{IMAP}"', '"httpRealm":null')
        after = with_text(store, text).put([login("new")], NOW)
        assert [entry["httpRealm"] for entry in document(after)["logins"]] == [None, IMAP]

    def test_next_id_is_never_one_that_is_used(self) -> None:
        store = fresh()
        text = text_of(store).replace('"id":1', '"id":41').replace('"nextId":2', '"nextId":5')
        after = with_text(store, text).put([login(origin=SMTP)], NOW)
        assert document(after)["nextId"] == 43
        assert [entry["id"] for entry in document(after)["logins"]] == [41, 42]

    def test_synced_login_leaves_a_tombstone(self) -> None:
        store = fresh(KeyKind.AES, login(), login(origin=SMTP))
        synced = with_text(store, text_of(store).replace('"everSynced":false', '"everSynced":true', 1))
        after = synced.remove([(IMAP, USER)])
        guid = document(store)["logins"][0]["guid"]
        assert document(after)["logins"][0] == {
            "id": 1,
            "guid": guid,
            "timePasswordChanged": NOW,
            "syncCounter": 2,
            "everSynced": True,
            "deleted": True,
        }
        assert again(after).get(IMAP, USER) is None
        assert again(after).put([login("new")], NOW).get(IMAP, USER) == Secret("new")

    @pytest.mark.parametrize("position", [0, 1, 2])
    def test_remove_takes_out_exactly_one(self, position: int) -> None:
        origins = ["imap://a.example", "imap://b.example", "imap://c.example"]
        store = fresh(KeyKind.AES, *(login(origin=origin) for origin in origins))
        after = again(store).remove([(origins[position], USER), ("imap://d.example", USER)])
        expected = document(store)
        del expected["logins"][position]
        assert text_of(after) == json.dumps(expected, separators=(",", ":"))
        assert after.key4_bytes == store.key4_bytes

    def test_tombstone_is_no_login(self) -> None:
        tombstone = {
            "id": 1,
            "guid": "{}",
            "hostname": IMAP,
            "httpRealm": IMAP,
            "everSynced": True,
            "deleted": True,
        }
        text = json.dumps({"nextId": 2, "logins": [tombstone], "version": 3})
        store = MozillaStore.open(None, text.encode(), new_key=KeyKind.AES)
        assert store.usernames(IMAP) == ()
        after = again(store.put([login()], NOW))
        assert after.get(IMAP, USER) == Secret(PASSWORD)
        assert document(after)["logins"][0] == tombstone

    def test_field_for_another_key_is_refused(self) -> None:
        store = fresh()
        field = document(store)["logins"][0]["encryptedPassword"]
        match der.decode(base64.b64decode(field)):
            case (_, algorithm, text):
                other = base64.b64encode(der.encode((bytes(16), algorithm, text))).decode()
        with pytest.raises(StoreUnrecognised):
            with_text(store, text_of(store).replace(field, other)).get(IMAP, USER)

    def test_damaged_entry_of_our_server_is_refused(self) -> None:
        store = fresh(KeyKind.AES, login(), login(origin=SMTP))
        broken = document(store)
        broken["logins"][0]["encryptedUsername"] = "AAAA"
        damaged = with_text(store, json.dumps(broken))
        with pytest.raises(StoreUnrecognised):
            damaged.put([login("new")], NOW)
        assert damaged.get(SMTP, USER) == Secret(PASSWORD)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
spaces = st.sampled_from(["", " ", "\r\n", "\n\t"])


class TestForeignText:
    @given(
        extra=st.dictionaries(st.text(min_size=1).map("x".__add__), json_values, max_size=3),
        space=spaces,
        ascii=st.booleans(),
    )
    @settings(max_examples=60, deadline=None)
    def test_stays_byte_for_byte(self, extra: dict[str, Any], space: str, ascii: bool) -> None:
        store = fresh(KeyKind.AES, login(origin="imap://example.com"))
        whole = document(store)
        whole["logins"][0].update(extra)
        whole.update(extra)
        text = json.dumps(whole, separators=(f"{space},{space}", f"{space}:{space}"), ensure_ascii=ascii)
        text = space + text.replace(f'"nextId"{space}:{space}2', f'"nextId"{space}:{space}3') + space
        try:
            data = text.encode()
        except UnicodeEncodeError:
            return
        before = MozillaStore.open(store.key4_bytes, data, new_key=KeyKind.AES)
        after = before.put([login()], NOW)
        assert after.get(IMAP, USER) == Secret(PASSWORD)
        # Only the counter, and the entry with the comma before it, are new.
        added = re.search(
            r',\{"id":3,"hostname":"imap://imap\.mail\.me\.com".*?"encryptedUnknownFields":"[^"]*"\}',
            text_of(after),
        )
        assert added
        without = (
            text_of(after)
            .replace(added[0], "")
            .replace(f'"nextId"{space}:{space}4', f'"nextId"{space}:{space}3')
        )
        assert without == text
        removed = after.remove([(IMAP, USER)])
        assert text_of(removed).replace(f'"nextId"{space}:{space}4', f'"nextId"{space}:{space}3') == text

    def test_numbers_keep_their_form(self) -> None:
        store = fresh(KeyKind.AES, login(origin="imap://example.com"))
        odd = '"odd":[1.0,1e5,123456789012345678901234567890,-0.0,"\\u00e9\\/"],'
        text = text_of(store).replace('"version"', odd + '"version"')
        after = with_text(store, text).put([login()], NOW)
        assert odd in text_of(after)

    def test_empty_list_with_space_inside(self) -> None:
        store = MozillaStore.open(
            None, b'{ "nextId": 9, "logins": [ ], "version": 3 }\r\n', new_key=KeyKind.AES
        )
        after = store.put([login()], NOW)
        assert text_of(after).startswith('{ "nextId": 10, "logins": [{"id":9,')
        assert text_of(after).endswith('"} ], "version": 3 }\r\n')


STORE = fresh(KeyKind.AES, login(), login(origin=SMTP))
FIRST = document(STORE)["logins"][0]


def wrong_logins() -> dict[str, bytes]:
    good = text_of(STORE)
    return {
        "empty": b"",
        "cut": good[:-9].encode(),
        "BOM": b"\xef\xbb\xbf" + good.encode(),
        "UTF-16": good.encode("utf-16"),
        "Latin-1": good.replace("guid", "gu\xefd").encode("latin-1"),
        "trailing": good.encode() + b"x",
        "newer": good.replace('"version":3', '"version":4').encode(),
        "no version": good.replace(',"version":3', "").encode(),
        "version is true": good.replace('"version":3', '"version":true').encode(),
        "no nextId": good.replace('"nextId":3,', "").encode(),
        "nextId is text": good.replace('"nextId":3', '"nextId":"3"').encode(),
        "no logins": good.replace('"logins"', '"login"').encode(),
        "logins of numbers": b'{"nextId":1,"logins":[1],"version":3}',
        "list": b"[]",
        "NaN": good.replace('"timesUsed":1', '"timesUsed":NaN').encode(),
        "twice": good.replace('"timesUsed":1', '"timesUsed":1,"timesUsed":2').encode(),
        "deep": b'{"version":3,"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "long number": good.replace('"timesUsed":1', '"timesUsed":' + "9" * 5000).encode(),
    }


class TestRefused:
    @pytest.mark.parametrize(("name", "data"), wrong_logins().items(), ids=wrong_logins().keys())
    def test_logins(self, name: str, data: bytes) -> None:
        with pytest.raises(StoreUnrecognised, match=r"logins\.json"):
            MozillaStore.open(STORE.key4_bytes, data, new_key=KeyKind.AES)

    def test_the_logins_above_are_wrong_in_one_way_only(self) -> None:
        good = STORE.logins_bytes
        assert MozillaStore.open(STORE.key4_bytes, good, new_key=KeyKind.AES).get(IMAP, USER)
        assert good not in wrong_logins().values()

    def test_logins_without_their_keys(self) -> None:
        store = fresh()
        with pytest.raises(StoreUnrecognised, match=r"key database key4\.db is missing"):
            MozillaStore.open(None, store.logins_bytes, new_key=KeyKind.AES)
        with pytest.raises(StoreUnrecognised, match="no key"):
            MozillaStore.open(fresh(KeyKind.DES3).key4_bytes, store.logins_bytes, new_key=KeyKind.AES)
        no_key = edit_key4(store.key4_bytes, ("DELETE FROM nssPrivate", ()))
        with pytest.raises(StoreUnrecognised, match="no key"):
            MozillaStore.open(no_key, store.logins_bytes, new_key=KeyKind.AES)

    @pytest.mark.parametrize(
        "statement",
        [
            "DELETE FROM metaData WHERE id LIKE 'sig_key%'",
            "UPDATE metaData SET item1 = NULL WHERE id LIKE 'sig_key%'",
            "UPDATE metaData SET item1 = item2 WHERE id = 'password'",
            "UPDATE metaData SET item1 = 'text' WHERE id = 'password'",
            "UPDATE metaData SET item2 = NULL WHERE id = 'password'",
            "UPDATE metaData SET item2 = item2 || x'00' WHERE id = 'password'",
            "DELETE FROM metaData WHERE id = 'password'",
            "UPDATE nssPrivate SET a11 = NULL",
            "UPDATE nssPrivate SET a100 = x'00000013'",
            "UPDATE nssPrivate SET a100 = x'00000015'",
            "UPDATE nssPrivate SET id = 'text'",
            "DROP TABLE metaData",
            "ALTER TABLE metaData RENAME COLUMN item1 TO item3",
            "CREATE TRIGGER odd AFTER INSERT ON metaData BEGIN SELECT 1; END",
            "CREATE VIEW odd AS SELECT 1",
            "CREATE TABLE odd (id)",
            "CREATE INDEX odd ON metaData (zeroblob(9))",
            "CREATE INDEX odd ON metaData (item1) WHERE item1 > 1",
            "CREATE UNIQUE INDEX odd ON nssPrivate (a102)",
            "ALTER TABLE metaData ADD COLUMN odd AS (zeroblob(900000000))",
            "ALTER TABLE metaData ADD COLUMN odd DEFAULT (1)",
            "ALTER TABLE metaData ADD COLUMN odd DEFAULT 1",
            "ALTER TABLE metaData ADD COLUMN odd CHECK (odd IS NULL)",
            "ALTER TABLE metaData ADD COLUMN odd COLLATE NOCASE",
        ],
    )
    def test_key_database(self, statement: str) -> None:
        store = fresh()
        with pytest.raises(StoreUnrecognised, match=r"key4\.db"):
            MozillaStore.open(
                edit_key4(store.key4_bytes, (statement, ())), store.logins_bytes, new_key=KeyKind.AES
            )

    @pytest.mark.parametrize("table", ["nssPrivate", "metaData"])
    def test_generated_column_is_never_read(self, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where the column would be asked for; without the look at the tables a limit of SQLite stops it."""
        column = "item2" if table == "metaData" else "a11"
        data = edit_key4(
            fresh().key4_bytes,
            ("DROP INDEX IF EXISTS label", ()),
            (f"ALTER TABLE {table} DROP COLUMN {column}", ()),
            (f"ALTER TABLE {table} ADD COLUMN {column} AS (zeroblob(900000000))", ()),
        )
        with pytest.raises(StoreUnrecognised, match="not as Thunderbird makes it"):
            MozillaStore.open(data, None, new_key=KeyKind.AES)
        monkeypatch.setattr(schema, "is_plain", lambda kind, sql: True)
        with pytest.raises(StoreUnrecognised, match="damaged"):
            MozillaStore.open(data, None, new_key=KeyKind.AES)

    def test_columns_that_a_later_version_adds_are_no_harm(self) -> None:
        store = fresh()
        data = edit_key4(store.key4_bytes, ("ALTER TABLE nssPrivate ADD COLUMN a99999999", ()))
        assert MozillaStore.open(data, store.logins_bytes, new_key=KeyKind.AES).get(IMAP, USER)

    def test_work_in_the_database_is_bounded(self, monkeypatch: pytest.MonkeyPatch) -> None:
        rows = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT -i FROM n"
        )
        data = edit_key4(fresh().key4_bytes, (f"INSERT INTO nssPrivate (id) {rows}", ()))
        MozillaStore.open(data, None, new_key=KeyKind.AES)
        monkeypatch.setattr(key4, "_MAX_STEPS", 20_000)
        with pytest.raises(StoreUnrecognised, match="damaged"):
            MozillaStore.open(data, None, new_key=KeyKind.AES)
        MozillaStore.open(fresh().key4_bytes, None, new_key=KeyKind.AES).put([login()], NOW)

    @pytest.mark.parametrize("name", ["key4.db", "logins.json", "logins-backup.json"])
    def test_absurd_size(self, name: str) -> None:
        big = bytes(MAX_FILE + 1)
        files = {"key4.db": (big, None, None), "logins.json": (None, big, None)}
        first, second, third = files.get(name, (None, None, big))
        with pytest.raises(StoreUnrecognised, match=f"^{re.escape(name)} .*larger than 16 MiB") as caught:
            MozillaStore.open(first, second, new_key=KeyKind.AES, backup=third)
        assert caught.value.hint.startswith("Nothing was written")

    def test_absurd_number_of_logins(self) -> None:
        def text(count: int) -> bytes:
            return b'{"nextId":1,"logins":[' + b",".join([b'{"deleted":1}'] * count) + b'],"version":3}'

        MozillaStore.open(None, text(MAX_LOGINS), new_key=KeyKind.AES)
        with pytest.raises(StoreUnrecognised, match="more than 50,000 logins"):
            MozillaStore.open(None, text(MAX_LOGINS + 1), new_key=KeyKind.AES)

    def test_password_entry_that_says_something_else(self) -> None:
        check = Protection(bytes(20), "").close(b"passw0rd-check", 1)
        sql = "UPDATE metaData SET item1 = ?, item2 = ? WHERE id = 'password'"
        data = edit_key4(fresh().key4_bytes, (sql, (bytes(20), check)))
        with pytest.raises(PrimaryPasswordNeeded):
            MozillaStore.open(data, None, new_key=KeyKind.AES)
        with pytest.raises(PrimaryPasswordWrong):
            MozillaStore.open(data, None, Secret(""), new_key=KeyKind.AES)

    @pytest.mark.parametrize(
        ("key", "signed", "problem"),
        [
            (bytes(32), bytes(32), ""),
            (bytes(32), bytes(31) + b"x", "signature is wrong"),
            (bytes(24), bytes(24), "wrong length"),
        ],
    )
    def test_key(self, key: bytes, signed: bytes, problem: str) -> None:
        data = fresh().key4_bytes
        [(salt, number)] = query(
            data, "SELECT item1, p.id FROM metaData m, nssPrivate p WHERE m.id = 'password'"
        )
        lock = Protection(salt, "")
        signature = lock.sign(bytes(7) + b"\x11" + signed, 1)
        data = edit_key4(
            data,
            ("UPDATE nssPrivate SET a11 = ?", (lock.close(key, 1),)),
            ("UPDATE metaData SET item1 = ? WHERE id = ?", (signature, f"sig_key_{number:08x}_00000011")),
        )
        if not problem:
            MozillaStore.open(data, None, new_key=KeyKind.AES)
            return
        with pytest.raises(StoreUnrecognised, match=problem):
            MozillaStore.open(data, None, new_key=KeyKind.AES)

    def test_two_keys_of_one_kind(self) -> None:
        data = fresh().key4_bytes
        [(number,)] = query(data, "SELECT id FROM nssPrivate")
        columns = "a0, a100, a102, a11"
        sql = f"INSERT INTO nssPrivate (id, {columns}) SELECT id + 1, {columns} FROM nssPrivate"
        signed = "INSERT INTO metaData SELECT ?, item1, item2 FROM metaData WHERE id = ?"
        names = tuple(f"sig_key_{one:08x}_00000011" for one in (number + 1, number))
        data = edit_key4(data, (sql, ()), (signed, names))
        with pytest.raises(StoreUnrecognised, match="two keys"):
            MozillaStore.open(data, None, new_key=KeyKind.AES)

    @pytest.mark.parametrize(
        "change", [lambda b: b"", lambda b: b[:60], lambda b: b[:40_000], lambda b: b"x" + b, bytes.swapcase]
    )
    def test_damaged_file(self, change: Callable[[bytes], bytes]) -> None:
        store = fresh()
        assert store.key4_bytes is not None
        with pytest.raises(StoreUnrecognised):
            MozillaStore.open(change(store.key4_bytes), store.logins_bytes, new_key=KeyKind.AES)

    def test_write_ahead_log(self) -> None:
        data = fresh().key4_bytes
        assert data is not None
        with pytest.raises(StoreUnrecognised, match="write-ahead"):
            MozillaStore.open(data[:18] + b"\x02\x02" + data[20:], None, new_key=KeyKind.AES)

    @pytest.mark.parametrize("iterations", [0, -1, 1_000_001, 9_999_999, 2**80])
    def test_absurd_iterations(self, iterations: int) -> None:
        kdf = (oid.PBKDF2, (bytes(32), iterations, 32, (oid.HMAC_SHA256,)))
        check = der.encode(((oid.PBES2, (kdf, (oid.AES256_CBC, bytes(14)))), bytes(16)))
        data = edit_key4(
            fresh().key4_bytes, ("UPDATE metaData SET item2 = ? WHERE id = 'password'", (check,))
        )
        with pytest.raises(StoreUnrecognised, match="iteration"):
            MozillaStore.open(data, None, new_key=KeyKind.AES)

    @pytest.mark.parametrize(
        "value",
        [b"", b"\x30", b"\x30\x00", b"\x04\x81\x01a", b"\x04\x01a\x00", b"\x09\x01\x00", b"\x30\x80" * 3000],
    )
    def test_der_is_strict(self, value: bytes) -> None:
        with pytest.raises(der.NotDer):
            der.decode(value)


class TestPrimaryPassword:
    @pytest.fixture(params=[20, 48])
    def store(self, request: pytest.FixtureRequest) -> tuple[bytes, bytes | None]:
        store = fresh()
        return protected(store.key4_bytes, "pässwörd", bytes(range(request.param)), 500), store.logins_bytes

    def test_is_needed_and_must_be_right(self, store: tuple[bytes, bytes | None]) -> None:
        with pytest.raises(PrimaryPasswordNeeded):
            MozillaStore.open(*store, new_key=KeyKind.AES)
        for wrong in ("", "Pässwörd", "\ud800"):
            with pytest.raises(PrimaryPasswordWrong):
                MozillaStore.open(*store, Secret(wrong), new_key=KeyKind.AES)

    def test_opens(self, store: tuple[bytes, bytes | None]) -> None:
        opened = MozillaStore.open(*store, Secret("pässwörd"), new_key=KeyKind.DES3)
        after = again(opened.put([login("new"), login(origin=SMTP)], NOW), "pässwörd")
        assert after.get(IMAP, USER) == Secret("new")
        assert after.key4_bytes == store[0]

    def test_new_key_is_protected_the_same_way(self, store: tuple[bytes, bytes | None]) -> None:
        bare = edit_key4(
            store[0], ("DELETE FROM nssPrivate", ()), ("DELETE FROM metaData WHERE id != 'password'", ())
        )
        after = MozillaStore.open(bare, None, Secret("pässwörd"), new_key=KeyKind.DES3).put([login()], NOW)
        assert again(after, "pässwörd").get(IMAP, USER) == Secret(PASSWORD)
        [(value,)] = query(after.key4_bytes, "SELECT a11 FROM nssPrivate")
        with pytest.raises(PrimaryPasswordNeeded):
            again(after)
        assert (500).to_bytes(2, "big") in value

    def test_unneeded_one_is_ignored(self) -> None:
        assert again(fresh(), "pässwörd").get(IMAP, USER) == Secret(PASSWORD)


class TestExistingKeys:
    @kinds
    def test_no_other_kind_is_added(self, kind: KeyKind) -> None:
        old = fresh(kind)
        after = again(old).put([login("new"), login(origin=SMTP)], NOW)
        assert after.key4_bytes == old.key4_bytes
        assert again(after).get(SMTP, USER) == Secret(PASSWORD)

    def test_aes_is_preferred_and_old_logins_stay(self) -> None:
        old = fresh(KeyKind.DES3)
        both = MozillaStore.open(
            old._keys.with_new_key(KeyKind.AES).data, old.logins_bytes, new_key=KeyKind.DES3
        )
        assert both.get(IMAP, USER) == Secret(PASSWORD)
        assert both.put([login()], NOW).logins_bytes == old.logins_bytes
        after = both.put([login(origin=SMTP)], NOW)
        assert [algorithm(entry["encryptedPassword"]) for entry in document(after)["logins"]] == [
            oid.DES_EDE3_CBC,
            oid.AES256_CBC,
        ]

    def test_key_is_added_without_touching_the_rest(self) -> None:
        foreign = ("INSERT INTO nssPrivate (id, a0, a3, a102) VALUES (77, x'00000003', x'6162', x'01')", ())
        meta = ("INSERT INTO metaData VALUES ('sig_cert_1', x'01', x'02')", ())
        no_key = ("DELETE FROM nssPrivate", ())
        bare = edit_key4(
            fresh().key4_bytes, no_key, ("DELETE FROM metaData WHERE id != 'password'", ()), foreign, meta
        )
        after = MozillaStore.open(bare, None, new_key=KeyKind.AES).put([login()], NOW).key4_bytes
        for table in ("nssPrivate", "metaData"):
            rows = set(query(after, f"SELECT * FROM {table}"))
            assert set(query(bare, f"SELECT * FROM {table}")) < rows
            assert len(rows) == len(query(bare, f"SELECT * FROM {table}")) + 1

    def test_untouched_database_gets_the_empty_password(self) -> None:
        bare = edit_key4(fresh().key4_bytes, ("DELETE FROM nssPrivate", ()), ("DELETE FROM metaData", ()))
        store = MozillaStore.open(bare, None, new_key=KeyKind.AES).put([login()], NOW)
        assert again(store).get(IMAP, USER) == Secret(PASSWORD)

    def test_damaged_indexes_are_not_written_to(self) -> None:
        bare = edit_key4(
            fresh().key4_bytes,
            ("DELETE FROM nssPrivate", ()),
            ("INSERT INTO nssPrivate (id, a0, a3) VALUES (77, x'00000003', x'6162')", ()),
            ("PRAGMA writable_schema = ON", ()),
            (
                "UPDATE sqlite_master SET sql = 'CREATE INDEX label ON nssPrivate (a0)' WHERE name = 'label'",
                (),
            ),
        )
        with pytest.raises(StoreUnrecognised, match="damaged"):
            MozillaStore.open(bare, None, new_key=KeyKind.AES).put([login()], NOW)


class TestBackup:
    def test_missing_logins_are_those_of_the_backup(self) -> None:
        old = fresh()
        store = MozillaStore.open(old.key4_bytes, None, new_key=KeyKind.AES, backup=old.logins_bytes)
        assert store.get(IMAP, USER) == Secret(PASSWORD)
        assert store.put([login()], NOW).logins_bytes is None
        after = again(store.put([login(origin=SMTP)], NOW))
        assert after.get(IMAP, USER) == after.get(SMTP, USER) == Secret(PASSWORD)
        assert after.backup_bytes == old.logins_bytes

    def test_old_password_leaves_the_backup_too(self) -> None:
        old = fresh()
        store = MozillaStore.open(
            old.key4_bytes, old.logins_bytes, new_key=KeyKind.AES, backup=old.logins_bytes
        )
        after = store.put([login("new"), login(origin=SMTP)], NOW)
        backup = MozillaStore.open(after.key4_bytes, after.backup_bytes, new_key=KeyKind.AES)
        assert backup.get(IMAP, USER) == Secret("new")
        assert backup.get(SMTP, USER) is None
        gone = after.remove([(IMAP, USER), (SMTP, USER)])
        assert document(gone)["logins"] == []
        assert gone.backup_bytes is not None
        assert json.loads(gone.backup_bytes)["logins"] == []

    def test_unsound_backup_is_refused(self) -> None:
        old = fresh()
        with pytest.raises(StoreUnrecognised, match=r"logins-backup\.json"):
            MozillaStore.open(old.key4_bytes, old.logins_bytes, new_key=KeyKind.AES, backup=b"{")


class TestShown:
    def test_no_secret_is_shown(self) -> None:
        store = fresh()
        text = text_of(store).replace('"version"', '"potential":[{"x":"hidden-1"}],"version"')
        text = text.replace('"encType"', '"extra":"hidden-2","encType"')
        shown = shown_logins(text.encode())
        assert IMAP in shown
        assert shown == f"entry 1: password for {IMAP}, saved 2023-11-14 22:13:20 UTC\n"
        entry = document(store)["logins"][0]
        for hidden in ("hidden-1", "hidden-2", entry["encryptedPassword"], entry["encryptedUsername"]):
            assert hidden in text
            assert hidden not in shown
        assert shown_key4(store.key4_bytes or b"") != shown_key4(fresh().key4_bytes or b"")

    def test_a_change_shows(self) -> None:
        store = fresh()
        after = store.put([login("new")], NOW + 1000)
        assert shown_logins(store.logins_bytes or b"") != shown_logins(after.logins_bytes or b"")

    def test_files_that_must_not_exist(self) -> None:
        assert must_not_exist(b"") == ("key4.db-journal", "key4.db-wal")
        assert "key3.db" in must_not_exist(None)


ITEMS = [
    ("metaData", "item1", "id = 'password'"),
    ("metaData", "item2", "id = 'password'"),
    ("metaData", "item1", "id LIKE 'sig_key%'"),
    *(("nssPrivate", column, "1") for column in ("a0", "a11", "a100", "a102")),
]


class TestCorruption:
    """One wrong byte: the right password or a named error, never another password or a traceback."""

    @given(item=st.sampled_from(ITEMS), place=st.integers(0, 200), flip=st.integers(1, 255))
    @settings(max_examples=150, deadline=None)
    def test_key_database_items(self, item: tuple[str, str, str], place: int, flip: int) -> None:
        table, column, where = item
        [(value,)] = query(STORE.key4_bytes, f"SELECT {column} FROM {table} WHERE {where}")
        broken = bytearray(value)
        broken[place % len(value)] ^= flip
        data = edit_key4(
            STORE.key4_bytes, (f"UPDATE {table} SET {column} = ? WHERE {where}", (bytes(broken),))
        )
        self.right_or_refused(data, STORE.logins_bytes)

    @given(place=st.integers(0), flip=st.integers(1, 255))
    @settings(max_examples=150, deadline=None)
    def test_key_database_file(self, place: int, flip: int) -> None:
        assert STORE.key4_bytes is not None
        data = bytearray(STORE.key4_bytes)
        used = [index for index, byte in enumerate(data) if byte]
        data[used[place % len(used)]] ^= flip
        self.right_or_refused(bytes(data), STORE.logins_bytes)

    @given(place=st.integers(0), flip=st.integers(1, 255))
    @settings(max_examples=200, deadline=None)
    def test_logins(self, place: int, flip: int) -> None:
        """Encrypted texts left out: their format has no checksum, see below."""
        assert STORE.logins_bytes is not None
        data = bytearray(STORE.logins_bytes)
        cipher = {
            index
            for found in re.finditer(rb'"encrypted\w+":"(\S{24})(\S*?)"', STORE.logins_bytes)
            for index in range(found.start(2), found.end(2))
        }
        places = [index for index in range(len(data)) if index not in cipher]
        data[places[place % len(places)]] ^= flip
        self.right_or_refused(STORE.key4_bytes, bytes(data), gone=True)

    @given(place=st.integers(0), flip=st.integers(1, 255))
    @settings(max_examples=100, deadline=None)
    def test_encrypted_texts(self, place: int, flip: int) -> None:
        entry = document(STORE)["logins"][0]
        data = bytearray(entry["encryptedPassword"].encode())
        data[place % len(data)] ^= flip
        text = text_of(STORE).encode().replace(entry["encryptedPassword"].encode(), bytes(data))
        try:
            found = MozillaStore.open(STORE.key4_bytes, text, new_key=KeyKind.AES).get(IMAP, USER)
        except ProvisionError:
            return
        assert isinstance(found, Secret)

    @staticmethod
    def right_or_refused(key4: bytes | None, logins: bytes | None, *, gone: bool = False) -> None:
        try:
            found = MozillaStore.open(key4, logins, new_key=KeyKind.AES).get(IMAP, USER)
        except ProvisionError:
            return
        assert found == Secret(PASSWORD) or (gone and found is None)
