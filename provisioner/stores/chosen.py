"""The store that an item names: the system's keyring, pass, KWallet, or a command of the user's own."""

from __future__ import annotations

from collections.abc import Mapping

from provisioner.items import SecretItem, SecretStore, Store
from provisioner.secret import Secret
from provisioner.stores.command import CommandStore
from provisioner.stores.pass_store import PassStore
from provisioner.stores.system import SystemStore, WalletStore


class ChosenStore:
    """A SecretStore that hands each item to its own one; errors are those of that one."""

    def __init__(self, platform: str, env: Mapping[str, str]) -> None:
        self._stores: dict[Store, SecretStore] = {
            Store.KEYRING: SystemStore(platform, env),
            Store.PASS: PassStore(env),
            Store.COMMAND: CommandStore(),
            Store.KWALLET: WalletStore(platform, env),
        }

    def get(self, item: SecretItem) -> Secret | None:
        return self._stores[item.store].get(item)

    def set(self, item: SecretItem, secret: Secret) -> None:
        self._stores[item.store].set(item, secret)

    def delete(self, item: SecretItem) -> None:
        self._stores[item.store].delete(item)

    def vet(self, item: SecretItem) -> None:
        self._stores[item.store].vet(item)
