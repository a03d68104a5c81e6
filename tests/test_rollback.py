"""While files are written: who is kept out, what Ctrl-C leaves, and which receipt comes of it."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner import atomic, locks
from provisioner.apply import apply, recover
from provisioner.deed import Deed
from provisioner.errors import Conflict
from provisioner.journal import Journal
from provisioner.model import FileChange, Plan
from provisioner.receipt import Receipt
from tests.mozlock import Clock, can_lock, held, in_child
from tests.test_apply import ACCOUNT, World, leftovers


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return World(tmp_path)


def lock_of(world: World) -> Path:
    return world.home / "app/.parentlock"


def locked_plan(world: World) -> Plan:
    return dataclasses.replace(world.plan(), locks=(lock_of(world),))


def change(world: World, data: bytes, **kw: object) -> Plan:
    path = world.home / "app/changed"
    plan = Plan("test", "Test", "here", (FileChange(path, world.host.read(path), data),))
    return dataclasses.replace(plan, **kw)  # type: ignore[arg-type]


def killed(world: World, *plans: Plan) -> Receipt:
    """A run that was killed when everything was written and nothing committed; its newest receipt."""
    deeds = [Deed(plan, ACCOUNT, "x") for plan in plans]
    code = in_child(lambda: apply(deeds, world.host, world.journal, verify=lambda: os._exit(137)))
    assert code == 137
    return world.journal.unfinished()[0]


@pytest.mark.parametrize("name", ["new", "changed", "removed"])
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_ctrl_c_after_any_file_puts_all_of_them_back(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, interrupt: type[BaseException]
) -> None:
    def stop_after(real: Callable[..., None]) -> Callable[..., None]:
        def write(path: Path, *rest: object, **kw: object) -> None:
            real(path, *rest, **kw)
            if path.name == name:
                monkeypatch.undo()
                raise interrupt

        return write

    before = world.files()
    monkeypatch.setattr(atomic, "write", stop_after(atomic.write))
    monkeypatch.setattr(atomic, "unlink", stop_after(atomic.unlink))
    with pytest.raises(interrupt):
        world.apply()
    assert world.files() == before
    assert world.journal.receipts() == world.journal.unfinished() == []
    assert leftovers(world) == []


def test_the_client_is_locked_out_while_files_are_written(world: World) -> None:
    lock_of(world).touch()
    seen = []
    apply(
        [Deed(locked_plan(world), ACCOUNT, "x")],
        world.host,
        world.journal,
        verify=lambda: seen.append(can_lock(lock_of(world))),
    )
    assert seen == [False]
    assert can_lock(lock_of(world))


def test_nothing_is_written_while_the_client_runs(world: World) -> None:
    before = world.files()
    with held(lock_of(world)), pytest.raises(Conflict) as caught:
        world.apply(locked_plan(world))
    assert caught.value.code == "client.running"
    lock_of(world).unlink()
    assert world.files() == before


def test_recovery_waits_for_no_client_and_writes_beside_none(world: World) -> None:
    before = world.files()
    lock_of(world).touch()
    killed(world, locked_plan(world))
    half = world.files()
    with held(lock_of(world)), pytest.raises(Conflict) as caught:
        recover(world.host, world.journal)
    assert caught.value.code == "client.running"
    assert caught.value.message.startswith("Test is running")
    assert world.files() == half
    assert world.journal.unfinished()
    ((receipt,), _) = recover(world.host, world.journal)
    assert receipt.client == "test"
    lock_of(world).unlink()
    assert world.files() == before


def test_only_one_recovers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE_SECONDS", 0)
    killed(world, world.plan())
    with Journal(world.journal.directory).locked(), pytest.raises(Conflict) as caught:
        recover(world.host, world.journal)
    assert caught.value.code == "provisioner.running"
    assert world.journal.unfinished()


def test_waiting_ends_when_the_client_does(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with held(lock_of(world)) as holder:
        clock = Clock(holder.end)
        monkeypatch.setattr(locks, "time", clock)
        apply([Deed(locked_plan(world), ACCOUNT, "x")], world.host, world.journal, wait=True)
    assert clock.waits == 1
    assert world.journal.receipts()


def test_waiting_ends_when_the_other_provisioner_does(world: World) -> None:
    plan, failures = world.plan(), []

    def second() -> None:
        try:
            apply([Deed(plan, ACCOUNT, "x")], world.host, world.journal, wait=True)
        except Conflict as error:
            failures.append(error)

    thread = threading.Thread(target=second)
    with world.journal.locked():
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
    thread.join(30)
    assert failures == []
    assert world.journal.receipts()


@pytest.mark.parametrize("first", [True, False])
def test_who_had_the_account_before_is_decided_by_the_first_setup(world: World, first: bool) -> None:
    world.apply(change(world, b"one", adopted=first))
    world.apply(change(world, b"two", adopted=not first))
    (receipt,) = world.journal.receipts()
    assert receipt.adopted is first


def test_one_receipt_for_each_place(world: World) -> None:
    world.apply(change(world, b"one"))
    world.apply(change(world, b"two", where="there"))
    assert [receipt.where for receipt in world.journal.receipts()] == ["here", "there"]
    world.apply(change(world, b"three", where="there"))
    assert sorted(receipt.where for receipt in world.journal.receipts()) == ["here", "there"]


def twice(world: World) -> Plan:
    """One file under two names: it can only be put back in the opposite order."""
    (world.home / "app/link").symlink_to("changed")
    paths = world.home / "app/changed", world.home / "app/link"
    one, two = (
        FileChange(path, b"old\r\n\xff", data) for path, data in zip(paths, (b"1", b"2"), strict=True)
    )
    return Plan("test", "Test", "here", (one, two))


def test_files_are_put_back_newest_first(world: World) -> None:
    killed(world, twice(world))
    assert (world.home / "app/changed").read_bytes() == b"2"
    recover(world.host, world.journal)
    assert (world.home / "app/changed").read_bytes() == b"old\r\n\xff"
    assert (world.home / "app/link").is_symlink()


def test_receipts_of_a_killed_run_are_put_back_newest_first(world: World) -> None:
    one, two = change(world, b"1"), change(world, b"2", client="other")
    newest = killed(world, one, two)
    assert newest.client == "other"
    taken_back, finished = recover(world.host, world.journal)
    assert finished == []
    assert [receipt.client for receipt in taken_back] == ["other", "test"]
    assert (world.home / "app/changed").read_bytes() == b"old\r\n\xff"


def test_deeds_of_a_failed_run_are_put_back_newest_first(world: World) -> None:
    def verify() -> None:
        assert (world.home / "app/changed").read_bytes() == b"2"
        raise Conflict("no")

    deeds = [Deed(change(world, data, client=data.hex()), ACCOUNT, "x") for data in (b"1", b"2")]
    with pytest.raises(Conflict, match="no"):
        apply(deeds, world.host, world.journal, verify=verify)
    assert (world.home / "app/changed").read_bytes() == b"old\r\n\xff"
    assert world.journal.unfinished() == []


def test_no_deed_begins_on_what_another_run_has_left(world: World) -> None:
    """It was killed after the last `recover`, while the person was asked for the password, say."""
    killed(world, change(world, b"half"))
    with pytest.raises(Conflict) as caught:
        world.apply(change(world, b"mine"))
    assert caught.value.code == "drift"
    assert (world.home / "app/changed").read_bytes() == b"half"
    recover(world.host, world.journal)
    world.apply(change(world, b"mine"))
    assert len(world.journal.receipts()) == 1


def test_no_deed_begins_on_what_another_run_has_not_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of it was done, but nobody has said so yet: that is for `recover`."""
    with monkeypatch.context() as patched:
        patched.setattr("provisioner.apply._close", lambda *rest: [])
        world.apply(change(world, b"theirs"))
    world.journal = Journal(world.host.state_dir)
    with pytest.raises(Conflict) as caught:
        world.apply(change(world, b"mine"))
    assert caught.value.code == "drift"
    taken_back, finished = recover(world.host, world.journal)
    assert (len(taken_back), len(finished)) == (0, 1)


def test_what_was_complete_is_finished_in_the_order_in_which_it_was_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.apply(change(world, b"one"))
    with monkeypatch.context() as patched:
        patched.setattr("provisioner.apply._finish_earlier", lambda *rest: None)
        patched.setattr("provisioner.apply._close", lambda *rest: [])
        world.apply(change(world, b"two"))
        world.apply(change(world, b"three"))
    taken_back, finished = recover(world.host, world.journal)
    assert (len(taken_back), len(finished)) == (0, 2)
    (receipt,) = world.journal.receipts()
    (record,) = receipt.files
    assert world.journal.backup(receipt, record) == b"old\r\n\xff"
    assert len(world.journal.readable()) == 1
