"""Changes of keyring items that can be taken back, also after a kill.

A receipt holds no password, so the old value waits in the same keyring, as an item of its own, from before
the first change until the group is committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provisioner import seals
from provisioner.errors import ProvisionError
from provisioner.items import SecretItem, SecretStore
from provisioner.model import SecretChange
from provisioner.receipt import Receipt, SecretRecord
from provisioner.secret import Secret


def records(changes: Sequence[SecretChange], in_force: Iterable[Receipt] = ()) -> tuple[SecretRecord, ...]:
    """What a receipt says of the items; `in_force`: those from which it is known whose they are."""
    earlier = {record.item.identity: record.foreign for one in in_force for record in one.secrets}
    return tuple(
        SecretRecord(
            item=change.item,
            had_before=change.before is not None,
            changed=change.before != change.after,
            foreign=earlier.get(change.item.identity, _unsealed(change, changes)),
        )
        for change in changes
    )


def _unsealed(change: SecretChange, changes: Sequence[SecretChange]) -> bool:
    """It was there without the seal that stands beside each of ours."""
    seal = next((one for one in changes if one.item == change.item.seal), None)
    there = change.before is not None and change.item.ours and not change.item.is_seal
    return there and seal is not None and seal.before is None


def vet(changes: Iterable[SecretChange], store: SecretStore) -> None:
    """Raises ProvisionError (`keyring.unsafe`) if one of them would put, or leave, a password where it is not
    safe."""
    for change in changes:
        if change.after is not None:
            store.vet(change.item)


def unsafe(receipt: Receipt, store: SecretStore) -> ProvisionError | None:
    """Why the passwords that are there since are not safe, if they are not."""
    for item in (record.item for record in receipt.secrets if not record.item.is_seal):
        try:
            store.vet(item)
        except ProvisionError as error:
            if error.code == "keyring.unsafe":
                return error
    return None


def write(changes: Sequence[SecretChange], receipt: Receipt, store: SecretStore) -> None:
    """Makes the changes. The old values are put aside first, and a seal is there before its password:
    whatever else is found after a kill is not ours. Raises ProvisionError (`keyring.*`)."""
    changed = [(number, change) for number, change in enumerate(changes) if change.before != change.after]
    for number, change in changed:
        if change.before is not None:
            store.set(change.item.undo(receipt.id, number), change.before)
    for _, change in sorted(changed, key=lambda one: not one[1].item.is_seal):
        if change.after is None:
            store.delete(change.item)
        else:
            store.set(change.item, change.after)


def take_back(receipt: Receipt, store: SecretStore) -> list[SecretItem]:
    """Gives every item its old value. Where none was put aside, the item was not changed yet or is new.

    Returns those that have another password, neither the old nor ours: someone stored it since, and it stays.
    """
    spared = []
    # A seal goes last: until then it tells whose the password is.
    numbered = sorted(enumerate(receipt.secrets), key=lambda one: one[1].item.is_seal)
    for number, record in numbered:
        if not record.changed:
            continue
        undo = record.item.undo(receipt.id, number)
        old = store.get(undo)
        if _foreign(record.item, old, store) and (old is not None or not record.had_before):
            spared.append(record.item)
        elif old is not None:
            store.set(record.item, old)
        elif not record.had_before:
            store.delete(record.item)
        if old is not None:
            store.delete(undo)
    return spared


def _foreign(item: SecretItem, old: Secret | None, store: SecretStore) -> bool:
    """The item has a password that is neither the old one nor the one that was sealed."""
    there = None if item.is_seal else store.get(item)
    if there is None or there == old:
        return False
    seal = store.get(item.seal)
    return seal is None or not seals.fits(seal, there)


def forget(receipt: Receipt, store: SecretStore) -> None:
    """Deletes what was put aside: the change is committed."""
    for number, record in enumerate(receipt.secrets):
        if record.changed and record.had_before:
            store.delete(record.item.undo(receipt.id, number))
