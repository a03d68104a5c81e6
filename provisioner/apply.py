"""Turns a plan into files: everything or nothing.

Order: lock, compare every file with what the plan saw, backups and open receipts on disk, then each file
in one atomic step, then the commit, then the receipts are closed. Any exception before the commit, Ctrl-C
included, puts the files back, newest first; after a kill, `recover` does. What fails behind the commit
leaves only tidying to `recover`: the changes stay.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import operator
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from provisioner import atomic, directories, keyring_changes, locks, seals
from provisioner.archive import digest
from provisioner.deed import Deed, Places, backups_of, receipt_of
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.journal import Journal, new_id
from provisioner.model import Plan
from provisioner.receipt import Receipt, ReceiptState
from provisioner.refusals import half_way, left, refused
from provisioner.vetting import refuse_unsafe


def apply(
    deeds: Sequence[Deed],
    host: Host,
    journal: Journal,
    *,
    wait: bool = False,
    verify: Callable[[], None] = lambda: None,
) -> str:
    """Makes all the plans true together, or leaves everything as it was.

    `wait`: wait for a running client or another provisioner instead of refusing. `verify` is called when
    everything is written; what it raises takes everything back. Returns what was refused when all changes
    were complete, in sentences: tidying, which the next run does. Empty if all is done.
    Raises Conflict if a file is no longer what its plan saw, a client is running, or another run was stopped
    since the last `recover`; ProvisionError if the disk refuses. The files are as before then, unless it is
    HalfWay: what was changed could not be taken back either, and `recover` does that.
    """
    with journal.locked(wait=wait):
        _finish_earlier(host, journal)
        places: dict[Path, Path] = {
            path: refuse_unsafe(path, host)
            for deed in deeds
            for path in filter(locks.is_file, deed.plan.locks)
        }
        absent = {path for path in places if not path.exists()}
        with contextlib.ExitStack() as held:
            for deed in deeds:
                held.enter_context(locks.hold(deed.plan.locks, deed.plan.title, wait=wait))
            trouble: list[OSError | ProvisionError] = []
            for deed in deeds:
                places |= _unchanged_since(deed.plan, host)
                if not deed.ends:  # what a removal gives back was there before
                    keyring_changes.vet(deed.plan.secrets, host.secrets)
            group = new_id()
            items = [seals.sealed(deed.plan.secrets, host.secrets) for deed in deeds]
            receipts = [
                receipt_of(deed, changes, journal, group, absent, places)
                for deed, changes in zip(deeds, items, strict=True)
            ]
            try:
                for deed, receipt in zip(deeds, receipts, strict=True):
                    journal.open(receipt, backups_of(deed.plan, receipt))
                for deed, receipt in zip(deeds, receipts, strict=True):
                    _write_all(deed.plan, receipt, places)
                for changes, receipt in zip(items, receipts, strict=True):
                    keyring_changes.write(changes, receipt, host.secrets)
                verify()
                journal.commit(group)
            except BaseException as error:
                if not journal.committed(receipts[0]):
                    failed = _take_back(receipts, host, journal)
                    if not isinstance(error, OSError | ProvisionError):
                        raise
                    if any(map(journal.stands, receipts)):
                        raise half_way(error, failed, (deed.plan.title for deed in deeds)) from None
                    if isinstance(error, OSError):
                        raise refused(error) from None
                    raise
                if not isinstance(error, OSError | ProvisionError):
                    raise
                trouble.append(error)
            trouble += _close(receipts, host, journal)
        for deed in deeds:
            if deed.ends:  # the client's lock file was in one of them
                directories.remove(deed.ends, journal)
        for deed in deeds:
            for program, *arguments in deed.plan.tell:
                host.output(program, *arguments)
    said = (refused(error) if isinstance(error, OSError) else error for error in trouble)
    return " ".join(dict.fromkeys(error.message for error in said))


def _close(receipts: Sequence[Receipt], host: Host, journal: Journal) -> Iterator[OSError | ProvisionError]:
    """The deed is done: if the disk or the keyring refuses one thing now, the rest is done all the same."""
    steps: list[Callable[[], None]] = [
        functools.partial(_finish, receipt, host, journal) for receipt in receipts
    ]
    for step in (*steps, journal.tidy):
        try:
            step()
        except (OSError, ProvisionError) as error:
            yield error


def _finish(receipt: Receipt, host: Host, journal: Journal) -> None:
    keyring_changes.forget(receipt, host.secrets)
    journal.close(receipt)


def _finish_earlier(host: Host, journal: Journal) -> None:
    """What this process has done before is closed first: a receipt takes over only from a closed one, or
    what that one supersedes would come back. What others left open, `recover` puts right, and says so.

    Raises Conflict (`drift`), ProvisionError.
    """
    stopped = [receipt for receipt in journal.readable() if receipt.state is ReceiptState.OPEN]
    for receipt in stopped:
        if receipt.id not in journal.opened or not journal.committed(receipt):
            raise Conflict(
                f"A run for {receipt.address} ({receipt.client}) was stopped half-way since the last look.",
                "Nothing was written; run the command again, which puts that right first.",
                code="drift",
            )
    for receipt in stopped:
        with _put_right(receipt):
            _finish(receipt, host, journal)
    if stopped:
        with _put_right(stopped[-1]):
            journal.tidy()


@contextlib.contextmanager
def _put_right(receipt: Receipt) -> Iterator[None]:
    """A refusal while an earlier run is put right says so. Raises HalfWay in place of OSError."""
    try:
        yield
    except OSError as error:
        raise left(error, receipt.address, receipt.client) from None


def _take_back(receipts: Sequence[Receipt], host: Host, journal: Journal) -> list[OSError | ProvisionError]:
    """Rolls back all of them, newest first, whatever happens to one. Returns what was refused."""
    failed: list[OSError | ProvisionError] = []
    with contextlib.ExitStack() as stack:
        for receipt in receipts:
            stack.callback(_tried, failed, functools.partial(roll_back, receipt, host, journal))
    if not failed:
        _tried(failed, functools.partial(_forget, receipts[::-1], journal))
    return failed


def _tried(failed: list[OSError | ProvisionError], step: Callable[[], None]) -> None:
    try:
        step()
    except (OSError, ProvisionError) as error:
        failed.append(error)


def recover(
    host: Host, journal: Journal, address: str | None = None, *, wait: bool = False
) -> tuple[list[Receipt], list[Receipt]]:
    """Puts back what killed runs left half done, and finishes what they had committed.

    Returns the receipts of what was put back, newest first, and of what was finished, oldest first.
    `wait`: for another provisioner, however long that takes.

    Raises Conflict if a client is running or a file has been changed by someone else since, ProvisionError
    (`receipt.unreadable`) if a damaged receipt is in the way of what is to be done for `address`.
    """
    if not journal.directory.is_dir():
        return [], []
    taken_back: list[Receipt] = []
    finished: list[Receipt] = []
    with journal.locked(wait=wait):
        newest_first = journal.unfinished(address)
        complete = [receipt for receipt in newest_first if journal.committed(receipt)]
        halfway = [receipt for receipt in newest_first if receipt not in complete]
        for _, group in itertools.groupby(halfway, key=operator.attrgetter("group")):
            members = list(group)
            for receipt in members:
                with _alone(receipt):
                    roll_back(receipt, host, journal)
                _leave(receipt, receipt, journal)
            with _put_right(members[0]):
                _forget(members, journal)
            taken_back += members
        for receipt in reversed(complete):  # a receipt takes over only from a closed one
            with _alone(receipt):
                ended = journal.find(receipt.supersedes) if receipt.goal is ReceiptState.REMOVED else None
                _finish(receipt, host, journal)
            _leave(receipt, ended, journal)
            finished.append(receipt)
        journal.tidy()
    return taken_back, finished


@contextlib.contextmanager
def _alone(receipt: Receipt) -> Iterator[None]:
    """The receipt's client is not running. Raises Conflict if it is, HalfWay in place of OSError."""
    with _put_right(receipt), locks.hold([Path(path) for path in receipt.locks], receipt.client.capitalize()):
        yield


