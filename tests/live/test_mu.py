"""mu, the real one, over what the real mbsync has fetched."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest

from tests.live.terminal import Terminal, terminal_with
from tests.live.world import BOB, JANE, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with terminal_with(world, "mbsync", "mu") as terminal:
        yield terminal


def make(terminal: Terminal, output: str) -> None:
    """The command that the report says to run."""
    command = re.search(r"^ *(sh .*mu-init.*)$", output, re.M)
    assert command, output
    terminal.run("sh", "-c", f"{command[1]} && mu index --quiet")


def found(terminal: Terminal, query: str) -> list[str]:
    return sorted(terminal.run("mu", "find", "--fields", "s", query).splitlines())


def test_one_command_and_the_mail_is_found(terminal: Terminal) -> None:
    before = terminal.snapshot()
    output = terminal.setup("mbsync", "mu")
    assert not (terminal.home / ".cache/mu").exists(), "it is never run for the person"
    terminal.run("mbsync", "-a")
    make(terminal, output)
    assert found(terminal, "lunch") == ["Lunch on Friday"]
    output = terminal.setup_bob("mbsync", "mu")
    terminal.run("mbsync", "-a")
    make(terminal, output)
    known = terminal.run("mu", "info", "store")
    assert (JANE in known, BOB in known) == (True, True)
    assert found(terminal, f"maildir:/{JANE}/INBOX") == sorted(SUBJECTS)
    assert found(terminal, f"maildir:/{BOB}/INBOX") == sorted(SUBJECTS)
    terminal.provisioner("status", "--check")
    assert terminal.world.files_with(PASSWORD) == []
    terminal.provisioner("remove", JANE)
    terminal.provisioner("remove", BOB)
    for name in ("Mail", ".mbsync"):
        shutil.rmtree(terminal.home / name, ignore_errors=True)
    assert terminal.snapshot() == before
