"""The file in which GNOME Keyring keeps a collection, and whether that is plain text.

A keyring whose password is empty is saved without encryption, as a key file that begins with `[keyring]`;
any other begins with `GnomeKeyring` (gnome-keyring: pkcs11/secret-store/gkm-secret-collection.c,
gkm-secret-textual.c, gkm-secret-binary.c).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path

from jeepney import MessageType
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection

from provisioner.errors import ProvisionError

_SERVICE = "org.freedesktop.secrets"
_GNOME = "org.gnome.keyring"
_PLAIN = b"[keyring]"
_CODED = re.compile(rb"_([0-9a-f]{2})")


def serves(bus: DBusConnection) -> bool:
    """GNOME Keyring is who answers for the Secret Service here."""
    owner = _owner(bus, _SERVICE)
    return owner is not None and owner == _owner(bus, _GNOME)


def refuse_plain(collection: str, env: Mapping[str, str]) -> None:
    """Raises ProvisionError (`keyring.unsafe`) if the collection's file is there and is plain text.

    `collection` is its object path. A file that cannot be found or read says nothing.
    """
    path = _directory(env) / f"{_identifier(collection)}.keyring"
    with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
        if file.read(len(_PLAIN)) == _PLAIN:
            raise ProvisionError(
                f"Your keyring has no password, so it keeps all that is in it as plain text in {path}.",
                "Give the keyring a password: in Seahorse (Passwords and Keys), right-click it,"
                " Change Password. Then run the command again.",
                code="keyring.unsafe",
            )


def _owner(bus: DBusConnection, name: str) -> str | None:
    reply = bus.send_and_get_reply(message_bus.GetNameOwner(name))
    return str(reply.body[0]) if reply.header.message_type is MessageType.method_return else None


def _directory(env: Mapping[str, str]) -> Path:
    """The old one counts only where there is no new one (pkcs11/gkm/gkm-util.c)."""
    home = Path(env.get("HOME", "/nonexistent"))
    data = Path(env.get("XDG_DATA_HOME") or home / ".local/share") / "keyrings"
    old = home / ".gnome2/keyrings"
    return old if old.is_dir() and not data.is_dir() else data


def _identifier(collection: str) -> str:
    """The file's name without its ending, from an object path (daemon/dbus/gkd-secret-util.c)."""
    coded = collection.rpartition("/")[2].encode()
    return _CODED.sub(lambda match: bytes.fromhex(match[1].decode()), coded).decode("utf-8", "replace")
