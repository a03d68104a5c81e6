"""Claws Mail's saved passwords, as changes of the files that hold them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
from pathlib import Path

from provisioner.clients.base import Options
from provisioner.clients.common import program
from provisioner.edits.ini import Ini
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import FileChange
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.stores import claws
from provisioner.stores.claws import PasswordStore, Unreadable, Vault

CONFIG_VERSIONS = (((4, 3, 1), 5), ((3, 18), 4), ((3, 17), 3), ((0,), 2))
"""Since which version of the program which config_version is written (src/prefs_common.h). A file with a
newer one than the program knows is met with a warning; an older one is brought up to date in silence."""
NEWEST = (4, 3)
"""The last version of the program whose files are known here."""
SAFE_VERSION = 4
"""For a program that does not tell its version: all since 2021 read it."""
_NAMES = ("recv", "send")
"""The passwords of the incoming and the outgoing server (src/passwordstore.h)."""
_BEGUN = re.compile(
    rb"\[Common\]\nconfig_version=\d+\nmaster_passphrase_salt=\S+\nmaster_passphrase_pbkdf2_rounds=\d+\n"
)
"""clawsrc as we begin it; Claws Mail adds all its settings when it has run."""


class Passwords:
    """passwordstorerc, and what is needed from clawsrc to write it."""

    def __init__(self, host: Host, directory: Path, options: Options) -> None:
        self._host, self._directory = host, directory
        self._common = directory / "clawsrc"
        self._before = host.read(self._common)
        self._ini = Ini(self._before or b"", self._common)
        self._store = store(host, directory)
        self._vault = self._open(options)

    @property
    def protected(self) -> bool:
        """By a passphrase of the user's own."""
        return self._vault.passphrase != claws.BUILT_IN

    def _open(self, options: Options) -> Vault:
        settings = self._ini.section("Common")
        try:
            salt = base64.b64decode(settings.get("master_passphrase_salt", ""))
            rounds = int(settings.get("master_passphrase_pbkdf2_rounds", claws.ROUNDS))
            if not 0 < rounds <= claws.MAX_ROUNDS:
                raise ValueError
        except ValueError:
            raise _unrecognised(self._common, "its numbers for encryption are no numbers") from None
        if settings.get("use_master_passphrase", "0") not in ("0", ""):
            passphrase = options.unlock("Claws Mail's primary passphrase") if options.unlock else None
            return Vault.open(settings.get("master_passphrase", ""), salt, rounds, passphrase)
        if not salt:
            salt = os.urandom(claws.SALT)
            self._begin(salt, rounds)
        vault = Vault(claws.BUILT_IN, salt, rounds)
        entries = [one for one in self._store.all_entries() if one.startswith("{AES")]
        if entries and not any(_opens(vault, one) for one in entries):
            raise _unrecognised(self._directory / "passwordstorerc", "its passwords are encrypted otherwise")
        return vault

    def _begin(self, salt: bytes, rounds: int) -> None:
        text = render(
            "claws-mail/clawsrc.j2",
            version=config_version(self._host),
            salt=base64.b64encode(salt).decode(),
            rounds=rounds,
        )
        if self._before is None:
            self._ini = Ini(text.encode(), self._common)
        else:
            for key, value in Ini(text.encode(), self._common).section("Common").items():
                if key != "config_version":
                    self._ini.set("Common", key, value)

    def get(self, number: str) -> Secret | None:
        """Raises Conflict (`store.unrecognised`)."""
        entry = self._store.entries(number).get("recv")
        try:
            return self._vault.decrypt(entry) if entry else None
        except Unreadable as error:
            raise _unrecognised(self._directory / "passwordstorerc", f"it has {error}") from None

    def put(self, number: str, secret: Secret) -> bool:
        """Saves the password for both servers; false if both have it already."""
        entries = self._store.entries(number)
        wrong = []
        for name in _NAMES:
            with contextlib.suppress(Unreadable):
                if name in entries and self._vault.decrypt(entries[name]) == secret:
                    continue
            wrong.append(name)
        for name in wrong:
            self._store.put(number, name, self._vault.encrypt(secret))
        return bool(wrong)

    def seal(self, number: str) -> str:
        return mark(self._store.entries(number))

    @property
    def changes(self) -> tuple[FileChange, ...]:
        path = self._directory / "passwordstorerc"
        both = ((self._common, self._ini.data or None), (path, self._store.data))
        return tuple(
            FileChange(path, before, after)
            for path, after in both
            if (before := self._host.read(path)) != after
        )


def forget(host: Host, directory: Path, number: str, *, last: bool) -> tuple[FileChange, ...]:
    """Takes the passwords of an account out, none for no number; no passphrase is needed. With the `last`
    account the clawsrc that we began goes, too."""
    path, common = directory / "passwordstorerc", directory / "clawsrc"
    passwords = store(host, directory)
    passwords.drop(number)
    changes = [FileChange(path, host.read(path), passwords.data)] if number else []
    begun = host.read(common)
    if last and passwords.data is None and begun and _BEGUN.fullmatch(begun):
        changes.append(FileChange(common, begun, None))
    return tuple(change for change in changes if change.before != change.after)


def store(host: Host, directory: Path) -> PasswordStore:
    return PasswordStore(host.read(directory / "passwordstorerc"), config_version(host))


def mark(entries: dict[str, str]) -> str:
    """A hash of what a random block has made different from any other encryption of the same password."""
    return hashlib.sha256(entries["recv"].encode()).hexdigest() if "recv" in entries else ""


def _opens(vault: Vault, entry: str) -> bool:
    try:
        vault.decrypt(entry)
    except Unreadable:
        return False
    return True


def _unrecognised(path: Path, reason: str) -> Conflict:
    return Conflict(
        f"{path} is not as Claws Mail writes it: {reason}.",
        "Nothing was written. Start Claws Mail and see whether its saved passwords still work.",
        code="store.unrecognised",
    )


def about_version(host: Host) -> tuple[str, ...]:
    """A note if the files may not be those of the version that is here."""
    if version := program.version(host, "claws-mail"):
        return program.newer("Claws Mail", version, NEWEST)
    return (
        "Claws Mail does not say its version; its files are written as 3.18 has them, which newer ones bring "
        "up to date.",
    )


def config_version(host: Host) -> int:
    said = program.version(host, "claws-mail")
    return next((config for since, config in CONFIG_VERSIONS if said >= since), SAFE_VERSION)
