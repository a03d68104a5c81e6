"""Names in one value of an INI file: found, added, taken away, and nothing else changed."""

from __future__ import annotations

import configparser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.edits.inilist import add, names, remove

FILES = [
    b"",
    b"[general]\naccounts = work\n",
    b"[general]\naccounts=work,home\nui = basic\n",
    b"[general]\r\nui = basic\r\nAccounts: work,\r\n    home\r\n\r\n[Account work]\r\n",
    b"# mine\n[Account work]\naccounts = no\n\n[general]\nui = basic",
    b"[Account work]\nlocalrepository = x",
    b"# caf\xe9\n\n[Account work]\n",
    b"\n[general]\n\n# a comment\nui = basic\n",
    b"[general]\naccounts = janet@x, jane\n",
]


def parsed(data: bytes) -> list[str]:
    parser = configparser.RawConfigParser()
    parser.read_string(data.decode("latin-1"))
    return [
        word.strip() for word in parser.get("general", "accounts", fallback="").split(",") if word.strip()
    ]


@pytest.mark.parametrize("data", FILES)
def test_names_come_and_go_in_any_order(data: bytes) -> None:
    before = names(data, "general", "accounts")
    assert list(before) == parsed(data)
    one = add(data, "general", "accounts", "jane@x")
    two = add(one, "general", "accounts", "joe@x")
    assert parsed(two) == ["joe@x", "jane@x", *before]
    assert add(two, "general", "accounts", "jane@x") == two
    assert remove(two, "general", "accounts", "joe@x") == one
    assert remove(one, "general", "accounts", "jane@x") == data
    other = remove(two, "general", "accounts", "jane@x")
    assert remove(other, "general", "accounts", "joe@x") == data


def test_a_name_that_the_user_has_put_last_goes_too() -> None:
    data = b"[general]\naccounts = work, jane@x\n"
    assert remove(data, "general", "accounts", "jane@x") == b"[general]\naccounts = work\n"
    assert remove(data, "general", "accounts", "joe@x") == data
    assert (
        remove(b"[general]\nui=x\naccounts = jane@x", "general", "accounts", "jane@x") == b"[general]\nui=x\n"
    )


@given(st.text(alphabet="[general]accounts =,:#\n\r jx@", max_size=60).map(str.encode), st.integers(0, 60))
def test_any_file_gets_and_loses_the_name(data: bytes, cut: int) -> None:
    data = data[:cut] + b"\n[general]\naccounts = a\n" + data[cut:]
    try:
        before = parsed(data)
    except configparser.Error:
        return
    if "jane@x" in before:
        return
    one = add(data, "general", "accounts", "jane@x")
    assert parsed(one) == ["jane@x", *before]
    assert remove(one, "general", "accounts", "jane@x") == data
