"""Items of the macOS Keychain and the Windows Credential Manager, through the `keyring` library.

The library takes whatever back end is installed or configured, also one that writes plain text
(https://pypi.org/project/keyrings.alt/): such a one is refused.
"""

from __future__ import annotations

from collections.abc import Iterator

import keyring
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked, NoKeyringError

from provisioner.errors import Conflict, ProvisionError
from provisioner.items import SecretItem
from provisioner.secret import Secret


class KeyringLibrary:
    """The items, as a SecretStore that raises errors of any back end too (see `explain`)."""

    def get(self, item: SecretItem) -> Secret | None:
        password = _backend().get_password(*_names(item))
        return None if password is None else Secret(password)

    def set(self, item: SecretItem, secret: Secret) -> None:
        _backend().set_password(*_names(item), secret.reveal())

    def delete(self, item: SecretItem) -> None:
        if self.get(item) is not None:
            _backend().delete_password(*_names(item))

    def vet(self, item: SecretItem) -> None:  # noqa: ARG002 - the protocol's signature
        _backend()


def explain(error: Exception) -> ProvisionError:
    """What an error of the library means. Nothing of its text is repeated."""
    if isinstance(error, KeyringLocked):
        return Conflict(
            "The keyring is locked, or you denied access to it.",
            "Unlock it, allow the access when it asks, and run again.",
            code="keyring.locked",
        )
    if isinstance(error, NoKeyringError):
        return _none()
    return ProvisionError(
        f"The system's keyring failed with {type(error).__name__}.",
        "Run `keyring diagnose` to see which one is used and how it is configured.",
        code="keyring.failed",
    )


def _backend() -> KeyringBackend:
    """The back end that the library has chosen, if it is a safe one."""
    backend = keyring.get_keyring()
    members = list(_members(backend))
    for member in members:
        if _unsafe(type(member)):
            raise ProvisionError(
                f"{type(member).__module__} would not keep the password safe, so nothing is stored in it.",
                "Uninstall keyrings.alt, or set PYTHON_KEYRING_BACKEND to keyring.backends.macOS.Keyring"
                " or keyring.backends.Windows.WinVaultKeyring.",
                code="keyring.unsafe",
            )
    if not members or any(isinstance(member, fail.Keyring) for member in members):
        raise _none()
    return backend


def _members(backend: KeyringBackend) -> Iterator[KeyringBackend]:
    """The back ends that may get the password: a chain asks one after the other."""
    chain = getattr(backend, "backends", None)
    if chain is None:
        yield backend
    else:
        for member in chain:
            yield from _members(member)


def _unsafe(kind: type) -> bool:
    """Whether it writes plain text, forgets the password, or is one of keyrings.alt, or is made of such."""
    return any(
        base.__module__ == "keyring.backends.null"
        or base.__module__.startswith("keyrings.alt.")
        or "plain" in base.__name__.lower()
        for base in kind.__mro__
    )


def _names(item: SecretItem) -> tuple[str, str]:
    """Service and user: an item has nothing else here."""
    attributes = dict(item.attributes)
    if attributes.keys() != {"service", "username"}:
        raise ProvisionError(
            f"The keyring of this system cannot hold an entry with {', '.join(attributes)}.",
            "Set this mail program up on Linux, or choose another one.",
            code="keyring.attributes",
        )
    return attributes["service"], attributes["username"]


def _none() -> ProvisionError:
    return ProvisionError(
        "This system has no keyring that can be used.",
        "Run `keyring diagnose` to see why, and `keyring --list-backends` for what there is.",
        code="keyring.none",
    )
