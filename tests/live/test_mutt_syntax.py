"""Hostile values through mutt's and NeoMutt's own parsers. Never a password: they print it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import UsageError
from provisioner.quoting.mutt import mutt, muttcommand
from tests.needs import need

pytestmark = pytest.mark.live

VARIABLES = ("attribution", "folder_format", "index_format", "pager_format", "realname", "status_format")
PLAIN = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
SYNTAX = st.text(st.sampled_from("\\\"'`$(){};#|~^!@=+<>%,. \tax1"), min_size=1, max_size=40)
VALUES = st.lists(PLAIN | SYNTAX, min_size=len(VARIABLES), max_size=len(VARIABLES))
MANY = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

Reader = Callable[[Sequence[str]], list[str]]


@pytest.fixture(params=["mutt", "neomutt"])
def read(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    """What the program makes of words, each the value of a variable."""
    program = request.param
    need(shutil.which(program), f"{program} is not installed")
    queries = [part for name in VARIABLES for part in ("-Q", name)]

    def values(words: Sequence[str]) -> list[str]:
        lines = [f"set {name} = {word}\n" for name, word in zip(VARIABLES, words, strict=True)]
        (tmp_path / "rc").write_text("".join(lines))
        done = subprocess.run(
            [program, "-n", "-F", tmp_path / "rc", *queries],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
        assert done.stderr == b""
        shown = re.findall(r'= ?"(.*)"$', done.stdout.decode(), re.M)
        return [re.sub(r"\\(.)", lambda char: char[1].replace("t", "\t"), value) for value in shown]

    return values


@MANY
@given(values=VALUES)
def test_any_value_is_read_as_it_is(read: Reader, values: list[str]) -> None:
    """Then so is one that is quoted twice, as in hooks: the same parser reads the words of a command."""
    assert read([mutt(value) for value in values]) == values
    twice = [mutt(mutt(value)) for value in values]
    assert read(twice) == [mutt(value) for value in values]


@MANY
@given(values=VALUES)
def test_what_a_command_prints_is_not_read_again(read: Reader, tmp_path: Path, values: list[str]) -> None:
    for number, value in enumerate(values):
        (tmp_path / str(number)).write_text(value + "\n")
    assert read([muttcommand(f"cat {tmp_path}/{number}") for number in range(len(values))]) == values


@MANY
@given(values=VALUES)
def test_a_command_reaches_the_shell_as_it_is_or_is_refused(read: Reader, values: list[str]) -> None:
    words, expected = [], []
    for value in values:
        try:
            words.append(muttcommand(f"printf %s {shlex.quote(value)}"))
            expected.append(value)
        except UsageError:
            assert set(value) & set("`\\$")
            words.append(mutt("refused"))
            expected.append("refused")
    assert read(words) == expected
