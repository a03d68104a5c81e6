"""Items of the Secret Service: GNOME Keyring, KWallet, KeePassXC.

The API: https://specifications.freedesktop.org/secret-service-spec/latest/. Items are looked for in all
collections, as libsecret does for `secret-tool lookup`; new ones go into the default collection.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import secretstorage
from jeepney import DBusAddress, DBusErrorResponse, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection
from secretstorage.util import add_match_rules

from provisioner.errors import Conflict, ProvisionError
from provisioner.items import SecretItem
from provisioner.secret import Secret
from provisioner.stores import gnome_keyring, session_bus

RELOAD_SECONDS = 2.0
"""How long GNOME Keyring may take to read its changed file again, on a busy machine."""
RELOAD_LOOKS = 20
TRIES = RELOAD_LOOKS
_IS_LOCKED = "org.freedesktop.Secret.Error.IsLocked"
_NO_REPLY = "org.freedesktop.DBus.Error.NoReply"
T = TypeVar("T")


class SecretService:
    """The items, as a SecretStore that raises errors of secretstorage and jeepney too (see `explain`)."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._screen = session_bus.has_screen(env)

    def get(self, item: SecretItem) -> Secret | None:
        def read(bus: DBusConnection) -> Secret | None:
            found = self._find(bus, item)
            return None if found is None else Secret(found.get_secret().decode())

        return self._patiently(read)

    def set(self, item: SecretItem, secret: Secret) -> None:
        def write(bus: DBusConnection) -> None:
            found = self._find(bus, item)
            # Not CreateItem with "replace": GNOME Keyring then takes the label and all other attributes
            # from an item that another program has made.
            if found is not None:
                found.set_secret(secret.reveal().encode())
                return
            self._collection(bus).create_item(
                item.label, dict(item.attributes), secret.reveal().encode(), replace=True
            )

        self._patiently(write)

    def delete(self, item: SecretItem) -> None:
        def remove(bus: DBusConnection) -> None:
            found = self._find(bus, item)
            if found is not None:
                found.delete()

        self._patiently(remove)

    def vet(self, item: SecretItem) -> None:
        with self._bus() as bus:
            if not gnome_keyring.serves(bus):
                return
            places = {
                found.item_path.rpartition("/")[0]
                for found in secretstorage.search_items(bus, dict(item.attributes))
            }
            for place in places or {_default_path(bus)}:
                gnome_keyring.refuse_plain(place, self._env)

    def _patiently(self, action: Callable[[DBusConnection], T]) -> T:
        """Once more, if GNOME Keyring began to read its changed file again after we had looked."""
        with self._bus() as bus:
            for _ in range(TRIES - 1):
                try:
                    return action(bus)
                except (secretstorage.LockedException, DBusErrorResponse) as error:
                    if isinstance(error, DBusErrorResponse) and error.name != _IS_LOCKED:
                        raise
                time.sleep(RELOAD_SECONDS / RELOAD_LOOKS)
            return action(bus)

    @contextlib.contextmanager
    def _bus(self) -> Iterator[DBusConnection]:
        with session_bus.connect(self._env) as bus:
            add_match_rules(bus)
            yield bus

    def _find(self, bus: DBusConnection, item: SecretItem) -> secretstorage.Item | None:
        """The one item that a search by the attributes finds; it may have others too.

        Who reads it searches like this, and gets any one of several: so several are refused.
        """
        collection = _default(bus)
        if collection is not None:  # a locked one may show none of its items
            self._unlock(collection)
        matches = list(secretstorage.search_items(bus, dict(item.attributes)))
        if len(matches) > 1:
            wanted = ", ".join(f"{key}={value}" for key, value in item.attributes)
            raise Conflict(
                f"The keyring has {len(matches)} entries with {wanted}, and a program may read any of them.",
                "Delete all but one of them in the system's password manager and run again.",
                code="keyring.ambiguous",
            )
        for match in matches:
            self._unlock(match)
            return match
        return None

    def _collection(self, bus: DBusConnection) -> secretstorage.Collection:
        """The default collection, made if a person can be asked for its password."""
        if (collection := _default(bus)) is not None:
            return collection
        if not self._screen:
            raise ProvisionError(
                "You have no keyring yet, and without a screen none can be created.",
                "Log in to your desktop once, or create one in its password manager, then run again. "
                + session_bus.HEADLESS,
                code="keyring.none",
            )
        made = secretstorage.get_default_collection(bus)
        if gnome_keyring.serves(bus):  # whoever was asked may have left its password empty
            gnome_keyring.refuse_plain(_default_path(bus), self._env)
        return made

    def _unlock(self, thing: secretstorage.Collection | secretstorage.Item) -> None:
        if not _stays_locked(thing):
            return
        if not self._screen:
            if isinstance(thing, secretstorage.Item):
                # Its collection is open, so this asks nobody anything.
                with contextlib.suppress(secretstorage.PromptDismissedException, TimeoutError):
                    thing.unlock()
                if not thing.is_locked():
                    return
            raise Conflict(
                "The keyring is locked, and without a screen nobody can be asked for its password.",
                f"Unlock it in your desktop session and run again from there. {session_bus.HEADLESS}",
                code="keyring.locked",
            )
        try:
            thing.unlock()
            still = thing.is_locked()
        except TimeoutError:
            still = True
        if still:
            raise _not_unlocked()


