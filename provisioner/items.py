"""Passwords in the system's keyring: which item, and what a store of them can do. No I/O."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import urlencode

import msgspec

from provisioner.secret import Secret

SERVICE = "provisioner"
UNDO_SERVICE = "provisioner-undo"
SEAL_SERVICE = "provisioner-seal"


class SecretItem(msgspec.Struct, frozen=True):
    """One item of the system's keyring, found by its attributes; `label` is what a person sees there.

    Attributes are those of the Secret Service API; where the keyring knows only a service and a user
    (macOS, Windows), an item has just `service` and `username`.
    """

    label: str
    attributes: tuple[tuple[str, str], ...]

    @classmethod
    def shared(cls, address: str) -> SecretItem:
        """The one item of an account that all command-line clients read through a command."""
        return cls(f"Mail password of {address}", (("service", SERVICE), ("username", address.lower())))

    @property
    def ours(self) -> bool:
        """Nobody but provisioner makes such an item."""
        return ("service", SERVICE) in self.attributes or self.is_seal

    @property
    def seal(self) -> SecretItem:
        """The item beside it with the mark of the password that was stored (seals.py)."""
        of = urlencode(self.attributes)
        return SecretItem(f"Seal of {self.label}", (("service", SEAL_SERVICE), ("username", of)))

    @property
    def is_seal(self) -> bool:
        return ("service", SEAL_SERVICE) in self.attributes

    def undo(self, receipt_id: str, number: int) -> SecretItem:
        """Where the old value waits, in the same keyring, until a change is committed."""
        where = f"{receipt_id}-{number}"
        return SecretItem(f"Undo of {self.label}", (("service", UNDO_SERVICE), ("username", where)))


class SecretStore(Protocol):
    """The system's keyring. Every method raises ProvisionError (`keyring.*`) if it cannot be used."""

    def get(self, item: SecretItem) -> Secret | None:
        """The password, None if there is no such item."""
        ...

    def set(self, item: SecretItem, secret: Secret) -> None:
        """Creates the item or replaces its password; there is never a second one."""
        ...

    def delete(self, item: SecretItem) -> None:
        """Removes the item; nothing happens if there is none."""
        ...
