"""Hostile values through the target's own parser, where the program can print its settings."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import UsageError
from provisioner.quoting.msmtp import msmtp
from tests.needs import need

pytestmark = pytest.mark.live

CONFIG = "account a\nhost h.example\ntls on\nuser %s\nfrom j@example.org\n"


@pytest.fixture
def printed(tmp_path: Path):  # type: ignore[no-untyped-def]
    """What msmtp makes of a user name: all settings but that one, and that one."""
    need(shutil.which("msmtp"), "msmtp is not installed")
    path = tmp_path / "msmtprc"
    path.touch(mode=0o600)

    def settings_of(quoted: str) -> tuple[list[bytes], bytes]:
        path.write_bytes((CONFIG % quoted).encode())
        done = subprocess.run(
            ["msmtp", "--pretend", "-C", path, "-a", "a", "x@example.org"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )
        lines = (done.stdout + done.stderr).split(b"\n")
        user = [line for line in lines if line.startswith(b"user = ")]
        return [line for line in lines if line not in user], user[0].removeprefix(b"user = ")

    return settings_of


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(min_size=1, max_size=200))
def test_msmtp_reads_any_value_as_it_is_and_no_other_setting_changes(printed, value: str) -> None:  # type: ignore[no-untyped-def]
    others, _ = printed('"jane"')
    try:
        quoted = msmtp(value)
    except UsageError:
        assert any(char in value for char in "\r\n\0") or len(value.encode(errors="replace")) > 200
        return
    now, user = printed(quoted)
    assert user == value.encode()
    assert now == others


@pytest.mark.parametrize(
    "value", ['a"b', "a\\", "a # b", "$HOME `id` $(id)", "a\ttls off", '" \ntls off', "'", "%s"]
)
def test_msmtp_and_values_that_look_like_syntax(printed, value: str) -> None:  # type: ignore[no-untyped-def]
    try:
        quoted = msmtp(value)
    except UsageError:
        assert "\n" in value
        return
    assert printed(quoted) == (printed('"jane"')[0], value.encode())
