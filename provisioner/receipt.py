"""What was changed, as it is kept on disk: enough to undo it and to notice drift, and never a secret."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from provisioner.items import SecretItem
from provisioner.model import Account


class ReceiptState(StrEnum):
    """`open` while applying (found later: a crash, rolled back), then `done` or, after remove, `removed`."""

    OPEN = "open"
    DONE = "done"
    REMOVED = "removed"


UNKNOWN = "unknown"
"""In place of a hash: there is a file, and nothing is kept of what was in it."""


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was done to a file. Hashes are SHA-256 in hex, or UNKNOWN; None means that there is no file."""

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
    foreign: bool = False
    """It looks like one of ours, but was there before any setup."""


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
    rotated: str = ""
    """When another password took the place of the first, empty if none has."""
    previous: str = ""
    """The label of the password that this one took the place of, empty if there was none."""
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
    replaced: bool = False
    """Only with `adopted`: the client had a password, and we stored another one. The first may be revoked, so
    nothing that holds it is kept or put back."""
    locks: tuple[str, ...] = ()
    new_locks: tuple[str, ...] = ()
    """Those of `locks` that we made; a killed run leaves them behind."""
    directories: tuple[str, ...] = ()
    """Directories that were made, outermost first."""
    group: str = ""
    """Changes of one group become true together or not at all."""
    goal: ReceiptState = ReceiptState.DONE
    """What an open receipt becomes once its group is committed."""
    keep: tuple[str, ...] = ()
    """Backups that stay when the changes are made: someone's changes that `remove --force` overwrites."""
    works_by: tuple[str, ...] = ()
    """The clients by which it works, as it was set up; see Plan."""
    supersedes: str | None = None
    """The earlier receipt that this one replaces (or, in state `removed`, ends)."""


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """A file with a password for the user, while it is written: what may be left if that is stopped."""

    id: str
    address: str
    client: str
    """What it is made for."""
    path: str
    """The temporary file."""
    created: str
    """ISO 8601, UTC."""


def without_backups(receipt: Receipt) -> Receipt:
    """The receipt with no way back to the bytes from before, nor anything that depends on them.

    They may hold the password that was replaced, and a hash could be tried against guesses of it.
    """
    files = tuple(
        msgspec.structs.replace(
            one,
            exact=False,
            backup=None,
            before=one.before and UNKNOWN,
            after=one.after and UNKNOWN,
        )
        for one in receipt.files
    )
    return msgspec.structs.replace(receipt, files=files)


def successor(new: Receipt, old: Receipt, copied: Mapping[FileRecord, FileRecord]) -> Receipt:
    """`new` with the undo of `old`: restoring it gives the state before the first setup.

    `copied` maps each file record of `old` to itself with a backup that belongs to `new`.
    """
    before = {record.path: record for record in old.files}
    files = []
    for record in new.files:
        first = before.pop(record.path, None)
        if first is None:
            files.append(record)
        elif copied[first].exact and first.after == record.before:
            files.append(msgspec.structs.replace(copied[first], after=record.after))
        else:  # someone changed the file in between: only the client can take our part out
            files.append(msgspec.structs.replace(record, exact=False, backup=None))
    secrets = {record.item: record for record in old.secrets}
    for item in new.secrets:
        had = secrets.get(item.item, item)
        secrets[item.item] = msgspec.structs.replace(item, had_before=had.had_before, foreign=had.foreign)
    return msgspec.structs.replace(
        new,
        files=(*files, *(copied[record] for record in before.values())),
        secrets=tuple(secrets.values()),
        # The undo is that of `old`, whatever had to be closed for `new`.
        locks=tuple(dict.fromkeys((*new.locks, *old.locks))),
        directories=tuple(dict.fromkeys((*old.directories, *new.directories))),
        created=old.created,
    )
