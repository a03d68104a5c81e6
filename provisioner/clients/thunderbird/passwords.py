"""The saved passwords of a profile, as changes of the files that hold them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from provisioner.clients.base import Options
from provisioner.clients.thunderbird.view import Login
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import FileChange
from provisioner.secret import Secret
from provisioner.stores import mozilla
from provisioner.stores.mozilla import KeyKind, MozillaStore, StoreUnrecognised

KEY4, LOGINS, BACKUP = "key4.db", "logins.json", "logins-backup.json"


class Passwords:
    """The password store of one profile, read once; a Primary Password is asked for if it has one.

    Raises Conflict and UsageError (`store.*`) if it cannot be opened.
    """

    def __init__(self, host: Host, profile: Path, options: Options, *, aes: bool = True) -> None:
        """`aes`: the kind of key in a store that does not exist yet; without it every version can read it."""
        self._profile = profile
        self._files = {name: host.read(profile / name) for name in (KEY4, LOGINS, BACKUP)}
        self._new_key = KeyKind.AES if aes else KeyKind.DES3
        for name in mozilla.must_not_exist(self._files[KEY4]):
            if (profile / name).exists():
                raise Conflict(
                    f"{profile / name} is there: the password store is an old one or half changed.",
                    "Nothing was written to this profile. "
                    "Start Thunderbird with this profile, close it, and run the command again.",
                    code="store.unrecognised",
                )
        self.seal = ""
        """After `change`: the mark of the first password that was saved."""
        self.locked = False
        """A Primary Password protects the store; Thunderbird asks for it when it starts."""
        try:
            self._store = self._opened(None)
        except mozilla.PrimaryPasswordNeeded:
            if options.unlock is None:
                raise
            self.locked = True
            self._store = self._opened(options.unlock("Thunderbird's Primary Password"))

    def get(self, login: Login) -> Secret | None:
        with self._named():
            return self._store.get(*login)

    def sealed(self, login: Login) -> str:
        """The mark of the password that is saved now, empty if there is none."""
        with self._named():
            return self._store.seal(*login)

    def change(self, save: Sequence[Login], secret: Secret, drop: Sequence[Login]) -> tuple[FileChange, ...]:
        """Saves `secret` under each login in `save` and forgets those in `drop`."""
        now = int(time.time() * 1000)
        with self._named():
            store = self._store.remove(drop).put([mozilla.Login(*login, secret) for login in save], now)
            self.seal = store.seal(*save[0]) if save else ""
        after = {KEY4: store.key4_bytes, LOGINS: store.logins_bytes, BACKUP: store.backup_bytes}
        return tuple(
            FileChange(self._profile / name, before, after[name])
            for name, before in self._files.items()
            if before != after[name]
        )

    def forget(self, drop: Sequence[Login]) -> tuple[FileChange, ...]:
        return self.change((), Secret(""), drop)

    def _opened(self, primary_password: Secret | None) -> MozillaStore:
        with self._named():
            return MozillaStore.open(
                self._files[KEY4],
                self._files[LOGINS],
                primary_password,
                new_key=self._new_key,
                backup=self._files[BACKUP],
            )

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Names the file with its whole path, which the store, working on bytes, does not know."""
        try:
            yield
        except StoreUnrecognised as error:
            raise error.below(self._profile) from None
