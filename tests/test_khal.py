"""khal: into which section, and which names are taken. The real program: tests/live/test_vdirsyncer.py."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import khal
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Plan
from tests.clients.machines.base import terminal
from tests.test_msmtp import SECRET, put, write
from tests.test_vdirsyncer import JANE

CONFIG = ".config/khal/config"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "khal")


def plan(host: Host, **changes: object) -> Plan:
    return khal.plan(host, dataclasses.replace(JANE, **changes), SECRET, Options())  # type: ignore[arg-type]


def lines(host: Host) -> list[str]:
    return [line for line in (host.home / CONFIG).read_text().splitlines() if line and line[0] != "#"]


def ours(name: str) -> list[str]:
    return [f"[[{name}@example.org]]", f"path = ~/.calendars/{name}@example.org/*", "type = discover"]


def test_one_section_for_all_accounts(host: Host) -> None:
    put(plan(host))
    put(plan(host, address="joe@example.org"))
    assert lines(host) == ["[calendars]", *ours("jane"), *ours("joe")]
    assert not plan(host).changes


def test_in_the_users_section_wherever_it_is(host: Host) -> None:
    write(host.home / CONFIG, "[calendars]\n[[mine]]\npath = x\n[default]\nx = y\n")
    put(plan(host))
    assert lines(host) == ["[calendars]", "[[mine]]", "path = x", *ours("jane"), "[default]", "x = y"]
    put(plan(host, address="joe@example.org"))
    assert lines(host)[6:] == [*ours("joe"), "[default]", "x = y"]


def test_a_calendar_of_the_users_own(host: Host) -> None:
    write(host.home / CONFIG, "[calendars]\n[[jane@example.org]]\npath = x\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_a_provider_without_calendars(host: Host) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, caldav=None)
    assert caught.value.code == "server.unknown"


def test_without_khal(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
