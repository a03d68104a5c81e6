"""Items of the system's keyring follow the same rules as files: all or nothing, and undoable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner import seals
from provisioner.apply import apply, recover
from provisioner.deed import Deed
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.journal import Journal
from provisioner.model import FileChange, Plan, SecretChange
from provisioner.plan import diff
from provisioner.report import Report
from provisioner.secret import Secret
from provisioner.workflows.context import Context
from provisioner.workflows.unneeded import items
from tests.memory_store import Killed, MemoryStore
from tests.test_apply import ACCOUNT

OLD, NEW = Secret("abcd-efgh-ijkl-mnop"), Secret("qrst-uvwx-yzab-cdef")
ITEM = SecretItem.shared("Jane@icloud.com")
OTHER = SecretItem("Other", (("host", "smtp.mail.me.com"), ("user", "jane")))

AFTER = (b"set up", {ITEM: NEW.reveal(), OTHER: NEW.reveal(), ITEM.seal: "", OTHER.seal: ""})


class World:
    def __init__(self, home: Path) -> None:
        self.store = MemoryStore()
        self.host = Host(home=home, secrets=self.store)
        self.journal = Journal(self.host.state_dir)
        self.file = home / "rc"

    def plan(self, secret: Secret | None = NEW) -> Plan:
        changes = tuple(SecretChange(item, self.store.get(item), secret) for item in (ITEM, OTHER))
        file = FileChange(self.file, self.host.read(self.file), b"set up" if secret else None)
        return Plan("test", "Test", "there", (file,), secrets=changes, secret=secret)

    def apply(self, plan: Plan | None = None, verify: Callable[[], None] = lambda: None) -> None:
        apply([Deed(plan or self.plan(), ACCOUNT, "label")], self.host, self.journal, verify=verify)

    def state(self) -> tuple[bytes | None, dict[SecretItem, str]]:
        """The file, and the passwords; of what else is in the keyring, only which item it is."""
        return self.host.read(self.file), {
            item: "" if item.is_seal else secret.reveal() for item, secret in self.store.items.items()
        }

    def sealed(self, item: SecretItem) -> bool:
        seal = self.store.items.get(item.seal)
        return seal is not None and seals.fits(seal, self.store.items[item])


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_items_are_written_and_nothing_waits_afterwards(world: World) -> None:
    world.store.set(ITEM, OLD)
    world.apply()
    assert world.state() == AFTER
    assert world.sealed(ITEM)
    assert world.sealed(OTHER)
    (receipt,) = world.journal.receipts()
    assert [(record.item, record.had_before) for record in receipt.secrets] == [
        (ITEM, True),
        (OTHER, False),
        (ITEM.seal, False),
        (OTHER.seal, False),
    ]
    for path in world.journal.directory.rglob("*"):
        assert path.is_dir() or NEW.reveal().encode() not in path.read_bytes()


def test_a_plan_with_only_a_new_password_is_not_empty_and_its_diff_shows_none(world: World) -> None:
    plan = Plan("test", "Test", "there", (), secrets=(SecretChange(ITEM, OLD, NEW),), secret=NEW)
    assert not plan.empty
    assert Plan("test", "Test", "there", (), secrets=(SecretChange(ITEM, NEW, NEW),)).empty
    text = diff(plan)
    assert "service=provisioner" in text
    assert OLD.reveal() not in text + repr(plan)
    assert NEW.reveal() not in text + repr(plan)


def test_what_fails_is_taken_back(world: World) -> None:
    world.store.set(ITEM, OLD)
    before = world.state()

    def verify() -> None:
        raise ProvisionError("does not work")

    with pytest.raises(ProvisionError):
        world.apply(verify=verify)
    assert world.state() == before


@pytest.mark.parametrize("error", [ProvisionError("locked"), KeyboardInterrupt()])
def test_a_keyring_that_refuses_at_any_call_changes_nothing(world: World, error: BaseException) -> None:
    world.store.set(ITEM, OLD)
    before = world.state()
    for call in range(1, 6):
        world.store.fail_at(call, error)
        with pytest.raises(type(error)):
            world.apply()
        assert world.state() == before, call


def fresh(world: World, had: Secret | None) -> None:
    """Nothing was ever set up."""
    world.store.alive()
    world.store.items.clear()
    if had:
        world.store.set(ITEM, had)
    world.file.unlink(missing_ok=True)
    for path in world.journal.directory.rglob("*.json"):
        path.unlink()


def test_killed_at_every_call_of_the_keyring(world: World) -> None:
    seen = set()
    for call in range(1, 16):
        fresh(world, OLD)
        before = world.state()
        world.store.fail_at(call, Killed())
        try:
            world.apply()
        except Killed:
            world.store.alive()
            recover(world.host, world.journal)
        assert world.state() in (before, AFTER), call
        done = world.state() == AFTER
        assert not done or (world.sealed(ITEM) and world.sealed(OTHER))
        seen.add(done)
    assert seen == {True, False}


@pytest.mark.parametrize("had", [OLD, None])
@pytest.mark.parametrize("verb", ["set", "remove"])
def test_what_the_user_stores_after_a_kill_stays(world: World, had: Secret | None, verb: str) -> None:
    """Stopped at every call; where the old one had not even been put aside, there is nothing to be said."""
    own = Secret("aaaa-bbbb-cccc-dddd")
    stayed = 0
    for call in range(1, 16):
        fresh(world, had)
        if verb == "remove":
            world.apply()
        before = world.state()
        world.store.fail_at(call, Killed())
        try:
            world.apply(world.plan(None if verb == "remove" else NEW))
        except Killed:
            world.store.alive()
            for item in (ITEM, OTHER):
                world.store.set(item, own)
            taken_back, _ = recover(world.host, world.journal)
            if taken_back:
                wanted = {**before[1], ITEM: own.reveal(), OTHER: own.reveal()}
                assert world.state() == (before[0], wanted), call
                stayed += len(world.journal.spared) == 2
            world.journal.spared.clear()
    assert stayed


def test_the_old_and_the_new_password_are_not_the_users(world: World) -> None:
    def killed() -> None:
        world.store.fail_at(0, Killed())
        raise Killed

    for there in (OLD, NEW):
        fresh(world, OLD)
        before = world.state()
        with pytest.raises(Killed):
            world.apply(verify=killed)
        world.store.alive()
        assert world.store.items[ITEM] == world.store.items[OTHER] == NEW
        world.store.set(ITEM, there)
        recover(world.host, world.journal)
        assert world.state() == before
        assert world.journal.spared == []


def test_a_shared_item_goes_with_the_last_client_that_needs_it(world: World) -> None:
    def shared(client: str) -> Plan:
        file = world.file.with_name(client)
        change = SecretChange(ITEM, world.store.get(ITEM), NEW)
        changes = (FileChange(file, None, b"x"),)
        return Plan(client, client, client, changes, secrets=(change,), secret=NEW)

    for client in ("msmtp", "mbsync"):
        world.apply(shared(client))
    context = Context(world.host, world.journal, None, Report("remove"))  # type: ignore[arg-type]
    nothing = Plan("msmtp", "msmtp", "msmtp", ())
    first, second = world.journal.receipts()
    for receipt, other in ((first, "mbsync"), (second, "msmtp")):
        assert items(context, receipt, nothing) == (
            (),
            (f"The password stays in the keyring: {other} uses it.",),
        )
    apply([Deed(Plan("msmtp", "msmtp", "msmtp", ()), ACCOUNT, "x", first)], world.host, world.journal)
    (last,) = world.journal.receipts()
    seal = world.store.items[ITEM.seal]
    assert items(context, last, nothing) == (
        (SecretChange(ITEM, NEW, None), SecretChange(ITEM.seal, seal, None)),
        (),
    )
