"""Passwords where they are stored: which item in which store, and what a store can do. No I/O."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol
from urllib.parse import urlencode

import msgspec

from provisioner.secret import Secret

SERVICE = "provisioner"
UNDO_SERVICE = "provisioner-undo"
SEAL_SERVICE = "provisioner-seal"


class Store(StrEnum):
    """Where an item is. `command`: a command of the user's own prints it, and we store nothing."""

    KEYRING = "keyring"
    PASS = "pass"  # noqa: S105 - the program
    COMMAND = "command"
    KWALLET = "kwallet"
    """KDE's, by its own interface: folder and entry are the attributes `service` and `username`."""


class SecretItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One password in a store, found by its attributes; `label` is what a person sees there.

    Attributes are those of the Secret Service API; where the keyring knows only a service and a user
    (macOS, Windows), an item has just `service` and `username`.
    """

    label: str
    attributes: tuple[tuple[str, str], ...]
    store: Store = Store.KEYRING

    @classmethod
    def shared(cls, address: str, store: Store = Store.KEYRING) -> SecretItem:
        """The one item of an account that all command-line clients read through a command."""
        attributes = (("service", SERVICE), ("username", address.lower()))
        return cls(f"Mail password of {address}", attributes, store)

    @property
    def identity(self) -> tuple[Store, tuple[tuple[str, str], ...]]:
        """What finds the password, whatever its label says."""
        return self.store, self.attributes

    @property
    def kept(self) -> bool:
        """We store it, and can store another one."""
        return self.store is not Store.COMMAND

    @property
    def command(self) -> str:
        """The user's own that prints it, as a shell takes it; empty if we store it."""
        return dict(self.attributes).get("command", "")

    @property
    def place(self) -> str:
        """The store, as it is called in a sentence."""
        return {
            Store.KEYRING: "the keyring",
            Store.PASS: "pass",
            Store.COMMAND: "your own store",
            Store.KWALLET: "KWallet",
        }[self.store]

    @property
    def ours(self) -> bool:
        """Nobody but provisioner makes such an item."""
        return ("service", SERVICE) in self.attributes or self.is_seal

    @property
    def seal(self) -> SecretItem:
        """The item beside it with the mark of the password that was stored (seals.py)."""
        of = urlencode(self.attributes)
        return SecretItem(f"Seal of {self.label}", (("service", SEAL_SERVICE), ("username", of)), self.store)

    @property
    def is_seal(self) -> bool:
        return ("service", SEAL_SERVICE) in self.attributes

    def undo(self, receipt_id: str, number: int) -> SecretItem:
        """Where the old value waits, in the same keyring, until a change is committed."""
        where = f"{receipt_id}-{number}"
        return SecretItem(
            f"Undo of {self.label}", (("service", UNDO_SERVICE), ("username", where)), self.store
        )


class SecretStore(Protocol):
    """A store of passwords. Every method raises ProvisionError (`keyring.*`) if it cannot be used."""

    def get(self, item: SecretItem) -> Secret | None:
        """The password, None if there is no such item."""
        ...

    def set(self, item: SecretItem, secret: Secret) -> None:
        """Creates the item or replaces its password; there is never a second one."""
        ...

    def delete(self, item: SecretItem) -> None:
        """Removes the item; nothing happens if there is none."""
        ...

    def vet(self, item: SecretItem) -> None:
        """Raises ProvisionError (`keyring.unsafe`) if a password would not be kept safe there."""
        ...
