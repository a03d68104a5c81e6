"""Turns a plan into files: everything or nothing.

Order: lock, compare every file with what the plan saw, backups and open receipts on disk, then each file
in one atomic step, then the commit, then the receipts are closed. Any exception before the commit, Ctrl-C
included, puts the files back, newest first; after a kill, `recover` does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from provisioner import atomic, attributes, directories, keyring_changes, locks, seals
from provisioner.archive import SCHEMA, digest
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.journal import Journal, new_id, now
from provisioner.model import Account, FileChange, Plan, SecretChange
from provisioner.receipt import FileRecord, Receipt, ReceiptState
from provisioner.refusals import refused
from provisioner.vetting import refuse_unsafe

Places = Mapping[Path, Path]
"""Path of a change or a lock -> where that really is. Links are followed once: what was vetted is written."""


@dataclass(frozen=True)
class Deed:
    """A plan, and why: `account` under which `label`; `ends` is the receipt that a removal ends.

    `adopted`: the client has the account with a password, though there is no receipt of it. `replaces`: it
    has another password than the plan's.
    """

    plan: Plan
    account: Account
    label: str
    ends: Receipt | None = None
    adopted: bool = False
    replaces: bool = False


def apply(
    deeds: Sequence[Deed],
    host: Host,
    journal: Journal,
    *,
    wait: bool = False,
    verify: Callable[[], None] = lambda: None,
) -> None:
    """Makes all the plans true together, or leaves everything as it was.

    `wait`: wait for a running client or another provisioner instead of refusing. `verify` is called when
    everything is written; what it raises takes everything back.
    Raises Conflict if a file is no longer what its plan saw or a client is running, ProvisionError if
    the disk refuses; in every case the files are as before.
    """
    with journal.locked(wait=wait):
        places: dict[Path, Path] = {
            path: refuse_unsafe(path, host)
            for deed in deeds
            for path in filter(locks.is_file, deed.plan.locks)
        }
        absent = {path for path in places if not path.exists()}
        with contextlib.ExitStack() as held:
            for deed in deeds:
                held.enter_context(locks.hold(deed.plan.locks, deed.plan.title, wait=wait))
            for deed in deeds:
                places |= _unchanged_since(deed.plan, host)
            group = new_id()
            items = [seals.sealed(deed.plan.secrets, host.secrets) for deed in deeds]
            receipts = [
                _receipt(deed, changes, journal, group, absent, places)
                for deed, changes in zip(deeds, items, strict=True)
            ]
            try:
                for deed, receipt in zip(deeds, receipts, strict=True):
                    journal.open(receipt, _backups(deed.plan, receipt))
                for deed, receipt in zip(deeds, receipts, strict=True):
                    _write_all(deed.plan, receipt, places)
                for changes, receipt in zip(items, receipts, strict=True):
                    keyring_changes.write(changes, receipt, host.secrets)
                verify()
                journal.commit(group)
            except BaseException as error:
                if not journal.committed(receipts[0]):
                    _take_back(receipts, host, journal)
                    if isinstance(error, OSError):
                        raise refused(error) from None
                raise
            _close(receipts, host, journal)
        for deed in deeds:
            if deed.ends:  # the client's lock file was in one of them
                directories.remove(deed.ends)
        for deed in deeds:
            for program, *arguments in deed.plan.tell:
                host.output(program, *arguments)


def _close(receipts: Sequence[Receipt], host: Host, journal: Journal) -> None:
    """The deed is done: if the disk or the keyring refuses now, the next run closes and tidies."""
    with contextlib.suppress(OSError, ProvisionError):
        for receipt in receipts:
            keyring_changes.forget(receipt, host.secrets)
            journal.close(receipt)
        journal.tidy()


def _take_back(receipts: Sequence[Receipt], host: Host, journal: Journal) -> None:
    """Rolls back all of them, newest first, whatever happens to one; then raises what happened."""
    with contextlib.ExitStack() as stack:
        for receipt in receipts:
            stack.callback(roll_back, receipt, host, journal)


def relabel(journal: Journal, receipt: Receipt, label: str, *, rotated: str = "") -> None:
    """Notes that the password of a receipt has another label, since `rotated` if it is another password."""
    since = rotated or receipt.rotated
    with journal.locked():
        journal.close(msgspec.structs.replace(receipt, label=label, rotated=since, supersedes=None))


def recover(host: Host, journal: Journal, address: str | None = None, *, wait: bool = False) -> list[Receipt]:
    """Puts back what killed runs left half done; returns their receipts, newest first.

    `wait`: for another provisioner, however long that takes.

    Raises Conflict if a client is running or a file has been changed by someone else since, ProvisionError
    (`receipt.unreadable`) if a damaged receipt is in the way of what is to be done for `address`.
    """
    if not journal.directory.is_dir():
        return []
    taken_back = []
    with journal.locked(wait=wait):
        for receipt in journal.unfinished(address):
            emptied: list[Receipt] = []
            with locks.hold([Path(path) for path in receipt.locks], receipt.client.capitalize()):
                if journal.committed(receipt):
                    ended = journal.find(receipt.supersedes)
                    if ended and receipt.goal is ReceiptState.REMOVED:
                        emptied.append(ended)
                    keyring_changes.forget(receipt, host.secrets)
                    journal.close(receipt)
                else:
                    roll_back(receipt, host, journal)
                    taken_back.append(receipt)
                    emptied.append(receipt)
            for path in receipt.new_locks:
                atomic.unlink(Path(path))
            for one in emptied:  # only now: the client's lock file was in one of their directories
                directories.remove(one)
        journal.tidy()
    return taken_back


def roll_back(receipt: Receipt, host: Host, journal: Journal) -> None:
    """Puts every file of an open receipt back, newest first, and forgets the receipt.

    Raises Conflict (`recover.changed`) if a file is neither the old nor the new one; it and its backup stay.
    Raises Conflict (`file.*`), before anything is written, if any of them is no longer safe to replace.
    """
    changed = []
    places = [refuse_unsafe(Path(record.path), host) for record in receipt.files]
    for record, path in reversed(list(zip(receipt.files, places, strict=True))):
        with contextlib.suppress(OSError):
            atomic.unlink(atomic.temporary_name(path, receipt.id))
        current = digest(host.read(path))
        if current == record.before:
            continue
        if current != record.after:
            changed.append(record.path)
            continue
        restored = journal.backup(receipt, record)
        if restored is None:
            atomic.unlink(path)
        else:
            atomic.write(path, restored, mode=record.mode or 0o600, tag=receipt.id)
    if changed:
        raise Conflict(
            f"A run was stopped half-way, and since then someone changed {', '.join(changed)}.",
            f"Compare with the backup in {journal.directory}/backups/{receipt.id}, then move "
            f"{journal.directory}/receipts/{receipt.id}.json away.",
            code="recover.changed",
        )
    keyring_changes.take_back(receipt, host.secrets)
    directories.remove(receipt)
    journal.discard(receipt)


def _unchanged_since(plan: Plan, host: Host) -> dict[Path, Path]:
    places = {change.path: refuse_unsafe(change.path, host) for change in plan.changes}
    for change in plan.changes:
        if host.read(places[change.path]) != change.before:
            raise Conflict(
                f"{change.path} changed while the plan was made.", "Run the command again.", code="drift"
            )
    return places


def _receipt(
    deed: Deed,
    items: Sequence[SecretChange],
    journal: Journal,
    group: str,
    absent: Collection[Path],
    places: Places,
) -> Receipt:
    plan, account = deed.plan, deed.account
    earlier = deed.ends or next(
        (one for one in journal.receipts(account.address, plan.client) if one.where == plan.where), None
    )
    written = [change for change in plan.changes if change.after is not None]
    time = now()
    return Receipt(
        schema=SCHEMA,
        id=new_id(),
        state=ReceiptState.OPEN,
        goal=ReceiptState.REMOVED if deed.ends else ReceiptState.DONE,
        group=group,
        address=account.address,
        client=plan.client,
        where=plan.where,
        provider=account.provider,
        label=deed.label,
        created=time,
        updated=time,
        rotated=_rotated(deed, items, earlier, time),
        account=account,
        seal=plan.seal,
        adopted=plan.adopted or deed.adopted if earlier is None else earlier.adopted,
        replaced=_replaced(deed, earlier),
        secrets=keyring_changes.records(items),
        wrote_password=plan.wrote_password or (earlier is not None and earlier.wrote_password),
        files=tuple(
            _record(change, number, places[change.path]) for number, change in enumerate(plan.changes)
        ),
        locks=tuple(str(path) for path in plan.locks),
        new_locks=tuple(str(places[path]) for path in plan.locks if path in absent),
        directories=directories.around([places[one.path] for one in written], journal),
        supersedes=earlier.id if earlier else None,
    )


def _replaced(deed: Deed, earlier: Receipt | None) -> bool:
    if earlier is None:
        return deed.adopted and deed.plan.wrote_password
    had_it = earlier.adopted and not earlier.wrote_password
    return earlier.replaced or (had_it and deed.plan.wrote_password)


def _rotated(deed: Deed, items: Sequence[SecretChange], earlier: Receipt | None, time: str) -> str:
    if earlier is None:
        return ""
    plan = deed.plan
    written = any(change.before != change.after for change in plan.secrets)
    # Someone else may have stored it: then only the seal changes. One that is new says nothing.
    resealed = any(change.before not in (None, change.after) for change in items if change.item.is_seal)
    other = deed.replaces or written or resealed or plan.seal != earlier.seal
    return time if other else earlier.rotated


def _write_all(plan: Plan, receipt: Receipt, places: Places) -> None:
    directories.make(receipt)
    for change, record in zip(plan.changes, receipt.files, strict=True):
        if change.after is None:
            atomic.unlink(places[change.path])
        else:
            mode = change.mode if record.mode is None else record.mode
            atomic.write(places[change.path], change.after, mode=mode, tag=receipt.id)


def _record(change: FileChange, number: int, place: Path) -> FileRecord:
    mode = None
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        mode = attributes.plain_mode(place)
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
