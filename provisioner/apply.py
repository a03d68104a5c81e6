"""Turns a plan into files: everything or nothing.

Order: lock, put back what a killed run left, compare every file with what the plan saw, backups and an
open receipt on disk, then each file in one atomic step, then the receipt is closed. Any exception,
Ctrl-C included, puts the files back, newest first.
"""

from __future__ import annotations

import contextlib
import stat
from dataclasses import dataclass
from pathlib import Path

import msgspec

from provisioner import atomic, locks
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.journal import SCHEMA, Journal, digest, new_id, now
from provisioner.model import Account, FileChange, FileRecord, Plan, Receipt, ReceiptState


@dataclass(frozen=True)
class Purpose:
    """Why a plan is applied: `account` under which `label`; `ends` is the receipt that a removal ends."""

    account: Account
    label: str
    ends: Receipt | None = None


def apply(plan: Plan, host: Host, journal: Journal, purpose: Purpose, *, wait: bool = False) -> None:
    """Makes the plan true, or leaves everything as it was.

    `wait`: wait for a running client or another provisioner instead of refusing.
    Raises Conflict if a file is no longer what the plan saw or a client is running, ProvisionError if
    the disk refuses; in every case the files are as before.
    """
    with journal.locked(wait=wait):
        with locks.hold(plan.locks, plan.title, wait=wait):
            _transact(plan, host, journal, purpose)
        if purpose.ends:  # the client's lock file was in one of them
            remove_directories(purpose.ends)


def _transact(plan: Plan, host: Host, journal: Journal, purpose: Purpose) -> None:
    _unchanged_since(plan, host)
    receipt = _receipt(plan, journal, purpose)
    try:
        journal.open(receipt, _backups(plan, receipt))
        for directory in receipt.directories:
            atomic.make_directory(Path(directory))
        for change, record in zip(plan.changes, receipt.files, strict=True):
            _write(change, record, receipt.id)
        state = ReceiptState.REMOVED if purpose.ends else ReceiptState.DONE
        journal.close(msgspec.structs.replace(receipt, state=state))
    except BaseException as error:
        roll_back(receipt, host, journal)
        if isinstance(error, OSError):
            raise _refused(error) from None
        raise


def recover(host: Host, journal: Journal) -> list[Receipt]:
    """Puts back what killed runs left half done; returns their receipts, newest first.

    Raises Conflict if a client is running or a file has been changed by someone else since.
    """
    if not journal.directory.is_dir():
        return []
    with journal.locked():
        found = journal.unfinished()
        for receipt in found:
            with locks.hold([Path(path) for path in receipt.locks], receipt.client):
                roll_back(receipt, host, journal)
        journal.tidy()
    return found


def roll_back(receipt: Receipt, host: Host, journal: Journal) -> None:
    """Puts every file of an open receipt back, newest first, and forgets the receipt.

    Raises Conflict (`recover.changed`) if a file is neither the old nor the new one; it and its backup stay.
    """
    changed = []
    for record in reversed(receipt.files):
        path = Path(record.path)
        with contextlib.suppress(OSError):
            atomic.remove(atomic.temporary_name(path.resolve(), receipt.id))
        current = digest(host.read(path))
        if current == record.before:
            continue
        if current != record.after:
            changed.append(record.path)
            continue
        restored = journal.backup(receipt, record)
        if restored is None:
            atomic.remove(path)
        else:
            atomic.write(path, restored, mode=record.mode or 0o600, tag=receipt.id)
    if changed:
        raise Conflict(
            f"A run was stopped half-way, and since then someone changed {', '.join(changed)}.",
            f"Compare with the backup in {journal.directory}/backups/{receipt.id}, then move "
            f"{journal.directory}/receipts/{receipt.id}.json away.",
            code="recover.changed",
        )
    remove_directories(receipt)
    journal.discard(receipt)


def remove_directories(receipt: Receipt) -> None:
    """Removes the directories that were made for the receipt, as far as they are empty."""
    for directory in reversed(receipt.directories):
        atomic.remove_directory(Path(directory))


def _unchanged_since(plan: Plan, host: Host) -> None:
    for change in plan.changes:
        if host.read(change.path) != change.before:
            raise Conflict(
                f"{change.path} changed while the plan was made.", "Run the command again.", code="drift"
            )


def _receipt(plan: Plan, journal: Journal, purpose: Purpose) -> Receipt:
    earlier = purpose.ends or next(
        (
            receipt
            for receipt in journal.receipts(purpose.account.address, plan.client)
            if receipt.where == plan.where
        ),
        None,
    )
    directories: dict[str, None] = {}
    for change in plan.changes:
        if change.after is not None:
            directories.update((str(path), None) for path in atomic.missing_directories(change.path))
    time = now()
    return Receipt(
        schema=SCHEMA,
        id=new_id(),
        state=ReceiptState.OPEN,
        address=purpose.account.address,
        client=plan.client,
        where=plan.where,
        provider=purpose.account.provider,
        label=purpose.label,
        created=time,
        updated=time,
        account=purpose.account,
        adopted=plan.adopted if earlier is None else earlier.adopted,
        files=tuple(_record(change, number) for number, change in enumerate(plan.changes)),
        locks=tuple(str(path) for path in plan.locks),
        directories=tuple(directories),
        supersedes=earlier.id if earlier else None,
    )


def _record(change: FileChange, number: int) -> FileRecord:
    mode = None
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        mode = stat.S_IMODE(change.path.stat().st_mode)
    return FileRecord(
        path=str(change.path),
        before=digest(change.before),
        after=digest(change.after),
        mode=mode,
        backup=None if change.before is None else f"{number}-{change.path.name}",
    )


def _backups(plan: Plan, receipt: Receipt) -> dict[str, bytes]:
    return {
        record.backup: change.before
        for change, record in zip(plan.changes, receipt.files, strict=True)
        if record.backup is not None and change.before is not None
    }


def _write(change: FileChange, record: FileRecord, tag: str) -> None:
    if change.after is None:
        atomic.remove(change.path)
    else:
        atomic.write(
            change.path, change.after, mode=change.mode if record.mode is None else record.mode, tag=tag
        )


def _refused(error: OSError) -> ProvisionError:
    return ProvisionError(
        f"{error.filename or 'A file'} cannot be written: {error.strerror or error}.",
        "Check the free space and the permissions there; everything was put back as it was.",
        code="file.unwritable",
    )
