"""What a plan shows of itself: every change, and never the password."""

from __future__ import annotations

import base64
from pathlib import Path

from provisioner.model import FileChange, Plan
from provisioner.plan import diff, masked, prune
from provisioner.secret import MASK, Secret

PASSWORD = Secret("cana-rypa-ssxy-zwvu")
ENCODED = base64.b64encode(PASSWORD.reveal().encode()).decode()
PATH = Path("/home/jane/file")


def shown(
    before: bytes | None,
    after: bytes | None,
    secret: Secret | None = PASSWORD,
    as_text: tuple[str, str] | None = None,
) -> list[str]:
    change = FileChange(PATH, before, after, shown=as_text)
    return diff(Plan("test", "Test", "here", (change,), secret=secret)).splitlines()


def test_masked_takes_out_the_password_and_its_base64() -> None:
    assert masked(f"a {PASSWORD.reveal()} b {ENCODED} c", PASSWORD) == f"a {MASK} b {MASK} c"


def test_masked_without_a_password_changes_nothing() -> None:
    assert masked("a b", None) == masked("a b", Secret("")) == "a b"


def test_the_password_is_masked_on_both_sides_of_a_diff() -> None:
    old, new = f"one {PASSWORD.reveal()}\n", f"two {ENCODED}\n"
    masks = [f"-one {MASK}", f"+two {MASK}"]
    assert shown(old.encode(), new.encode())[-2:] == masks
    assert shown(b"x", b"y", as_text=(old, new))[-2:] == masks


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


def test_a_client_can_say_what_is_shown() -> None:
    assert shown(b"\xff", b"\xfe", as_text=("old\n", "new\n"))[-2:] == ["-old", "+new"]


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
