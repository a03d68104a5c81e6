"""GLib's own parsers give back every value that we write."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.quoting.gvariant import gvariant, strings
from provisioner.quoting.keyfile import keyfile, keyfile_list
from tests.needs import need

pytestmark = pytest.mark.live

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=60)
WRITABLE = TEXT.filter(lambda text: not text.startswith(("\f", "\v")))


@pytest.fixture(scope="module")
def glib() -> Callable[..., int]:
    """`glib(function, *arguments)`: pointers come back as numbers."""
    name = ctypes.util.find_library("glib-2.0")
    need(name, "needs GLib")
    library = ctypes.CDLL(name)

    def call(function: str, *arguments: object) -> int:
        entry = getattr(library, function)
        entry.restype = ctypes.c_void_p
        entry.argtypes = [ctypes.c_char_p if isinstance(one, bytes) else ctypes.c_void_p for one in arguments]
        return int(entry(*arguments) or 0)

    return call


def text_at(address: int) -> str:
    assert address
    return (ctypes.cast(address, ctypes.c_char_p).value or b"").decode()


@settings(max_examples=200, deadline=None)
@given(value=WRITABLE, values=st.lists(WRITABLE, min_size=1, max_size=3))
def test_key_files(glib: Callable[..., int], value: str, values: list[str]) -> None:
    data = f"[a]\none={keyfile(value)}\nmany={keyfile_list(values)}\n".encode()
    file = glib("g_key_file_new")
    assert glib("g_key_file_load_from_data", file, data, len(data), None, None)
    assert text_at(glib("g_key_file_get_string", file, b"a", b"one", None)) == value
    size = ctypes.c_size_t()
    array = glib("g_key_file_get_string_list", file, b"a", b"many", ctypes.addressof(size), None)
    read = ctypes.cast(array, ctypes.POINTER(ctypes.c_char_p))
    assert [(read[number] or b"").decode() for number in range(size.value)] == values
    glib("g_strfreev", array)
    glib("g_key_file_free", file)


@settings(max_examples=200, deadline=None)
@given(value=TEXT)
def test_passwords_of_gnome_online_accounts(glib: Callable[..., int], value: str) -> None:
    parsed = glib("g_variant_parse", None, gvariant(value).encode(), None, None, None)
    assert parsed
    assert text_at(glib("g_variant_get_string", parsed, None)) == value
    whole = f"{{'imap-password': <{gvariant(value)}>, 'smtp-password': <{gvariant(value)}>}}"
    both = glib("g_variant_parse", None, whole.encode(), None, None, None)
    printed = text_at(glib("g_variant_print", both, 1))
    assert strings(printed) == {"imap-password": value, "smtp-password": value}
    glib("g_variant_unref", both)
    glib("g_variant_unref", parsed)
