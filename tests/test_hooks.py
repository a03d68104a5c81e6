"""The command that was written for the password is run as clients run it, and must print what is stored."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provisioner.cli import cli
from provisioner.demo.server import DemoServer
from provisioner.demo.tour import pretend_to_be_icloud
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.secret import Secret
from provisioner.stores import captured
from provisioner.stores.captured import CARRIAGE_RETURN, Hooks, Printed, without_carriage_return
from tests.clients.machines.base import terminal
from tests.clients.test_contract import snapshot
from tests.live.lab import until
from tests.memory_store import MemoryStore

EMAIL = "jane.appleseed@icloud.com"
ITEM = SecretItem.shared(EMAIL)
ONE, TWO = "cana-rypa-ssxy-zwvu", "newe-rpas-swor-dabc"
CLIENTS = ("msmtp", "mbsync", "mutt", "curl", "aerc")


class Desk:
    """A terminal without secret-tool, whose `keyring` says what `says` has, whatever is in the keyring."""

    def __init__(self, host: Host, server: DemoServer) -> None:
        self.host, self.server = host, server
        self.ran = host.home.parent / "ran"
        self.keyring = Path(host.env["PATH"]) / "keyring"
        self.answer(f"echo {ONE}")

    def answer(self, script: str) -> None:
        self.ran.write_text("")
        self.keyring.write_text(f'#!/bin/sh\nexport PATH=/usr/bin:/bin\necho "$*" >> {self.ran}\n{script}\n')

    @property
    def runs(self) -> list[str]:
        return self.ran.read_text().splitlines()

    def run(self, *arguments: str, secret: str = "") -> Result:
        return CliRunner().invoke(cli, arguments, input=secret, catch_exceptions=False)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run("status", "--json", *arguments).stdout)["results"]
        return rows


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    plain = terminal(tmp_path, *CLIENTS, "keyring")
    (plain.home / ".muttrc").touch()
    (plain.home / ".config/aerc").mkdir(parents=True)
    with DemoServer(EMAIL, Secret(ONE), tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        bundle = plain.system("/etc/ssl/certs/ca-certificates.crt")
        bundle.parent.mkdir(parents=True)
        bundle.touch()
        pretend_to_be_icloud(plain, server)
        # As every run of the command: what was printed before is not remembered.
        fresh = lambda: dataclasses.replace(plain, hooks=Hooks(plain.env))  # noqa: E731
        monkeypatch.setattr(Host, "current", fresh)
        yield Desk(plain, server)


def setup(desk: Desk, *clients: str, secret: str = ONE) -> Result:
    return desk.run("setup", EMAIL, *clients, "--password-stdin", "--json", secret=secret)


def rotate(desk: Desk) -> Result:
    desk.server.change_password(Secret(TWO))
    return desk.run("rotate", EMAIL, "--password-stdin", "--json", secret=TWO)


def test_it_is_run_once_for_all_that_read_one_item(desk: Desk) -> None:
    done = setup(desk, *CLIENTS)
    assert done.exit_code == 0, done.output
    assert desk.runs == [f"get provisioner {EMAIL}"]
    desk.answer(f"echo {ONE}")
    assert desk.run("status", "--check").exit_code == 0
    assert len(desk.runs) == 1
    desk.answer(f"echo {TWO}")
    done = rotate(desk)
    assert done.exit_code == 0, done.output
    assert len(desk.runs) == 1


OTHERWISE = "does not print what is in the keyring"


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 0", "prints nothing"),
        (f"echo {ONE}; exit 1", "failed with exit code 1"),
        (f"echo {ONE}; kill -9 $$", "was ended by signal 9"),
        (f"echo {TWO}", OTHERWISE),
        ("printf '\\377'", OTHERWISE),
    ],
)
def test_setup_takes_everything_back_if_clients_would_get_no_password(
    desk: Desk, script: str, problem: str
) -> None:
    desk.answer(script)
    before = snapshot(desk.host)
    done = setup(desk, "msmtp", "mbsync")
    assert done.exit_code == 1
    rows = [row for row in json.loads(done.stdout)["results"] if "client" in row]
    assert [row["code"] for row in rows] == ["hook.failed"] * 2
    for row in rows:
        assert row["message"].endswith(f" `{desk.keyring} get provisioner {EMAIL}` {problem}.")
        assert row["next"].startswith("Everything is as it was before.")
        assert f"\n  {desk.keyring} diagnose\n" in row["next"]
    assert ONE not in done.output
    assert TWO not in done.output
    assert isinstance(desk.host.secrets, MemoryStore)
    assert desk.host.secrets.items == {}
    assert {
        path: data for path, data in snapshot(desk.host).items() if not str(path).startswith(".local")
    } == before
    assert len(desk.runs) == 1


@pytest.mark.parametrize(
    ("script", "problem", "step"),
    [
        (
            "exec sleep 60",
            "did not end within 0.3 seconds",
            "time {COMMAND} > /dev/null",
        ),
        (
            f"printf '{ONE}\\r\\n'",
            CARRIAGE_RETURN,
            r"sh -c '{COMMAND} | tr -d \\r'",
        ),
    ],
)
def test_one_that_is_slow_or_ends_its_line_otherwise_has_a_next_step_of_its_own(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, script: str, problem: str, step: str
) -> None:
    if "sleep" in script:
        monkeypatch.setattr(captured, "ANSWER_SECONDS", 0.3)
    desk.answer(script)
    (row,) = [row for row in json.loads(setup(desk, "mbsync").stdout)["results"] if "client" in row]
    command = f"{desk.keyring} get provisioner {EMAIL}"
    assert row["message"].endswith(f" `{command}` {problem}.")
    assert row["next"].splitlines()[-1] == "  " + step.replace("{COMMAND}", command)


def test_what_is_proposed_against_a_carriage_return_prints_the_password_alone() -> None:
    printed = Hooks({"PATH": "/usr/bin:/bin"})(without_carriage_return(f"printf '{ONE}\\r\\n'"))
    assert printed.secret == Secret(ONE)


def test_setup_again_is_not_content_with_it(desk: Desk) -> None:
    assert setup(desk, "msmtp").exit_code == 0
    desk.answer("exit 1")
    done = setup(desk, "msmtp")
    assert done.exit_code == 1
    assert "hook.failed" in done.stdout


def test_rotate_gives_the_old_password_back(desk: Desk) -> None:
    assert setup(desk, "msmtp", "curl").exit_code == 0
    done = rotate(desk)  # what it prints is still the old one
    assert done.exit_code == 1
    assert "hook.failed" in done.stdout
    assert "Every client has the old password again" in done.stdout
    assert desk.host.secrets.get(ITEM) == Secret(ONE)


def test_status_tells_it_only_with_check(desk: Desk) -> None:
    assert setup(desk, "msmtp", "curl").exit_code == 0
    desk.answer(f"echo {TWO}")
    assert [row["state"] for row in desk.rows()] == ["ok", "ok"]
    assert desk.runs == []
    rows = desk.rows("--check")
    assert [(row["client"], row["state"]) for row in rows] == [("msmtp", "failed"), ("curl", "failed")]
    assert "does not print what is in the keyring" in rows[0]["message"]
    assert desk.run("status", "--check").exit_code == 1


def test_it_gets_the_clients_environment_and_its_complaints_are_dropped(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    hooks = Hooks({"PATH": "/usr/bin:/bin", "PYTHON_KEYRING_BACKEND": "some.Backend"})
    script = f'echo {ONE} >&2; echo "$PYTHON_KEYRING_BACKEND"; cat'
    assert hooks(shlex.join(["sh", "-c", script])) == Printed(Secret("some.Backend"))
    assert capfd.readouterr() == ("", "")
    assert hooks(str(tmp_path / "nothing")).problem == "cannot be started: No such file or directory"


def test_one_that_does_not_end_is_stopped_with_all_it_has_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(captured, "ANSWER_SECONDS", 0.3)
    script = f"(echo $$ > {tmp_path}/pid; exec sleep 60) | cat"
    assert Hooks({"PATH": "/usr/bin:/bin"})(shlex.join(["sh", "-c", script])).slow
    group = int((tmp_path / "pid").read_text())
    until("the end of all of them", lambda: not running(group))


def test_one_that_prints_without_end_is_stopped_after_what_a_password_may_have() -> None:
    assert Hooks({"PATH": "/usr/bin:/bin"})("yes").problem == "prints more than 4096 bytes"
    code, output = captured.run(["yes"], {"PATH": "/usr/bin:/bin"})
    assert (code, len(output)) == (0, 4097)


def running(group: int) -> list[str]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, its_group = stat.read_text().rpartition(") ")[2].split()[:3]
            if int(its_group) == group and state != "Z":
                found.append(stat.parent.name)
    return found
