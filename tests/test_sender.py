"""Senders as one value: whatever the name holds, a parser finds the account's address, and the name."""

from __future__ import annotations

from collections.abc import Callable
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.clients.common import sender

ADDRESS = "jane@example.org"
NAMES = st.text(st.sampled_from("<>@,;:\\\"().[]=?' aé") | st.characters(exclude_categories=["C", "Z"]))
LONG = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=60, max_size=256)
EVIL = 'Dr. "J" \\ (x), <c@evil.example>; é =?utf-8?q?x?='


def read(value: str) -> tuple[str, str]:
    """Name and address, as Python's email package reads them."""
    name, address = parseaddr(value)
    return str(make_header(decode_header(name))), address


@pytest.mark.parametrize("form", [sender.encoded, sender.phrase])
@given(name=NAMES.map(str.strip) | LONG)
def test_any_name_comes_back_and_so_does_the_address(form: Callable[[str], str], name: str) -> None:
    value = sender.mailbox(form(name), ADDRESS)
    assert value.isascii()
    assert read(value) == (name, ADDRESS)
    assert all(len(word) <= 75 for word in value.split() if word.startswith("=?"))


@given(name=NAMES.map(str.strip) | LONG)
def test_a_quoted_string(name: str) -> None:
    assert parseaddr(sender.mailbox(sender.quoted(name), ADDRESS)) == (name, ADDRESS)


@given(name=NAMES.map(str.strip) | LONG)
def test_encoded_words_have_no_character_that_means_something_in_an_address(name: str) -> None:
    assert not sender.special(sender.encoded(name))
    assert sender.special(name) == any(char in '()<>[]:;@\\,."' for char in name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", ADDRESS),
        ("Jane O'Neill", f"Jane O'Neill <{ADDRESS}>"),
        ("Jane Q. Public", f'"Jane Q. Public" <{ADDRESS}>'),
        ('a"b\\', f'"a\\"b\\\\" <{ADDRESS}>'),
        ("Zoë", f"=?utf-8?q?Zo=C3=AB?= <{ADDRESS}>"),
        ("=?utf-8?q?x?=", f"=?utf-8?b?PT91dGYtOD9xP3g/PQ==?= <{ADDRESS}>"),
    ],
)
def test_the_plainest_form(name: str, value: str) -> None:
    assert sender.mailbox(sender.phrase(name), ADDRESS) == value