def _leave(receipt: Receipt, emptied: Receipt | None, journal: Journal) -> None:
    """Removes the lock files that the receipt's run made, and the empty directories of `emptied`, where the
    client's lock file may have been until now."""
    with _put_right(receipt):
        for path in receipt.new_locks:
            atomic.unlink(Path(path))
        if emptied:
            directories.remove(emptied, journal)


def _forget(group: Sequence[Receipt], journal: Journal) -> None:
    """Only when all of the group are rolled back: until then each of them is half-way, as `status` says."""
    for receipt in group:
        journal.discard(receipt)


def roll_back(receipt: Receipt, host: Host, journal: Journal) -> None:
    """Puts every file of an open receipt back, newest first, and its keyring items. Safe to repeat.

    Raises Conflict (`recover.changed`) if a file is neither the old nor the new one; it and its backup stay.
    Raises Conflict (`file.*`), before anything is written, if any of them is no longer safe to replace.
    """
    changed = []
    places = [refuse_unsafe(Path(record.path), host) for record in receipt.files]
    for record, path in reversed(list(zip(receipt.files, places, strict=True))):
        temporary = atomic.temporary_name(path, receipt.id)
        if os.path.lexists(temporary):  # in a directory that cannot be opened nothing was ever written
            atomic.unlink(temporary)
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
    journal.spared += keyring_changes.take_back(receipt, host.secrets)
    directories.remove(receipt, journal)


def _unchanged_since(plan: Plan, host: Host) -> dict[Path, Path]:
    places = {change.path: refuse_unsafe(change.path, host) for change in plan.changes}
    for change in plan.changes:
        if host.read(places[change.path]) != change.before:
            raise Conflict(
                f"{change.path} changed while the plan was made.", "Run the command again.", code="drift"
            )
    return places


def _write_all(plan: Plan, receipt: Receipt, places: Places) -> None:
    directories.make(receipt)
    for change, record in zip(plan.changes, receipt.files, strict=True):
        if change.after is None:
            atomic.unlink(places[change.path])
        else:
            mode = change.mode if record.mode is None else record.mode
            atomic.write(places[change.path], change.after, mode=mode, tag=receipt.id)
