"""What a plan shows of itself: every change, and never the password."""

from __future__ import annotations

import base64
import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.items import SecretItem
from provisioner.model import FileChange, Plan, SecretChange
from provisioner.plan import diff, prune
from provisioner.secret import MASK, Secret
from provisioner.stores.mozilla import KeyKind, Login, MozillaStore

PASSWORD = Secret("cana-rypa-ssxy-zwvu")
ENCODED = base64.b64encode(PASSWORD.reveal().encode()).decode()
PATH = Path("/home/jane/file")


def shown(
    before: bytes | None,
    after: bytes | None,
    secret: Secret | None = PASSWORD,
    path: Path = PATH,
) -> list[str]:
    change = FileChange(path, before, after)
    return diff(Plan("test", "Test", "here", (change,), secret=secret)).splitlines()


def test_the_password_is_masked_on_both_sides_of_a_diff() -> None:
    old, new = f"one {PASSWORD.reveal()}\n", f"two {ENCODED}\n"
    assert shown(old.encode(), new.encode())[-2:] == [f"-one {MASK}", f"+two {MASK}"]
    assert shown(b"a b\n", None, secret=None)[-1] == shown(b"a b\n", None, secret=Secret(""))[-1] == "-a b"


def test_a_change_of_what_is_masked_shows_as_a_change() -> None:
    assert shown(b"password one\n", b"password two\n")[-2:] == [f"-password {MASK}", f"+password {MASK}"]


def test_passwords_of_keyring_items_are_masked_in_files_too() -> None:
    item = SecretItem.shared("jane@example.org")
    changes = (FileChange(PATH, f"x {PASSWORD.reveal()}\n".encode(), None),)
    plan = Plan("test", "Test", "here", changes, secrets=(SecretChange(item, PASSWORD, None),))
    assert diff(plan).splitlines()[-2:] == [
        f"-x {MASK}",
        f"- keyring item (service=provisioner, username=jane@example.org): {MASK}",
    ]


def test_a_missing_end_of_the_last_line_is_said() -> None:
    assert shown(b"a", b"a\n")[-3:] == ["-a", "\\ No newline at end of file", "+a"]


@given(st.text("ab\n"), st.text("ab\n"))
def test_the_diff_is_that_of_difflib(old: str, new: str) -> None:
    old, new = f"{old}\n", f"{new}\n"
    ours = shown(old.encode(), new.encode())
    theirs = difflib.unified_diff(old.splitlines(), new.splitlines(), str(PATH), str(PATH), lineterm="")
    assert old == new or ours == list(theirs)


def test_a_new_file() -> None:
    assert shown(None, b"a\nb\n") == ["--- /dev/null", f"+++ {PATH}", "@@ -0,0 +1,2 @@", "+a", "+b"]


def test_a_changed_file() -> None:
    assert shown(b"a\nb\n", b"a\nc\n") == [
        f"--- {PATH}",
        f"+++ {PATH}",
        "@@ -1,2 +1,2 @@",
        " a",
        "-b",
        "+c",
    ]


def test_a_deleted_file() -> None:
    assert shown(b"a\n", None) == [f"--- {PATH}", "+++ /dev/null", "@@ -1 +0,0 @@", "-a"]


def test_an_empty_file_is_not_a_missing_one() -> None:
    assert shown(b"", b"a\n")[:2] == [f"--- {PATH}", f"+++ {PATH}"]
    assert shown(b"a\n", b"")[:2] == [f"--- {PATH}", f"+++ {PATH}"]


def test_a_binary_file_is_only_counted() -> None:
    assert shown(b"\xff\x00", b"\xff\x00\x01")[-2:] == ["-(binary, 2 bytes)", "+(binary, 3 bytes)"]


def test_text_in_another_encoding_is_text() -> None:
    assert shown(b"caf\xe9\n", None)[-1] == "-caf\\xe9"


@pytest.mark.parametrize("name", ["key4.db", "logins.json", "logins-backup.json", "mail.mobileconfig"])
def test_a_store_is_summed_up_whatever_is_in_it(name: str) -> None:
    store = MozillaStore.open(None, None, new_key=KeyKind.AES).put([Login("imap://h", "jane", PASSWORD)], 0)
    good = {"key4.db": store.key4_bytes, "logins.json": store.logins_bytes}.get(name, store.logins_bytes)
    for data in (good or b"", b"", b"\xff\0", b"{}", b"<plist>", PASSWORD.reveal().encode()):
        lines = shown(data, data + b" ", secret=None, path=PATH.with_name(name))
        assert 3 <= len(lines) <= 5, lines
        assert PASSWORD.reveal() not in "".join(lines)


def test_the_summary_of_saved_passwords() -> None:
    store = MozillaStore.open(None, None, new_key=KeyKind.AES).put([Login("imap://h", "jane", PASSWORD)], 0)
    saved = shown(None, store.logins_bytes, path=PATH.with_name("logins.json"))
    assert saved[-1] == "+entry 1: password for imap://h, saved 1970-01-01 00:00:00 UTC"
    keys = shown(None, store.key4_bytes, path=PATH.with_name("key4.db"))
    assert keys[-1].startswith("+NSS key database, ")


def test_every_change_is_in_the_diff() -> None:
    changes = (FileChange(PATH, None, b"a\n"), FileChange(PATH.with_name("other"), b"b\n", None))
    text = diff(Plan("test", "Test", "here", changes))
    assert text.index("+a\n") < text.index(f"--- {PATH.with_name('other')}") < text.index("-b\n")


def test_prune_keeps_what_changes_something() -> None:
    changes = tuple(
        FileChange(PATH, *pair) for pair in ((b"a", b"a"), (None, None), (None, b""), (b"a", None))
    )
    pruned = prune(Plan("test", "Test", "here", changes, done="done"))
    assert pruned.changes == changes[2:]
    assert pruned.done == "done"