def _stays_locked(thing: secretstorage.Collection | secretstorage.Item) -> bool:
    """GNOME Keyring calls an item locked for the moment in which it reads its changed file again."""
    for _ in range(RELOAD_LOOKS):
        if not thing.is_locked():
            return False
        time.sleep(RELOAD_SECONDS / RELOAD_LOOKS)
    return thing.is_locked()


def explain(error: Exception) -> ProvisionError:
    """What an error of the libraries means. Nothing of their text is repeated."""
    name = str(error.name) if isinstance(error, DBusErrorResponse) else type(error).__name__
    if isinstance(error, secretstorage.PromptDismissedException | secretstorage.LockedException):
        return _not_unlocked()
    if name == _IS_LOCKED:
        return _not_unlocked()
    if isinstance(error, secretstorage.SecretServiceNotAvailableException):
        ended = isinstance(error.__cause__, DBusErrorResponse) and error.__cause__.name == _NO_REPLY
        return _has_ended() if ended else _no_service()
    if isinstance(error, TimeoutError):
        what = "The keyring does not answer."
    elif isinstance(error, UnicodeDecodeError):
        what = "The keyring's entry is not a password in UTF-8."
    elif isinstance(error, secretstorage.ItemNotFoundException):
        what = "The keyring's entry has gone while it was used."
    else:
        what = f"The keyring refused with {name}."
    return ProvisionError(
        what, "Look at it in the desktop's password manager and run again.", code="keyring.failed"
    )


def _default(bus: DBusConnection) -> secretstorage.Collection | None:
    try:
        return secretstorage.Collection(bus)
    except secretstorage.ItemNotFoundException:
        return None


def _default_path(bus: DBusConnection) -> str:
    """The default collection's own object path; `/` if there is none."""
    service = DBusAddress(
        "/org/freedesktop/secrets", "org.freedesktop.secrets", "org.freedesktop.Secret.Service"
    )
    reply = bus.send_and_get_reply(new_method_call(service, "ReadAlias", "s", ("default",)))
    return str(reply.body[0]) if reply.header.message_type is MessageType.method_return else "/"


def _no_service() -> ProvisionError:
    return ProvisionError(
        "No keyring (Secret Service) is running in this session.",
        "Install GNOME Keyring, or enable the Secret Service in KWallet or KeePassXC;"
        " then log in again and run the command again.",
        code="keyring.none",
    )


def _has_ended() -> ProvisionError:
    return ProvisionError(
        "The keyring ended, or was restarted, while it was asked.",
        "Unlock it in the desktop's password manager, or log in again, and run the command again.",
        code="keyring.failed",
    )


def _not_unlocked() -> Conflict:
    return Conflict(
        "The keyring stays locked: its question was dismissed or not answered.",
        "Run again and answer it, or unlock the keyring in the desktop's password manager first.",
        code="keyring.locked",
    )
