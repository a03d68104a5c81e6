"""Several provisioners at once, as real processes: they wait for each other, and blame no client for it."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner import apply, locks
from provisioner.accounts import Wish
from provisioner.clients import thunderbird
from provisioner.clients.base import Options
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.journal import Journal
from provisioner.report import Report, State
from provisioner.secret import Secret
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context, wait_until_closed
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from tests.clients.machines import MACHINES
from tests.mozlock import Clock, held, in_child
from tests.test_crash import Silent, ask

EMAIL = "jane.appleseed@icloud.com"
OLD, NEW = Secret("abcd-efgh-ijkl-mnop"), Secret("qrst-uvwx-yzab-cdef")
AT_ONCE = 4


class Teller(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(rotation, "_works", lambda *rest: True)
    return MACHINES["thunderbird-used"][1](tmp_path).host


def context(host: Host) -> Context:
    return Context(host, Journal(host.state_dir), Teller(), Report("test"))


def add(host: Host, secret: Secret = OLD) -> Report:
    now = context(host)
    setup(now, Wish(EMAIL), ["thunderbird"], ask(secret), SetupOptions(check=False))
    return now.report


def rotate(host: Host) -> Report:
    now = context(host)
    rotation.rotate(now, Wish(EMAIL), [], ask(NEW), Options())
    return now.report


def take_out(host: Host) -> Report:
    now = context(host)
    remove(now, EMAIL, [], Options(), dry_run=False, wait=False)
    return now.report


def lock_of(host: Host) -> Path:
    (prefs,) = host.home.rglob("prefs.js")
    return prefs.with_name(".parentlock")


def stored(host: Host) -> Secret | None:
    (receipt,) = Journal(host.state_dir).receipts()
    return thunderbird.stored_secret(host, receipt.account, Options())


def all_at_once(action: Callable[[], Report]) -> list[int]:
    """Exit codes of children that begin together; 0: the report is good."""
    gate, start = os.pipe()
    children = []
    for _ in range(AT_ONCE):
        pid = os.fork()
        if pid == 0:
            code = 99
            try:
                os.close(start)
                os.read(gate, 1)
                code = action().exit_code
            except BaseException:
                traceback.print_exc()
            finally:
                os._exit(code)
        children.append(pid)
    os.close(gate)
    os.close(start)  # end of file for all of them
    return [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]


def test_setups_at_once_all_succeed(host: Host) -> None:
    assert all_at_once(lambda: add(host)) == [0] * AT_ONCE
    assert stored(host) == OLD


def test_rotations_at_once_all_succeed(host: Host) -> None:
    add(host)
    assert all_at_once(lambda: rotate(host)) == [0] * AT_ONCE
    assert stored(host) == NEW


def test_removals_at_once_all_succeed(host: Host) -> None:
    add(host)
    assert all_at_once(lambda: take_out(host)) == [0] * AT_ONCE
    assert Journal(host.state_dir).receipts() == []


@pytest.mark.parametrize("verb", [add, rotate])
@pytest.mark.parametrize("step", ["recovering", "planning"])
def test_another_provisioner_is_named_and_no_client_is_blamed(
    host: Host, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., Report], step: str
) -> None:
    add(host)
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0)
    if step == "planning":  # the other one began after our recovery
        monkeypatch.setattr(apply, "recover", lambda *rest, **options: ([], []))
    with Journal(host.state_dir).locked(), locks.hold([lock_of(host)], "Thunderbird"):

        def second() -> None:
            with pytest.raises(Conflict) as caught:
                verb(host)
            assert caught.value.code == "provisioner.running"
            assert f"(process {os.getppid()})" in caught.value.message

        assert in_child(second) == 0
    assert stored(host) == OLD


def test_waiting_for_the_client_lets_other_provisioners_work(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = context(host)
    add(host)
    (receipt,) = now.journal.receipts()
    plan = thunderbird.plan(host, receipt.account, NEW, Options())
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0)
    with held(lock_of(host)) as holder:

        def meanwhile() -> None:
            with Journal(host.state_dir).locked():
                holder.end()

        clock = Clock(meanwhile)
        monkeypatch.setattr(locks, "time", clock)
        wait_until_closed(now, plan)
    assert clock.waits == 1
    assert isinstance(now.ui, Teller)
    assert now.ui.said == [f"Waiting until {plan.title} is closed ..."]


def test_the_second_finds_it_done(host: Host) -> None:
    add(host)
    assert [getattr(row, "state", None) for row in add(host).rows] == [State.UNCHANGED]
