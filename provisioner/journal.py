"""Receipts on disk: what was changed, so that it can be undone. Hashes and backups, never our secrets.

A receipt is written before the first change (state `open`). When the last change of its group is made,
the group is committed by one small file, and then the receipts are closed. An open receipt that is found
later belongs to a run that was killed: it is closed if its group was committed, else `recover` puts every
file back. Backups of the files as
they were live beside it, 0600 in 0700. When a setup is repeated, the new receipt takes over the oldest
backups and the intermediate ones are deleted, so that no copy of a replaced password stays behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from provisioner import atomic
from provisioner.archive import ID, Archive, unwritable
from provisioner.errors import ProvisionError
from provisioner.items import SecretItem
from provisioner.locks import OwnLock
from provisioner.receipt import Draft, FileRecord, Receipt, ReceiptState, successor, without_backups
from provisioner.vetting import real_place

_TEMPORARY = re.compile(r"\..*\.tmp")


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_id() -> str:
    """A receipt's id: sorts by time and is unique."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z-{os.urandom(4).hex()}"


class Journal(Archive):
    """The receipts and backups of one user, and the only way to write them."""

    def __init__(self, directory: Path, home: Path = Path("/")) -> None:
        """`home`: how far up others may have no way in (vetting.py)."""
        super().__init__(directory)
        self._named, self._home = directory, home
        self._lock = OwnLock(self.directory / "lock")
        self.opened: dict[str, Receipt] = {}
        """By their ids, the receipts that were opened here, not by another run."""
        self.made: list[Receipt] = []
        """Those of them that were committed."""
        self.spared: list[SecretItem] = []
        """Items that someone gave another password after a run was killed: taking it back left them."""
        self.settled = False
        """What another run had left was put back or finished here."""

    @contextlib.contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Only one provisioner plans and changes things at a time; who has the lock may take it again.

        Raises Conflict (`provisioner.running`) if another has it for some seconds, unless `wait`, and if
        others could write to where the directory is (`file.*`).
        """
        if self._lock.mine:
            yield
            return
        self._refuse_foreign()
        real_place(self._named, self._home)
        self._make_private(self.directory)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._lock.hold(wait=wait))
                self._sweep()
            except OSError as error:
                raise unwritable(Path(error.filename or self._lock.path), error) from None
            yield

    def glance(self) -> AbstractContextManager[str | None]:
        """Who changes something now; see OwnLock. Writes nothing."""
        return self._lock.glance()

    @contextlib.contextmanager
    def drafting(self, target: Path, address: str, client: str) -> Iterator[str]:
        """Notes that a file with a password is written to `target`; gives the tag of its temporary name.

        Should that be stopped, the temporary file goes with the next command that takes the lock.
        Raises as `locked` does, and ProvisionError (`file.unwritable`) if it cannot be noted.
        """
        with self.locked():
            tag, one, path = os.urandom(4).hex(), new_id(), atomic.named(target)
            temporary = str(atomic.temporary_name(path, tag))
            draft = Draft(id=one, address=address, client=client, path=temporary, created=now())
            self._make_private(self._drafts)
            self._write(self._draft_path(draft), msgspec.json.encode(draft))
            try:
                yield tag
            finally:
                self._drop(draft)

    def _drop(self, draft: Draft) -> None:
        """Deletes the temporary file, then the note of it; the note stays if the disk refuses or is away."""
        path = Path(draft.path)
        with contextlib.suppress(OSError):
            if path.parent.exists():  # a stick may be plugged in again, with the password on it
                with contextlib.suppress(NotADirectoryError):
                    atomic.unlink(path)
                atomic.unlink(self._draft_path(draft))

    # --- writing: only apply.py calls these, with the lock held ---

    def open(self, receipt: Receipt, backups: dict[str, bytes]) -> None:
        """Puts the backups and then the open receipt on disk. Nothing may be changed before this returns."""
        directory = self._backup_dir(receipt.id)
        self._make_private(self._receipts)
        if backups:
            self._make_private(directory)
        for name, data in backups.items():
            self._write(directory / name, data)
        self.opened[receipt.id] = receipt
        self._save(receipt)

    def commit(self, group: str) -> None:
        """From here on the group's changes stay. Before it returns, they do not."""
        self._make_private(self._commits)
        try:
            self._write(self._commits / group, b"")
        finally:
            self.made += [one for one in self.opened.values() if one.group == group and self.committed(one)]

    def close(self, receipt: Receipt) -> None:
        """Writes the finished receipt of a committed group; `tidy` then forgets what it supersedes."""
        self._keep(receipt)
        superseded = self.find(receipt.supersedes)
        if receipt.goal is ReceiptState.DONE and superseded:
            receipt = self._take_over(receipt, superseded)
        if receipt.replaced:
            receipt = without_backups(receipt)
        self._save(msgspec.structs.replace(receipt, state=receipt.goal))
        self.settled |= receipt.id not in self.opened

    def _keep(self, receipt: Receipt) -> None:
        """Moves the backups that stay to where nothing deletes them. Safe to repeat."""
        directory = self._kept / receipt.id
        for name in receipt.keep:
            backup = self._backup_dir(receipt.id) / name
            if not backup.exists():  # done, before this was stopped
                continue
            self._make_private(directory.parent)
            self._make_private(directory)
            try:
                atomic.move(backup, directory / name)
            except OSError as error:
                raise unwritable(directory / name, error) from None

    def discard(self, receipt: Receipt) -> None:
        """Forgets a receipt whose changes have been put back."""
        atomic.unlink(self._path(receipt.id))
        shutil.rmtree(self._backup_dir(receipt.id), ignore_errors=True)
        self.settled |= receipt.id not in self.opened

    def _take_over(self, new: Receipt, old: Receipt) -> Receipt:
        """`new` with the undo of `old`, and with those of its backups that are still needed."""
        copied: dict[FileRecord, FileRecord] = {
            record: self._copied(record, new, old) for record in old.files
        }
        return successor(new, old, copied)

    def _copied(self, record: FileRecord, new: Receipt, old: Receipt) -> FileRecord:
        if record.backup is None:
            return record
        try:
            data = self.backup(old, record)
        except ProvisionError:  # lost: then only the client can take our part out
            return msgspec.structs.replace(record, exact=False, backup=None)
        name = f"{old.id}-{record.backup}"
        self._make_private(self._backup_dir(new.id))
        self._write(self._backup_dir(new.id) / name, data or b"")
        return msgspec.structs.replace(record, backup=name)

    def tidy(self) -> None:
        """Deletes superseded receipts and backups that no receipt names. Safe to repeat.

        What belongs to a receipt that cannot be read stays: someone may mend it.
        """
        receipts, damaged = self._survey()
        ended = {receipt.supersedes for receipt in receipts if receipt.state is not ReceiptState.OPEN}
        gone = [one for one in receipts if one.id in ended or one.state is ReceiptState.REMOVED]
        # A removal's own receipt goes last: until then it says that the one it ends is void.
        for receipt in sorted(gone, key=lambda one: one.state is ReceiptState.REMOVED):
            atomic.unlink(self._path(receipt.id))
        kept = {(one.id, record.backup) for one in receipts if one not in gone for record in one.files}
        unknown = {one.path.stem for one in damaged}
        for directory in self._own(self._backups, ID):
            if directory.name in unknown:
                continue
            for path in directory.iterdir():
                if (directory.name, path.name) not in kept and not path.is_dir():
                    atomic.unlink(path)
            atomic.remove_directory(directory)
        waiting = {one.group for one in receipts if one.state is ReceiptState.OPEN}
        for marker in self._own(self._commits, ID):
            if marker.name not in waiting and not damaged:
                atomic.unlink(marker)

    def _sweep(self) -> None:
        """Deletes the temporary files that a killed run may leave here, and those that it noted elsewhere."""
        for draft in self.drafts():
            self._drop(draft)
        places = (self._receipts, self._commits, self._drafts, *self._own(self._backups, ID))
        for path in (path for place in places for path in self._own(place, _TEMPORARY)):
            atomic.unlink(path)

    def _save(self, receipt: Receipt) -> None:
        data = msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n"
        self._write(self._path(receipt.id), data)

    def _write(self, path: Path, data: bytes) -> None:
        try:
            atomic.write(path, data, mode=0o600, tag="new")
        except OSError as error:
            raise unwritable(path, error) from None

    def _make_private(self, directory: Path) -> None:
        try:
            for missing in (*atomic.missing_directories(directory), directory):
                if not missing.is_dir():
                    _make_or_find(missing)
            if os.name == "posix" and directory.stat().st_mode & 0o077:
                directory.chmod(atomic.PRIVATE_DIR)
        except OSError as error:
            raise unwritable(directory, error) from None


def _make_or_find(directory: Path) -> None:
    """Another provisioner may make it at the same moment, before either has the lock. Raises OSError."""
    try:
        atomic.make_directory(directory)
    except FileExistsError:
        if not directory.is_dir():
            raise
