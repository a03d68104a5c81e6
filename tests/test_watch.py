"""check --watch: what is told, round by round. Only the clock is replaced; the logins are real."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from provisioner.cli import cli
from provisioner.report import Change, ChangeRow, CheckRow
from provisioner.workflows.watch import Clock, Watcher
from tests.servers import PASSWORD, Scenario, Server, Talk, authority, close

START = datetime(2026, 1, 1, 12, tzinfo=UTC)


class FakeClock(Clock):
    """Time passes only while it sleeps; after the last round comes Ctrl-C."""

    def __init__(self, rounds: int = 1, before: Callable[[int], None] = lambda number: None) -> None:
        self.time, self.rounds, self.before, self.slept = START, rounds, before, 0

    def now(self) -> datetime:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.slept += 1
        if self.slept == self.rounds:
            raise KeyboardInterrupt
        self.before(self.slept)


def row(code: str = "ok", until: str = "", address: str = "ann@x.org") -> CheckRow:
    return CheckRow(
        service="imap",
        ok=code == "ok",
        code=code,
        message=f"{code} happened.",
        next="Do it.",
        host="h.x.org",
        port=993,
        user="ann",
        seconds=0.1,
        exit_code={"ok": 0, "net.timeout": 4, "net.refused": 4}.get(code, 3),
        address=address,
        cert_expires=until,
    )


def watcher(clock: FakeClock | None = None) -> Watcher:
    return Watcher(minutes=5, cert_days=14, clock=clock or FakeClock())


def kinds(changes: list[ChangeRow]) -> list[str]:
    return [str(change.change) for change in changes]


def test_only_changes_are_told() -> None:
    one = watcher()
    codes = [
        "ok",
        "ok",
        "net.timeout",
        "net.timeout",
        "net.refused",
        "auth.bad_credentials",
        "ok",
        "auth.expired",
    ]
    told = [kinds(one.take(row(code))) for code in codes]
    assert told == [[], [], ["fails"], [], ["other-cause"], ["other-cause"], ["works"], ["revoked"]]
    assert kinds(one.take(row("net.timeout", address="bob@x.org"))) == ["fails"]
    assert (one.working, one.all) == (0, 2)


def test_a_login_that_is_not_tried_is_no_news() -> None:
    one = watcher()
    told = [kinds(one.take(row(code))) for code in ("ok", "auth.not_tried", "ok", "auth.expired")]
    assert told == [[], [], [], ["revoked"]]
    assert kinds(one.take(row("auth.not_tried", address="bob@x.org"))) == ["fails"]


def test_what_a_change_says() -> None:
    one = watcher()
    one.take(row())
    (change,) = one.take(row("auth.bad_credentials"))
    assert (change.time, change.change, change.ok) == ("2026-01-01T12:00:00Z", Change.REVOKED, False)
    assert (change.code, change.message, change.next) == (
        "auth.bad_credentials",
        "auth.bad_credentials happened.",
        "Do it.",
    )
    (change,) = one.take(row())
    assert (change.change, change.ok) == (Change.WORKS, True)


def test_a_certificate_is_told_once_for_its_server() -> None:
    clock = FakeClock(rounds=99)
    one = watcher(clock=clock)
    until = "2026-01-16T12:00:00Z"
    assert one.take(row(until=until)) == []
    clock.sleep(24 * 3600 + 1)
    (change,) = one.take(row(until=until))
    assert change.change is Change.ENDING
    assert "h.x.org port 993 ends in 13 days (2026-01-16)" in change.message
    assert one.take(row(until=until, address="bob@x.org")) == []
    assert kinds(one.take(row(until="2026-01-15T12:00:00Z"))) == ["certificate-ends"]
    assert kinds(one.take(row("net.timeout"))) == ["fails"]  # nothing is known of the certificate now
    assert kinds(one.take(row(until="2027-01-16T12:00:00Z"))) == ["works", "certificate-renewed"]
    assert one.take(row(until="2027-01-16T12:00:00Z")) == []


# --- the command ---


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(port: int, clock: FakeClock, *more: str) -> Any:
        monkeypatch.setattr(Clock, "now", lambda self: clock.now())
        monkeypatch.setattr(Clock, "sleep", lambda self, seconds: clock.sleep(seconds))
        servers = ["--imap", f"localhost:{port}", "--imap-security", "tls", "--smtp", "localhost:1"]
        arguments = ["check", "ann@x.org", *servers, "--only", "imap", "--password-stdin", "--watch", "5"]
        return CliRunner().invoke(cli, [*arguments, *more], input=PASSWORD, catch_exceptions=False)

    return run


class Moody:
    """Answers logins as its mood is."""

    def __init__(self) -> None:
        self.mood = "ok"
        self.asked = 0

    def __call__(self, talk: Talk) -> None:
        self.asked += 1
        if self.mood == "down":
            close(talk)
        said = {"ok": "OK hi", "no": "NO [AUTHENTICATIONFAILED] no", "broken": "NO [UNAVAILABLE] no"}
        talk.send(f"{talk.tag} {said[self.mood]}\r\n")


MOODS = ["ok", "ok", "no", "no", "ok", "down", "down", "ok"]
"""After a password that was not accepted one round is left out."""


def play(watched: Callable[..., Any], moods: list[str], *more: str) -> tuple[Any, Moody]:
    moody = Moody()
    moody.mood = moods[0]

    def before(number: int) -> None:
        moody.mood = moods[number]

    with Server(Scenario("t", "imap", "tls", "ok", {"AUTHENTICATE": moody})) as server:
        return watched(server.port, FakeClock(len(moods), before), "--login", "ann", *more), moody


def test_a_day_of_a_server(watched: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    result, _ = play(watched, MOODS)
    assert result.exit_code == 130
    told = [line.split(": ")[1] for line in result.stdout.splitlines() if "imap: " in line]
    assert told == [
        "worked before, and the password is rejected now",
        "works again",
        "does not work",
        "works again",
    ]
    assert "1 of 1 login works. From now on only changes are shown" in " ".join(result.stderr.split())
    assert "Stopped after looking 8 times; 1 of 1 login works." in " ".join(result.stderr.split())
    assert PASSWORD not in result.output


def test_a_day_of_a_server_as_json(watched: Callable[..., Any]) -> None:
    result, _ = play(watched, ["no", "ok"], "--json")
    assert result.exit_code == 130
    first, last = (json.loads(line) for line in result.stdout.splitlines())
    assert [(one["change"], one["service"], one["code"]) for one in first["results"]] == [
        ("fails", "imap", "auth.bad_credentials")
    ]
    assert last["errors"][0]["code"] == "cancelled"


@pytest.mark.parametrize("mood", ["no", "broken", "down"])
def test_a_password_that_is_not_accepted_is_tried_less_and_less(
    watched: Callable[..., Any], mood: str
) -> None:
    result, moody = play(watched, [mood] * 41)  # rounds at 0, 5, ..., 200 minutes
    assert moody.asked == 6  # at 0, 10, 30, 70, 130 and 190 minutes
    assert result.stdout.count("does not work") == 1


def test_a_server_that_is_down_before_the_login_is_looked_at_each_time(watched: Callable[..., Any]) -> None:
    with Server(Scenario("t", "imap", "tls", "", {"GREETING": "* BYE down\r\n"})) as server:
        watched(server.port, FakeClock(7), "--login", "ann")
    assert server.connections == 7


def test_it_does_not_go_with_nagios(watched: Callable[..., Any]) -> None:
    assert CliRunner().invoke(cli, ["check", "--all", "--watch", "5", "--format", "nagios"]).exit_code != 0


def test_ctrl_c_in_the_first_round_tells_what_is_known(
    tmp_path: Path, watched: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of bob, who was refused, and ann, who was not; cat's login is cut short and dan's has not begun."""
    del watched  # for its environment
    monkeypatch.setenv("COLUMNS", "200")
    ready = threading.Event()

    def by_name(talk: Talk) -> None:
        who = base64.b64decode(talk.line.split()[-1])
        if b"\0cat" in who:
            ready.set()
            talk.hang()
        talk.send(f"{talk.tag} {'NO [AUTHENTICATIONFAILED] no' if b'bob' in who else 'OK hi'}\r\n")

    with Server(Scenario("t", "imap", "tls", "ok", {"AUTHENTICATE": by_name})) as server:
        file = tmp_path / "accounts.csv"
        names = "ann", "bob", "cat", "dan"
        lines = [f"{name}@x.org,{PASSWORD},localhost:{server.port},localhost:1" for name in names]
        file.write_text("\n".join(["email,password,imap,smtp", *lines]))
        file.chmod(0o600)
        command = [sys.executable, "-m", "provisioner", "check", "--accounts", str(file), "--only", "imap"]
        more = ["--per-host", "1", "--watch", "5"]
        process = subprocess.Popen(
            [*command, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert ready.wait(20)
        os.kill(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert [line.split("  ")[1] for line in output.splitlines() if "imap: " in line] == [
        "bob@x.org imap: does not work"
    ]
    assert "Stopped in the first round; 1 of 2 logins works; 2 of 4 accounts were not tried" in errors
    assert "Traceback" not in errors
