"""status tells what somebody has changed from what a machine of today would have in another form."""

from __future__ import annotations

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
from provisioner.secret import Secret
from provisioner.stores.captured import Hooks
from tests.clients.machines.base import certificates, terminal

EMAIL, OTHER = "jane.appleseed@icloud.com", "bob@icloud.com"
ONE, TWO = "cana-rypa-ssxy-zwvu", "newe-rpas-swor-dabc"
MSMTP = ".config/msmtp/config"


class Desk:
    def __init__(self, host: Host) -> None:
        self.host = host
        self.bin = Path(host.env["PATH"])

    def program(self, name: str, output: str) -> None:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\necho {shlex.quote(output)}\n")
        path.chmod(0o755)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, arguments, input=ONE, catch_exceptions=False)

    def setup(self, *clients: str, email: str = EMAIL) -> None:
        done = self.run("setup", email, *clients, "--password-stdin", "--no-check")
        assert done.exit_code == 0, done.output

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.run("status", "--json", *arguments).stdout)["results"]
        return [row for row in rows if "client" in row]

    def row(self) -> dict[str, Any]:
        return next(row for row in self.rows() if row["address"] == EMAIL)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    plain = certificates(terminal(tmp_path, "mbsync", "neomutt", "getmail", "keyring"))
    with DemoServer(EMAIL, Secret(ONE), tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        pretend_to_be_icloud(plain, server)
        fresh = lambda: dataclasses.replace(plain, hooks=Hooks(plain.env))  # noqa: E731
        monkeypatch.setattr(Host, "current", fresh)
        desk = Desk(plain)
        desk.program("keyring", ONE)
        desk.program("msmtp", "msmtp version 1.8.23")
        yield desk


READERS = ("mbsync", "msmtp", "neomutt", "getmail")


def test_another_program_for_the_password_is_nobodys_change(desk: Desk) -> None:
    desk.setup(*READERS)
    desk.program("secret-tool", ONE)
    rows = desk.rows()
    assert [(row["client"], row["state"]) for row in rows] == [(one, "ok") for one in READERS]
    for row in rows:
        assert row["message"] == (
            f"as it was set up; written now, it would get the password by `secret-tool lookup service "
            f"provisioner username {EMAIL}`"
        )
        assert row["next"] == f"To write it anew:\n  provisioner setup {EMAIL} {row['client']}"
    assert desk.run("status").exit_code == 0
    desk.setup("msmtp")
    assert {row["client"]: row["message"] for row in desk.rows()}["msmtp"] == "as it was set up"


def test_check_runs_the_command_that_is_in_the_file(desk: Desk) -> None:
    desk.setup("msmtp", "mbsync")
    desk.program("secret-tool", ONE)
    assert [row["state"] for row in desk.rows("--check")[:2]] == ["ok", "ok"]
    desk.program("secret-tool", TWO)
    assert [row["state"] for row in desk.rows("--check")[:2]] == ["ok", "ok"]
    desk.program("keyring", TWO)
    rows = desk.rows("--check")[:2]
    assert [row["state"] for row in rows] == ["failed", "failed"]
    assert f"`{desk.bin}/keyring get provisioner {EMAIL}`" in rows[0]["message"]


def test_a_command_whose_program_is_gone_does_not_work(desk: Desk) -> None:
    desk.program("secret-tool", ONE)
    desk.setup("msmtp")
    (desk.bin / "secret-tool").unlink()
    row = desk.row()
    assert row["state"] == "drifted"
    assert row["message"] == "its command for the password needs secret-tool, which is not there now"
    assert f"\n  provisioner setup {EMAIL} msmtp" in row["next"]


@pytest.mark.parametrize(
    ("client", "was", "now", "state", "said"),
    [
        ("aerc", "0.14.0", "0.18.2", "ok", "newer than …: it works as it is"),
        ("aerc", "0.18.2", "0.14.0", "drifted", "older than …: it would send"),
        (
            "himalaya",
            "1.2.0",
            "2.1.0",
            "drifted",
            "newer than …: it does not read",
        ),
        (
            "himalaya",
            "2.1.0",
            "1.2.0",
            "drifted",
            "older than …: it does not read",
        ),
        ("msmtp", "1.8.2", "1.8.23", "ok", "newer than …: it works as it is"),
        (
            "msmtp",
            "1.8.23",
            "1.8.2",
            "drifted",
            "older than …: it would not verify",
        ),
        ("himalaya", "1.0.0", "1.1.0", "ok", "whether it still works is not known"),
    ],
)
def test_another_version_is_nobodys_change(
    desk: Desk, client: str, was: str, now: str, state: str, said: str
) -> None:
    desk.program(client, f"{client} version {was}")
    desk.setup(client)
    desk.program(client, f"{client} version {now}")
    row = desk.row()
    assert row["state"] == state
    assert said.replace("…", "the one this was written for") in row["message"]
    assert row["next"] == f"To write it anew:\n  provisioner setup {EMAIL} {client}"
    desk.setup(client)
    assert desk.row()["message"] == "as it was set up"


def test_another_account_and_lines_of_the_users_own_in_the_file_hide_it_not(desk: Desk) -> None:
    desk.setup("msmtp")
    desk.setup("msmtp", email=OTHER)
    config = desk.host.home / MSMTP
    config.write_text("# mine\n" + config.read_text())
    desk.program("secret-tool", ONE)
    assert {row["state"] for row in desk.rows()} == {"ok"}
    assert "it would get the password by" in desk.row()["message"]


@pytest.mark.parametrize("machine_changes", [False, True])
def test_what_somebody_has_changed_is_drift_as_ever(desk: Desk, machine_changes: bool) -> None:
    desk.setup("msmtp")
    config = desk.host.home / MSMTP
    config.write_text(f"{config.read_text()}account mine\nhost example.org\naccount default : mine\n")
    if machine_changes:
        desk.program("secret-tool", ONE)
    row = desk.row()
    assert (row["state"], row["message"]) == ("drifted", "settings have been changed since")
    assert row["next"] == f"To write it anew:\n  provisioner setup {EMAIL} msmtp"


def test_a_place_that_was_named_is_named_again(desk: Desk, tmp_path: Path) -> None:
    place = tmp_path / "msmtprc"
    place.touch()
    desk.setup("msmtp", "--client-profile", str(place))
    desk.program("secret-tool", ONE)
    assert desk.row()["next"].endswith(f"  provisioner setup {EMAIL} msmtp --client-profile {place}")
