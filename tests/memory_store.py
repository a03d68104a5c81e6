"""A keyring in memory that can refuse, or stand for a process that is killed, at a chosen call."""

from __future__ import annotations

from provisioner.errors import ProvisionError
from provisioner.items import SecretItem
from provisioner.secret import Secret


class Killed(BaseException):
    """The process is gone: from here on the keyring does nothing, until `alive`."""


class MemoryStore:
    def __init__(self) -> None:
        self.items: dict[SecretItem, Secret] = {}
        self._left = 0
        self._error: BaseException | None = None
        self.unsafe: ProvisionError | None = None
        """What `vet` raises."""

    def fail_at(self, call: int, error: BaseException) -> None:
        """The `call`-th writing call from now raises `error`; one that kills lets none after it through."""
        self._left, self._error = call, error

    def alive(self) -> None:
        self._error = None

    def get(self, item: SecretItem) -> Secret | None:
        self._killed()
        return self.items.get(item)

    def set(self, item: SecretItem, secret: Secret) -> None:
        self._count()
        self.items[item] = secret

    def delete(self, item: SecretItem) -> None:
        self._count()
        self.items.pop(item, None)

    def vet(self, item: SecretItem) -> None:
        if self.unsafe:
            raise self.unsafe

    def _killed(self) -> None:
        if isinstance(self._error, Killed) and self._left <= 0:
            raise self._error

    def _count(self) -> None:
        self._left -= 1
        self._killed()
        if self._error and self._left == 0:
            error, self._error = self._error, None
            raise error
