"""check of many accounts against the real Dovecot, the passwords in the real GNOME Keyring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.terminal import Terminal, terminal_with
from tests.live.world import BOB, BOB_HOST, BOB_PASSWORD, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, World
from tests.schema import validate

pytestmark = pytest.mark.live


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with terminal_with(world, "msmtp", "mbsync") as terminal:
        yield terminal


def check(terminal: Terminal, *arguments: str, expect: int = 0) -> list[dict[str, Any]]:
    """The rows of `check --json`, which show no password."""
    done = terminal.desktop.run(str(terminal.world.program), "check", *arguments, "--json")
    assert done.returncode == expect, done.stdout + done.stderr
    assert not {PASSWORD, NEW_PASSWORD, BOB_PASSWORD} & {word.strip('",') for word in done.stdout.split()}
    document = json.loads(done.stdout)
    validate(document)
    rows: list[dict[str, Any]] = document["results"]
    return rows


def shown(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return sorted((row["address"], row["service"], row["code"]) for row in rows)


ALL_WELL = [(BOB, "imap", "ok"), (BOB, "smtp", "ok"), (JANE, "imap", "ok"), (JANE, "smtp", "ok")]


def test_everything_that_is_set_up(terminal: Terminal) -> None:
    terminal.setup("msmtp", "mbsync")
    terminal.setup_bob("msmtp")
    terminal.world.imap.forget()
    rows = check(terminal, "--all")
    assert shown(rows) == ALL_WELL
    assert {(row["address"], *sorted(row["clients"])) for row in rows} == {
        (JANE, "mbsync", "msmtp"),
        (BOB, "msmtp"),
    }
    assert len(terminal.world.imap.logins()) == 2  # the one password of both clients is tried once
    assert all(row["cert_expires"] and row["cert_issuer"] == "provisioner tests" for row in rows)
    assert "2 of 2 accounts work." in terminal.run(str(terminal.world.program), "check", "--all")

    terminal.world.set_password(NEW_PASSWORD)
    rows = check(terminal, "--all", expect=3)
    assert [row[2] for row in shown(rows)] == ["ok", "ok", "auth.bad_credentials", "auth.bad_credentials"]
    line = terminal.run(str(terminal.world.program), "check", "--all", "--format", "nagios", expect=2)
    assert line.startswith(f"MAIL CRITICAL - {JANE} imap: ")
    assert "accounts=2;;;0 failing=1;;;0;2 " in line


def test_the_accounts_of_a_file(terminal: Terminal) -> None:
    terminal.setup("msmtp")
    secret = terminal.home / "bob.secret"
    secret.write_text(BOB_PASSWORD)
    bob = f"imap: {BOB_HOST}, smtp: 'smtp.example.net:587', login: bob, smtp_login: {BOB}"
    listed = Path(terminal.home / "accounts.yaml")
    listed.write_text(
        f"accounts:\n  - email: {JANE}\n  - {{email: {BOB}, {bob}, password_command: cat {secret}}}\n"
    )
    assert shown(check(terminal, "--accounts", str(listed))) == ALL_WELL
    table = terminal.home / "accounts.csv"
    table.write_text(
        "email,password,imap,smtp,login,smtp_login\n"
        f"{JANE},{PASSWORD},,,,\n{BOB},{BOB_PASSWORD},{BOB_HOST},smtp.example.net:587,bob,{BOB}\n"
    )
    table.chmod(0o600)
    assert shown(check(terminal, "--accounts", str(table))) == ALL_WELL
    table.chmod(0o644)
    words = terminal.run(str(terminal.world.program), "check", "--accounts", str(table), expect=2)
    assert "others can read it" in words


def test_the_transcript(terminal: Terminal) -> None:
    terminal.setup("msmtp")
    command = (str(terminal.world.program), "check", JANE, "--client", "msmtp", "-v")
    words = terminal.run(*command)
    assert "> P1 AUTHENTICATE PLAIN <masked>" in words
    assert "> AUTH PLAIN <masked>" in words or "> AUTH LOGIN" in words
    talk = [line for line in words.splitlines() if " > " in line or " < " in line]
    assert len(talk) > 10
    assert not [line for line in talk if JANE_LOCAL in line or JANE in line]
