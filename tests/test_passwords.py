"""What becomes of a typed, piped or pasted password."""

from __future__ import annotations

import io
import shlex
import sys
import time
from pathlib import Path

import pytest

from provisioner.errors import Cancelled, UsageError
from provisioner.model import AppPassword, PasswordForm
from provisioner.passwords import clean, from_command, from_prompt, from_stdin, shape_warning
from provisioner.stores import command as store

RULE = AppPassword(
    term="app-specific password",
    spaces_are_decoration=True,
    form=PasswordForm(
        pattern="[a-z]{4}(-[a-z]{4}){3}", displayed_as="four groups", example="abcd-efgh-ijkl-mnop"
    ),
)


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("abcd-efgh-ijkl-mnop\n", "abcd-efgh-ijkl-mnop"),
        ("\ufeff".strip("\ufeff") + "  abcd-efgh-ijkl-mnop \r\n\r\n", "abcd-efgh-ijkl-mnop"),
        ("AbCd!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~é", "AbCd!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~é"),
    ],
)
def test_white_space_around_goes_and_nothing_else(typed: str, kept: str) -> None:
    assert clean(typed, None).reveal() == kept


def test_inner_white_space_goes_only_where_it_is_decoration() -> None:
    assert clean("ab cd\tef", RULE).reveal() == "abcdef"
    assert clean("ab cd", None).reveal() == "ab cd"


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("", "empty"),
        (" \n ", "empty"),
        ("a\nb", "multiline"),
        ("a\r\nb", "multiline"),
        ("a\u2028b", "multiline"),
        ("a\0b", "control"),
    ],
)
def test_refused(typed: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        clean(typed, RULE)
    assert caught.value.code == f"password.{code}"


def test_shape_warning() -> None:
    assert shape_warning(clean("abcd-efgh-ijkl-mnop", RULE), RULE) == ""
    assert shape_warning(clean("whatever", None), None) == ""
    warning = shape_warning(clean("Hunter2-is-mine", RULE), RULE)
    assert "app-specific password" in warning
    assert "Hunter2" not in warning
    damaged = shape_warning(clean("abcd-efgh-ijkl-mno", RULE), RULE)
    assert "damaged while copying: a letter is missing" in damaged


def test_stdin() -> None:
    assert from_stdin(RULE, io.BytesIO(b"abcd-efgh-ijkl-mnop\n")).reveal() == "abcd-efgh-ijkl-mnop"
    for data, code in ((b"\xff\xfe", "encoding"), (b"x" * 5000, "too_long"), (b"", "empty")):
        with pytest.raises(UsageError) as caught:
            from_stdin(RULE, io.BytesIO(data))
        assert caught.value.code == f"password.{code}"


def test_command() -> None:
    command = f"{sys.executable} -c \"print('abcd-efgh-ijkl-mnop')\""
    assert from_command(command, RULE).reveal() == "abcd-efgh-ijkl-mnop"


def test_no_shell_runs_the_command(tmp_path) -> None:  # type: ignore[no-untyped-def]
    marker = tmp_path / "ran"
    assert from_command(f"echo abc; touch {marker}", None).reveal() == f"abc; touch {marker}"
    assert not marker.exists()


@pytest.mark.parametrize(
    "command", ["", "'", "no-such-program-here", f"{sys.executable} -c 'raise SystemExit(3)'", "true"]
)
def test_commands_that_give_no_password(command: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_command(command, RULE)
    assert caught.value.code in ("password.command", "password.empty")


def gone(marker: Path) -> bool:
    """Whether the process that wrote its number there has ended, or ends soon."""
    process = Path(f"/proc/{marker.read_text().strip()}")
    for _ in range(50):
        if not process.exists():
            return True
        time.sleep(0.1)
    return False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_a_command_that_prints_without_end_is_stopped(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    with pytest.raises(UsageError, match="sh prints more than 4096 bytes") as caught:
        from_command(shlex.join(["sh", "-c", f"echo $$ > {marker}; yes; sleep 60"]), RULE)
    assert caught.value.code == "password.too_long"
    assert gone(marker)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks at processes in /proc")
def test_with_no_terminal_all_that_a_command_started_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SECONDS", 0.5)
    monkeypatch.setattr(store, "_has_no_terminal", lambda: True)
    marker = tmp_path / "pid"
    with pytest.raises(UsageError, match="did not end within"):
        from_command(shlex.join(["sh", "-c", f"sleep 60 & echo $! > {marker}; wait"]), RULE)
    assert gone(marker)


@pytest.mark.parametrize("alone", [True, False])
def test_a_command_may_print_as_much_as_a_password_may_have(
    alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_has_no_terminal", lambda: alone)
    assert len(from_command("printf %04096d 0", None).reveal()) == 4096
    with pytest.raises(UsageError, match="more than 4096 bytes"):
        from_command("printf %04097d 0", None)


def test_ctrl_c_at_the_prompt() -> None:
    def stop(prompt: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        from_prompt("Password: ", stop, RULE)
