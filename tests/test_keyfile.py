"""GLib's key files: edits, and the values in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.edits.keyfile import KeyFile
from provisioner.errors import UsageError
from provisioner.quoting.gvariant import gvariant, strings
from provisioner.quoting.keyfile import keyfile, keyfile_list

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
TEXT = TEXT.filter(lambda text: not text.startswith(("\f", "\v")))
PATH = Path("accounts.conf")


def file(text: str) -> KeyFile:
    return KeyFile(text.encode(), PATH)


@given(TEXT)
def test_any_value_is_read_back(text: str) -> None:
    assert file(f"[a]\nb={keyfile(text)}\n").text("a", "b") == text


@given(st.lists(TEXT.filter(bool), max_size=4))
def test_any_list_is_read_back(texts: list[str]) -> None:
    assert file(f"[a]\nb={keyfile_list(texts)}\n").elements("a", "b") == texts


@pytest.mark.parametrize("text", ["nul\0", "\ud800", "\fform feed"])
def test_what_no_file_can_hold_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        keyfile(text)


def test_read_as_glib_does() -> None:
    read = file(
        "lost=1\n# c=1\n  [a] \n b = x \n;c=2\nb=y\\sz\n[a\n[b]\nk[de]=Ja\nlist=one;t\\;wo\n=no\n[a]\nlast=1"
    )
    assert read.sections() == ("a", "b")
    assert read.text("a", "b") == "y z"
    assert read.section("a") == {"b": "y\\sz", ";c": "2", "last": "1"}
    assert read.elements("b", "list") == ["one", "t;wo"]
    assert read.text("a", "nothing") == ""


def test_merge_keeps_what_is_there() -> None:
    mine = file("# mine\r\n[Account]\r\nname = Me\r\nhost=old\r\nempty=\r\n")
    mine.merge(KeyFile.of("[Account]\nname=You\nhost=new\nempty=x\n[New]\nkey=1\n"), keep=["name", "empty"])
    assert mine.data == b"# mine\r\n[Account]\r\nname = Me\r\nhost=new\r\nempty=x\r\n\r\n[New]\r\nkey=1\r\n"


@pytest.mark.parametrize(
    "before", ["", "[a]\nb=1", "[a]\nb=1\n", "# only a comment\n", "[a]\n\n\n[b]\nc=d\n"]
)
def test_a_group_comes_and_goes_without_a_trace(before: str) -> None:
    one = file(before)
    one.merge(KeyFile.of("[Ours]\nkey=1\nother=2\n"))
    assert one.section("Ours") == {"key": "1", "other": "2"}
    one.merge(KeyFile.of("[Theirs]\nkey=1\n"))
    one.remove("Ours")
    assert one.sections()[-1] == "Theirs"
    one.remove("Theirs")
    assert one.data.decode() == before


def test_a_comment_before_the_next_group_stays() -> None:
    one = file("[a]\nb=1\n\n[Ours]\nx=1\n\n# of c\n[c]\nd=1\n\n[Ours]\ny=2\n")
    one.remove("Ours")
    assert one.data == b"[a]\nb=1\n\n# of c\n[c]\nd=1\n"


@given(st.dictionaries(TEXT, TEXT, max_size=3))
def test_any_dictionary_of_passwords_is_read_back(passwords: dict[str, str]) -> None:
    text = "{" + ", ".join(f"{gvariant(key)}: <{gvariant(value)}>" for key, value in passwords.items()) + "}"
    assert strings(text) == passwords


def test_dictionaries_as_others_write_them() -> None:
    assert strings("{'a': <\"it's\">, \"b\" : < 'x\\ny\\U0001f34f' >}") == {"a": "it's", "b": "x\ny🍏"}
    assert strings("{}") == {}
    for other in ("", "secret", "{'a': 'b'}", "{'a': <1>}", "{'a': <'b'>", "{'a': <'b'> 'c': <'d'>}"):
        assert strings(other) is None
