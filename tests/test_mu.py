"""mu: the program that makes its database, for whom and over which mail. The real mu: tests/live."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.clients import mu
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.model import Account, Plan
from tests.clients.machines.base import terminal
from tests.clients.machines.mu import fresh, says, used
from tests.test_msmtp import JANE, JOE, SECRET, put


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def plan(host: Host, account: Account = JANE) -> Plan:
    return mu.plan(host, account, SECRET, Options())


def script(host: Host) -> Path:
    return host.home / ".config/provisioner/mu-init"


def arguments(host: Host, *more: str) -> list[str]:
    """With which mu is started."""
    program = Path(host.env["PATH"]) / "mu"
    before = program.read_bytes()
    program.write_text('#!/bin/sh\nfor one; do echo "$one"; done\n')
    command = ["/bin/sh", str(script(host)), *more]
    env = {"PATH": host.env["PATH"], "HOME": str(host.home)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=20)
    program.write_bytes(before)
    return done.stdout.splitlines()


def test_one_database_for_all_addresses(host: Host) -> None:
    put(plan(host))
    put(plan(host, JOE))
    made = ["init", f"--maildir={host.home}/Mail"]
    assert arguments(host) == [*made, "--my-address=Jane@example.org", "--my-address=joe@example.org"]
    assert arguments(host, "-q")[2] == "-q"
    assert not plan(host).changes
    assert not plan(host, JOE).changes


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(local=st.text("abcXYZ019!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=40))
def test_any_address_arrives_as_it_is(host: Host, local: str) -> None:
    """All characters that `parse_address` lets through."""
    script(host).unlink(missing_ok=True)
    put(plan(host, dataclasses.replace(JANE, address=f"{local}@example.org")))
    assert arguments(host)[2:] == [f"--my-address={local}@example.org"]


def test_what_the_user_has_stays_in_the_database(tmp_path: Path) -> None:
    host = used(tmp_path).host
    made = plan(host)
    assert f"sh {script(host)} --my-address=me@example.org" in made.next
    put(made)
    assert arguments(host)[1] == f"--maildir={host.home}", "it is over more than ~/Mail"
    says(host, host.home, "me@example.org", "JANE@example.org")
    assert plan(host).next == "After every fetch:\n  mu index"
    assert not plan(host).changes


def test_a_database_elsewhere(tmp_path: Path) -> None:
    host = used(tmp_path).host
    says(host, Path("/srv/mail"))
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "mail.elsewhere"


def test_without_a_database_mu_is_not_even_asked(host: Host, tmp_path: Path) -> None:
    (Path(host.env["PATH"]) / "mu").write_text(f"#!/bin/sh\n: > {tmp_path}/started\n")
    plan(host)
    assert not (tmp_path / "started").exists()
    own = dataclasses.replace(host, env={**host.env, "MUHOME": str(tmp_path / "own")})
    (tmp_path / "own/xapian").mkdir(parents=True)
    plan(own)
    assert (tmp_path / "started").exists()


def test_the_form_of_newer_versions(host: Host) -> None:
    rows = f"| property | value | description |\n| root-maildir | {host.home}/x | Absolute path |\n"
    assert mu._root(rows) == host.home / "x"
    assert mu._ADDRESS.findall("| personal-addresses | a@x | List of |\n") == ["a@x"]


def test_without_mu(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
    assert "`maildir-utils` or `mu`" in caught.value.hint
