"""What the filters for TOML and YAML write is read back as it was; m4 leaves meli's as it is."""

from __future__ import annotations

import shutil
import subprocess
import tomllib

import pytest
import yaml as library
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.errors import UsageError
from provisioner.quoting.toml import _M4, meli, toml
from provisioner.quoting.yaml import yaml
from tests.needs import need

LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
STRANGE = [
    '"',
    "\\",
    "\\u0041",
    '"""',
    "a # b",
    "= [x]",
    "'''",
    "\t\x7f\x85",
    "ü🍏\u2028\u202e\ufeff",
    "{{ 7 }}",
]
PREAMBLES = (
    "define(`builtin_include', defn(`include'))dnl\n"
    "define(`include', `builtin_include(substr($1,1,decr(decr(len($1)))))dnl')dnl\n",
    "divert(-1)dnl\ndefine(`include', `divert(0)$1\ndivert(-1)\n')dnl\nchangequote(`\"', `\"')dnl\n",
)
"""What meli has m4 read before the file, to expand it and to list what it includes (preprocessing.rs)."""


@given(LINES)
def test_any_line(value: str) -> None:
    for text in (toml(value), meli(value)):
        read = tomllib.loads(f"a = {text}\nb = [{text}]\n[c]\n{text} = 1")
        assert read == {"a": value, "b": [value], "c": {value: 1}}
    assert library.safe_load(f"a: {yaml(value)}\nb: [{yaml(value)}]\n") == {"a": value, "b": [value]}


@pytest.mark.parametrize("value", STRANGE)
def test_what_looks_like_syntax(value: str) -> None:
    assert tomllib.loads(f"a = {toml([value, value])}") == {"a": [value, value]}
    assert tomllib.loads(f"a = {meli(value)}") == {"a": value}
    assert library.safe_load(yaml(value)) == value


def test_other_values() -> None:
    assert [str(toml(value)) for value in (True, False, 993)] == ["true", "false", "993"]
    assert [str(yaml(value)) for value in (True, 993)] == ["true", "993"]
    assert str(meli(False)) == "false"


@pytest.mark.parametrize("quote", [toml, meli, yaml])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\0", "\ud800"])
def test_what_is_no_line_is_refused(quote, value: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError) as caught:
        quote(value)
    assert caught.value.code == "value.unwritable"


def through_m4(preamble: str, text: str) -> str:
    done = subprocess.run(
        ["m4"], input=(preamble + text).encode(), capture_output=True, check=True, timeout=20
    )
    assert not done.stderr
    return done.stdout.decode()


@pytest.mark.live
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([*sorted(_M4), *STRANGE, "(", ")", ",", " ", "`", "'", "$1", "x"])),
        min_size=1,
    )
)
def test_m4_changes_nothing_that_meli_reads(values: list[list[str]]) -> None:
    need(shutil.which("m4"), "m4 is not installed")
    text = "".join(f"a{number} = {meli(''.join(value))}\n" for number, value in enumerate(values))
    assert through_m4(PREAMBLES[0], text) == text
    assert through_m4(PREAMBLES[1], text) == ""


@pytest.mark.live
def test_every_macro_of_m4_is_known() -> None:
    need(shutil.which("m4"), "m4 is not installed")
    done = subprocess.run(["m4"], input=b"dumpdef", capture_output=True, check=True, timeout=20)
    names = {line.partition(":")[0] for line in done.stderr.decode().splitlines()}
    assert len(names) > 30
    assert names <= _M4
