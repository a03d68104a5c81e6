"""profiles.ini is read as Mozilla reads it, and edited without touching other lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.edits.ini import MAX_SIZE, Ini
from provisioner.errors import Conflict

PATH = Path("/p/profiles.ini")
TEXT = "; mine\r\n[Profile0]\r\nName=default\r\n  Path = a=b \r\nnonsense\r\n\r\n[General]\r\nVersion=2\r\n"


def ini(text: str) -> Ini:
    return Ini(text.encode(), PATH)


def test_reading() -> None:
    found = ini(TEXT)
    assert found.sections() == ("Profile0", "General")
    assert found.section("Profile0") == {"Name": "default", "Path ": " a=b "}
    assert found.get("General", "Version") == "2"
    assert found.get("general", "Version") is None
    assert found.section("None") == {}


def test_mozillas_edge_cases() -> None:
    found = ini("\ufeffstray=1\n[A]\nk=1\nk=2\n[broken\nx=1\n[B] \n[no] x\ny=1\n[B]\n#k=3\n =v\n[A]\nk=4\n")
    assert found.sections() == ("A", "B")
    assert found.section("A") == {"k": "4"}
    assert found.section("B") == {}


def test_a_new_key_goes_to_the_end_of_its_section() -> None:
    found = ini(TEXT)
    found.set("Profile0", "Default", "1")
    assert found.data.decode() == TEXT.replace("a=b \r\n", "a=b \r\nDefault=1\r\n")


def test_a_new_section_goes_to_the_end() -> None:
    found = ini("[A]\nk=1")
    found.set("B", "x", "y")
    found.set("B", "z", "")
    assert found.data == b"[A]\nk=1\n\n[B]\nx=y\nz=\n"


def test_an_existing_key_is_changed_in_place() -> None:
    found = ini(TEXT)
    found.set("Profile0", "Name", "other")
    assert found.data.decode() == TEXT.replace("Name=default", "Name=other")
    found.set("Profile0", "Name", "default")
    assert found.data.decode() == TEXT


def test_an_empty_file() -> None:
    found = ini("")
    found.set("A", "k", "v")
    assert found.data == b"[A]\nk=v\n"


@given(
    st.text(st.sampled_from("[]=;#\r\n aA\ufeffé")),
    st.sampled_from("aA"),
    st.text(st.sampled_from("=;# a]é")),
)
def test_setting_is_read_back_and_leaves_the_rest(text: str, key: str, value: str) -> None:
    found = ini(text)
    before = {name: found.section(name) for name in found.sections()}
    assert found.data == text.encode()
    found.set("aA", key, value)
    again = Ini(found.data, PATH)
    before["aA"] = {**before.get("aA", {}), key: value}
    assert {name: again.section(name) for name in again.sections()} == before


@pytest.mark.parametrize("data", [b"[A]\nk=\xff\n", b"[A]\nk=\0\n", "[A]\nk=1\n".encode("utf-16")])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(Conflict) as caught:
        Ini(data, PATH)
    assert caught.value.code == "ini.broken"


def test_a_file_of_absurd_size_is_refused_before_it_is_read() -> None:
    most = b"[A]\nk=1\n".ljust(MAX_SIZE, b"\n")
    assert Ini(most, PATH).get("A", "k") == "1"
    with pytest.raises(Conflict, match=r"/p/profiles\.ini is damaged: it is larger than 1 MiB") as caught:
        Ini(most + b"\n", PATH)
    assert caught.value.code == "ini.broken"
    assert caught.value.hint.startswith("Nothing was written.")


def test_asking_does_not_read_the_lines_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ini("".join(f"[Profile{number}]\nName=x\n" for number in range(100)))
    monkeypatch.setattr(Ini, "_parsed", None)
    assert [found.get(section, "Name") for section in found.sections()] == ["x"] * 100
    found.section("Profile0")["Name"] = "y"
    assert found.section("Profile0") == {"Name": "x"}


def test_a_value_cannot_add_lines() -> None:
    with pytest.raises(ValueError, match="line ends"):
        ini("").set("A", "k", "v\n[B]")
