"""Seals: they know their password, give none away, and follow every change of the item they belong to."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner import seals
from provisioner.apply import recover
from provisioner.items import SecretItem
from provisioner.model import SecretChange
from provisioner.secret import Secret
from tests.memory_store import Killed, MemoryStore
from tests.test_keyring_changes import ITEM, NEW, OLD, OTHER, World

PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(PASSWORDS, PASSWORDS)
def test_a_seal_fits_its_password_alone(one: str, other: str) -> None:
    seal = seals.make(Secret(one))
    assert seals.fits(seal, Secret(one))
    assert seals.fits(seal, Secret(other)) == (one == other)


def test_no_two_seals_are_alike() -> None:
    assert seals.make(OLD) != seals.make(OLD)


@pytest.mark.parametrize("value", ["", ":", "00", "00:", "zz:00", "00:é", "x" * 200, "00:00:00"])
def test_what_is_no_seal_fits_nothing(value: str) -> None:
    assert not seals.fits(Secret(value), OLD)


def test_every_item_has_a_seal_of_its_own() -> None:
    tricky = [
        SecretItem("x", (("a", "b"), ("c", "d"))),
        SecretItem("x", (("a", "b&c=d"),)),
        SecretItem("x", (("a", "b c"), ("c", "d"))),
        SecretItem("x", (("a", "b"), ("c", "c d"))),
        ITEM,
        OTHER,
    ]
    assert len({item.seal.attributes for item in tricky}) == len(tricky)
    # Keyrings that know only a service and a user must be able to hold it.
    assert all(dict(item.seal.attributes).keys() == {"service", "username"} for item in tricky)
    assert ITEM.seal.is_seal
    assert ITEM.seal.ours
    assert not ITEM.is_seal


def test_a_seal_that_fits_stays_and_one_that_does_not_is_made_anew() -> None:
    store = MemoryStore()
    store.set(ITEM, OLD)
    keep, renew = SecretChange(ITEM, OLD, OLD), SecretChange(ITEM, OLD, NEW)
    assert not seals.complete([keep], store)
    assert not seals.broken([keep], store)
    seal = seals.make(OLD)
    store.set(ITEM.seal, seal)
    assert seals.sealed([keep], store) == (keep, SecretChange(ITEM.seal, seal, seal))
    assert seals.complete([keep], store)
    assert not seals.broken([keep], store)
    assert seals.broken([renew], store)
    assert not seals.complete([renew], store)
    (_, change) = seals.sealed([renew], store)
    assert change.after is not None
    assert seals.fits(change.after, NEW)
    assert seals.sealed([SecretChange(ITEM, OLD, None)], store) == (SecretChange(ITEM, OLD, None),)


def test_a_password_and_its_seal_change_together_wherever_a_run_is_killed(tmp_path: Path) -> None:
    seen = set()
    for call in range(1, 20):
        home = tmp_path / str(call)
        home.mkdir()
        world = World(home)
        world.apply(world.plan(OLD))
        world.store.fail_at(call, Killed())
        try:
            world.apply()
        except Killed:
            world.store.alive()
            recover(world.host, world.journal)
        world.store.alive()
        assert world.store.items[ITEM] == world.store.items[OTHER]
        assert world.sealed(ITEM), call
        assert world.sealed(OTHER), call
        assert len(world.store.items) == 4, call
        seen.add(world.store.items[ITEM] == NEW)
    assert seen == {True, False}
