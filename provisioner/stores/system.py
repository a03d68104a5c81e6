"""The keyring of the system we run on. Nothing of it is loaded before the first call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from provisioner.errors import ProvisionError
from provisioner.items import SecretItem, SecretStore
from provisioner.secret import Secret

T = TypeVar("T")


@dataclass(frozen=True)
class SystemStore:
    """A SecretStore: the Secret Service on Linux, the Keychain or Credential Manager elsewhere.

    `platform` as in `sys.platform`; `env` says where D-Bus and a screen are. Every method raises
    ProvisionError: `keyring.none` (there is none), `keyring.failed`, `keyring.unsafe` (it would not keep
    the password safe), `keyring.attributes` (it cannot hold such an item), or Conflict: `keyring.locked`,
    `keyring.ambiguous` (several items match). There is no other place that a password goes to instead.

    An error of a library may hold the password, in its text or in the frames of its traceback. So ours is
    raised when theirs is gone, and is never chained to it.
    """

    platform: str
    env: Mapping[str, str] = field(repr=False)

    def get(self, item: SecretItem) -> Secret | None:
        """The password of the one item that has all these attributes, None if there is none."""
        return self._do(item, lambda store: store.get(item))

    def set(self, item: SecretItem, secret: Secret) -> None:
        """Replaces the password of the item that has all these attributes, or makes one with just them.

        What was written is read back.
        """
        self._do(item, lambda store: store.set(item, secret))
        if self.get(item) != secret:
            raise ProvisionError(
                "The system's keyring does not give back the password that was stored in it.",
                "Look at the entry in the system's password manager, delete it there and run again.",
                code="keyring.failed",
            )

    def delete(self, item: SecretItem) -> None:
        """Removes the one item that has all these attributes; nothing happens if there is none."""
        self._do(item, lambda store: store.delete(item))

    def vet(self, item: SecretItem) -> None:
        """Raises ProvisionError (`keyring.unsafe`) if a password would not be kept safe where it would go."""
        self._do(item, lambda store: store.vet(item))

    def _do(self, item: SecretItem, action: Callable[[SecretStore], T]) -> T:
        if not item.attributes:  # every item there is would match
            raise ProvisionError(
                "An entry of the keyring without attributes cannot be found again.",
                "Please report this: it is a defect of provisioner.",
                code="keyring.attributes",
            )
        store, explain = self._load()
        try:
            return action(store)
        except ProvisionError:
            raise
        except Exception as error:  # the libraries load plug-ins and raise whatever those raise
            problem = explain(error)
        raise problem

    def _load(self) -> tuple[SecretStore, Callable[[Exception], ProvisionError]]:
        if self.platform == "linux":
            from provisioner.stores import secret_service

            return secret_service.SecretService(self.env), secret_service.explain
        from provisioner.stores import keyring_library

        return keyring_library.KeyringLibrary(), keyring_library.explain


class WalletStore(SystemStore):
    """The same for KWallet, by KDE's own interface: for programs that look nowhere else."""

    def _load(self) -> tuple[SecretStore, Callable[[Exception], ProvisionError]]:
        from provisioner.stores import kwallet

        return kwallet.KWallet(self.env), kwallet.explain
