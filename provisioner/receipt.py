"""What was changed, as it is kept on disk: enough to undo it and to notice drift, and never a secret."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from provisioner.items import SecretItem
from provisioner.model import Account


class ReceiptState(StrEnum):
    """`open` while applying (found later: a crash, rolled back), then `done` or, after remove, `removed`."""

    OPEN = "open"
    DONE = "done"
    REMOVED = "removed"


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a file. Hashes are SHA-256 in hex; None means that there is no file."""

    path: str
    before: str | None
    after: str | None
    mode: int | None
    """Permissions of the file before, None if there was none."""
    backup: str | None = None
    """Name of the backup of `before` in the receipt's own directory."""
    exact: bool = True
    """False: the bytes of `before` are not at hand, only the client can take its part out."""


class SecretRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An item of the system's keyring that a client needs; never its value."""

    item: SecretItem
    had_before: bool
    """It was there before us, so remove leaves it."""
    changed: bool
    """This receipt's run wrote it."""


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What a setup changed: enough to undo it and to notice drift, and never a secret."""

    schema: int
    id: str
    """Sorts by time of making; also names the directory of backups and the temporary files."""
    state: ReceiptState
    address: str
    client: str
    where: str
    provider: str
    label: str
    created: str
    """ISO 8601, UTC."""
    updated: str
    account: Account
    """What was written: remove and status need it."""
    files: tuple[FileRecord, ...]
    secrets: tuple[SecretRecord, ...] = ()
    seal: str = ""
    """The client's mark of the password that we stored; see Plan."""
    adopted: bool = False
    """The account was in the client before us: only what we put there is ours to take out."""
    wrote_password: bool = True
    """We stored a password; False only with `adopted`, where the client had it already."""
    locks: tuple[str, ...] = ()
    new_locks: tuple[str, ...] = ()
    """Those of `locks` that we made; a killed run leaves them behind."""
    directories: tuple[str, ...] = ()
    """Directories that were made, outermost first."""
    group: str = ""
    """Changes of one group become true together or not at all."""
    goal: ReceiptState = ReceiptState.DONE
    """What an open receipt becomes once its group is committed."""
    supersedes: str | None = None
    """The earlier receipt that this one replaces (or, in state `removed`, ends)."""
