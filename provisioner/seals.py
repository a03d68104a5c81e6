"""Marks of passwords in the keyring, by which `status` notices that someone has stored another one.

Beside each item of ours lies a second one, its seal: a random key and the HMAC-SHA-256 (RFC 2104) of the
password under that key. Why so:

- Receipts hold nothing that depends on a password. A salted hash there could be tried against guesses by
  whoever reads the file; who can read the seal can read the password beside it anyway.
- One item, one seal: clients that share a password share the mark, too. Nothing has to be brought up to date
  in the receipts of the others when one of them is rotated or removed.
- It is an ordinary change of the keyring: undone, recovered and removed like the password itself.
- It works wherever the keyring keeps an item. The time of the last change is known to the Secret Service
  (its `Modified`), not to the `keyring` library; and saving the same password again is no drift.

What it cannot show: a keyring that was put back as a whole brings the seals of its passwords along.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from enum import Enum

from provisioner.items import SecretItem, SecretStore
from provisioner.model import SecretChange
from provisioner.secret import Secret

_KEY = 32
"""Bytes: as long as the hash (RFC 2104, section 3)."""


class Seal(Enum):
    """What an item and its seal say together."""

    WHOLE = "whole"
    BROKEN = "broken"
    MISSING = "missing"
    ALONE = "alone"
    """There is no such item."""


def make(password: Secret) -> Secret:
    """A new seal: key and HMAC in hex, with a colon between."""
    key = secrets.token_bytes(_KEY)
    return Secret(f"{key.hex()}:{_mark(key, password)}")


def fits(seal: Secret, password: Secret) -> bool:
    """The seal was made of this very password. One that cannot be read fits none."""
    key, _, mark = seal.reveal().partition(":")
    try:
        return hmac.compare_digest(_mark(bytes.fromhex(key), password), mark)
    except (ValueError, TypeError):  # no hex; or no ASCII, which compare_digest refuses
        return False


def sealed(changes: Sequence[SecretChange], store: SecretStore) -> tuple[SecretChange, ...]:
    """The changes, and after them those of the seals of what they leave in the keyring.

    A seal that fits stays as it is. Raises ProvisionError (`keyring.*`).
    """
    found = []
    for change in changes:
        if change.after is not None and change.item.kept:
            seal = store.get(change.item.seal)
            fit = seal is not None and fits(seal, change.after)
            found.append(SecretChange(change.item.seal, seal, seal if fit else make(change.after)))
    return (*changes, *found)


def state(item: SecretItem, store: SecretStore) -> Seal:
    """Whether the item still has the password that was sealed. Raises ProvisionError (`keyring.*`)."""
    password = store.get(item)
    if password is None:
        return Seal.ALONE
    if not item.kept:  # whoever changes it need not tell us
        return Seal.WHOLE
    seal = store.get(item.seal)
    if seal is None:
        return Seal.MISSING
    return Seal.WHOLE if fits(seal, password) else Seal.BROKEN


def complete(changes: Sequence[SecretChange], store: SecretStore) -> bool:
    """All that the changes would leave is in the keyring already, and sealed. Raises ProvisionError."""
    return all(change.before == change.after for change in sealed(changes, store))


def broken(changes: Sequence[SecretChange], store: SecretStore) -> bool:
    """An item's seal is of another password than it would be left with. Raises ProvisionError."""
    return any(
        change.before is not None and change.before != change.after
        for change in sealed(changes, store)
        if change.item.is_seal
    )


def _mark(key: bytes, password: Secret) -> str:
    return hmac.new(key, password.reveal().encode(), hashlib.sha256).hexdigest()
