"""notmuch, the real one, over what the real mbsync has fetched."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import UsageError
from provisioner.quoting.notmuch import notmuch as quoted
from tests.live.terminal import Terminal, terminal_with
from tests.live.world import BOB, JANE, PASSWORD, SUBJECTS, World
from tests.needs import need

pytestmark = pytest.mark.live


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with terminal_with(world, "mbsync", "notmuch") as terminal:
        yield terminal


def found(terminal: Terminal, query: str) -> list[str]:
    """Subjects; what notmuch complains of would stand before the JSON."""
    output = terminal.run("notmuch", "new")
    assert "Ignoring" not in output, output
    return sorted(
        one["subject"] for one in json.loads(terminal.run("notmuch", "search", "--format=json", query))
    )


def test_one_command_and_the_mail_is_found(terminal: Terminal) -> None:
    before = terminal.snapshot()
    output = terminal.setup("mbsync", "notmuch")
    assert "notmuch new" in output
    terminal.run("mbsync", "-a")
    terminal.setup_bob("mbsync", "notmuch")
    terminal.run("mbsync", "-a")
    assert found(terminal, "*") == sorted(SUBJECTS * 2)
    assert found(terminal, f"path:{JANE}/**") == sorted(SUBJECTS)
    assert terminal.run("notmuch", "config", "get", "user.primary_email").strip() == JANE
    assert terminal.run("notmuch", "config", "get", "user.other_email").strip() == BOB
    terminal.provisioner("status", "--check")
    assert terminal.world.files_with(PASSWORD) == []
    terminal.provisioner("remove", JANE)
    assert terminal.run("notmuch", "config", "get", "user.primary_email").strip() == BOB
    assert found(terminal, f"path:{JANE}/**") == sorted(SUBJECTS)
    terminal.provisioner("remove", BOB)
    shutil.rmtree(terminal.home / "Mail")
    shutil.rmtree(terminal.home / ".mbsync", ignore_errors=True)
    assert terminal.snapshot() == before


def test_it_asks_for_no_password(terminal: Terminal) -> None:
    before = terminal.snapshot()
    terminal.world.imap.forget()
    terminal.provisioner("setup", JANE, "notmuch")
    assert terminal.world.imap.logins() == []
    terminal.provisioner("status")
    assert "revoke" not in terminal.provisioner("remove", JANE)
    assert terminal.snapshot() == before


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=60))
def test_it_reads_any_value_as_it_is(tmp_path: Path, value: str) -> None:
    need(shutil.which("notmuch"), "notmuch is not installed")
    config = tmp_path / "config"
    try:
        config.write_bytes(f"[user]\nname={quoted(value)}\n".encode())
    except UsageError:
        assert set(value) & set(";\0") or value != value.strip()
        return
    done = subprocess.run(
        ["notmuch", f"--config={config}", "config", "get", "user.name"],
        capture_output=True,
        check=True,
        timeout=20,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    assert done.stdout.decode() == f"{value}\n"
