"""Passwords in KWallet by its own D-Bus interface, as KDE's programs read them.

The interface: kwallet, src/runtime/kwalletd/org.kde.KWallet.xml. KWallet offers the Secret Service too, but
another keyring may be that for the session, and KDE's programs would not look there. Folder and entry are an
item's attributes `service` and `username`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jeepney import DBusAddress, DBusErrorResponse, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.wrappers import unwrap_msg

from provisioner.errors import Conflict, ProvisionError
from provisioner.items import SecretItem
from provisioner.secret import Secret
from provisioner.stores import session_bus

SERVICES = {f"org.kde.kwalletd{number}": f"/modules/kwalletd{number}" for number in (6, 5)}
"""The daemons' names on the bus and their objects, the newest first."""
_INTERFACE = "org.kde.KWallet"
_US = "provisioner"
"""What we call ourselves there."""
_NOBODY = 0
"""The window that a question belongs to: none."""


class KWallet:
    """The entries, as a SecretStore that raises errors of jeepney too (see `explain`)."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def get(self, item: SecretItem) -> Secret | None:
        with self._open() as wallet:
            if not wallet.ask("hasEntry", "ss", *_place(item)):
                return None
            return Secret(str(wallet.ask("readPassword", "ss", *_place(item))))

    def set(self, item: SecretItem, secret: Secret) -> None:
        with self._open() as wallet:
            wallet.ask("createFolder", "s", _place(item)[0])
            if wallet.ask("writePassword", "sss", *_place(item), secret.reveal()) != 0:
                raise _refused()
            wallet.ask("sync", "")

    def delete(self, item: SecretItem) -> None:
        """A folder in which nothing else is goes with the entry."""
        folder, _ = _place(item)
        with self._open() as wallet:
            if not wallet.ask("hasEntry", "ss", *_place(item)):
                return
            if wallet.ask("removeEntry", "ss", *_place(item)) != 0:
                raise _refused()
            if not wallet.ask("entryList", "s", folder):
                wallet.ask("removeFolder", "s", folder)
            wallet.ask("sync", "")

    def vet(self, item: SecretItem) -> None: ...

    @contextlib.contextmanager
    def _open(self) -> Iterator[_Wallet]:
        """The wallet in which KDE's programs keep network passwords, opened; a person may be asked for that.

        It is not closed again: others may use it, and KWallet knows by itself when we have gone.
        """
        with session_bus.connect(self._env) as bus:
            wallet = _Wallet(bus, _service(bus))
            if not wallet.call("isEnabled", ""):
                raise ProvisionError(
                    "KWallet is turned off, so KDE's programs cannot keep a password.",
                    "Turn on the KDE wallet subsystem in System Settings, then run the command again.",
                    code="keyring.none",
                )
            name = str(wallet.call("networkWallet", ""))
            if not session_bus.has_screen(self._env) and not wallet.call("isOpen", "s", name):
                raise Conflict(
                    "The wallet is closed, and without a screen nobody can be asked for its password.",
                    "Open it in your desktop session (KWalletManager) and run again from there.",
                    code="keyring.locked",
                )
            wallet.handle = int(wallet.call("open", "sxs", name, _NOBODY, _US))
            if wallet.handle < 0:
                raise _closed()
            yield wallet


@dataclass
class _Wallet:
    """`handle`: what `open` answered."""

    bus: session_bus.BoundedConnection
    service: str
    handle: int = -1

    def call(self, method: str, signature: str, *arguments: object) -> Any:
        """The answer's one value, None if it has none."""
        address = DBusAddress(SERVICES[self.service], self.service, _INTERFACE)
        message = new_method_call(address, method, signature or None, arguments)
        return next(iter(unwrap_msg(self.bus.send_and_get_reply(message))), None)

    def ask(self, method: str, signature: str, *arguments: object) -> Any:
        """The same for methods of an open wallet, which take its handle first and our name last."""
        return self.call(method, f"i{signature}s", self.handle, *arguments, _US)


def _place(item: SecretItem) -> tuple[str, str]:
    attributes = dict(item.attributes)
    return attributes["service"], attributes["username"]


def _service(bus: session_bus.BoundedConnection) -> str:
    """The daemon that runs, or that D-Bus can start. Raises ProvisionError (`keyring.none`)."""
    for question in (message_bus.ListNames(), message_bus.ListActivatableNames()):
        (names,) = unwrap_msg(bus.send_and_get_reply(question))
        for service in SERVICES:
            if service in names:
                return service
    raise _none()


def explain(error: Exception) -> ProvisionError:
    """What an error of the library means. Nothing of its text is repeated."""
    name = str(error.name) if isinstance(error, DBusErrorResponse) else type(error).__name__
    if name.startswith(("org.freedesktop.DBus.Error.Spawn.", "org.freedesktop.DBus.Error.ServiceUnknown")):
        return _none()
    if isinstance(error, TimeoutError):
        return _closed()
    return ProvisionError(
        f"KWallet refused with {name}.", "Look at it in KWalletManager and run again.", code="keyring.failed"
    )


def _none() -> ProvisionError:
    return ProvisionError(
        "There is no KWallet in this session, and KDE's programs keep their passwords nowhere else.",
        "Install KWallet, run this in a terminal of your desktop session, then try again.",
        code="keyring.none",
    )


def _closed() -> Conflict:
    return Conflict(
        "The wallet stays closed: its question was dismissed or not answered.",
        "Run again and answer it, or open the wallet in KWalletManager first.",
        code="keyring.locked",
    )


def _refused() -> ProvisionError:
    return ProvisionError(
        "KWallet did not take the change.",
        "Look at it in KWalletManager and run again.",
        code="keyring.failed",
    )
