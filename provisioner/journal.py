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
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from provisioner import atomic
from provisioner.errors import Conflict, ProvisionError
from provisioner.locks import OwnLock
from provisioner.model import Plan
from provisioner.receipt import FileRecord, Receipt, ReceiptState, successor

SCHEMA = 1
_ID = re.compile(r"[0-9]{8}T[0-9]{6}[0-9]{6}Z-[0-9a-f]{8}")
_RECEIPT = re.compile(_ID.pattern + r"\.json")
_TEMPORARY = re.compile(r"\..*\.tmp")


def _plausible(record: FileRecord) -> bool:
    """A record as we write it: the backup is a plain name, the mode has no special bits."""
    plain = record.backup is None or (record.backup == Path(record.backup).name and record.backup != "..")
    return plain and Path(record.path).is_absolute() and (record.mode or 0) & ~0o777 == 0


def digest(data: bytes | None) -> str | None:
    """SHA-256 in hex; None for a file that is not there."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_id() -> str:
    """A receipt's id: sorts by time and is unique."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z-{secrets.token_hex(4)}"


class Journal:
    """The receipts and backups of one user, below `directory` (Host.state_dir)."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._receipts = directory / "receipts"
        self._backups = directory / "backups"
        self._commits = directory / "commits"
        self._lock = OwnLock(directory / "lock")

    @contextlib.contextmanager
    def locked(self, *, wait: bool = False) -> Iterator[None]:
        """Only one provisioner plans and changes things at a time; who has the lock may take it again.

        Raises Conflict (`provisioner.running`) if another has it for some seconds, unless `wait`.
        """
        if self._lock.mine:
            yield
            return
        self._refuse_foreign()
        self._make_private(self.directory)
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(self._lock.hold(wait=wait))
            except OSError as error:
                raise _unwritable(self._lock.path, error) from None
            self._sweep()
            yield

    # --- reading ---

    def receipts(self, address: str | None = None, client: str | None = None) -> list[Receipt]:
        """Finished receipts, oldest first, of one address and client if given."""
        return [
            receipt
            for receipt in self._load_all()
            if receipt.state is ReceiptState.DONE
            and (address is None or receipt.address.lower() == address.lower())
            and (client is None or receipt.client == client)
        ]

    def unfinished(self) -> list[Receipt]:
        """Receipts of runs that were killed half-way, newest first (the order of undoing)."""
        return [receipt for receipt in self._load_all() if receipt.state is ReceiptState.OPEN][::-1]

    def _load_all(self) -> list[Receipt]:
        self._refuse_foreign()
        return [self._load(path) for path in self._own(self._receipts, _RECEIPT)]

    def _load(self, path: Path) -> Receipt:
        try:
            receipt = msgspec.json.decode(atomic.read_own(path), type=Receipt)
        except (OSError, msgspec.DecodeError) as error:
            raise ProvisionError(
                f"The receipt {path} cannot be read ({error}).",
                "Move it away to go on without it; what it describes can then not be undone by remove.",
                code="receipt.unreadable",
            ) from None
        if receipt.schema != SCHEMA or path.stem != receipt.id or not all(map(_plausible, receipt.files)):
            raise ProvisionError(
                f"The receipt {path} was not written by this version of provisioner.",
                "Use the version that wrote it, or move the file away.",
                code="receipt.unreadable",
            )
        return receipt

    def _refuse_foreign(self) -> None:
        """Receipts say which files to overwrite: they must come from this user alone.

        Raises Conflict (`state.unsafe`) if anyone else could have written here.
        """
        if os.name != "posix":
            return
        for directory in (self.directory, self._receipts, self._backups, self._commits):
            try:
                link, info = directory.lstat(), directory.stat()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise _unwritable(directory, error) from None
            if {link.st_uid, info.st_uid} != {os.geteuid()} or info.st_mode & 0o022:
                raise Conflict(
                    f"{directory} is not a directory of yours alone, so what it says cannot be trusted.",
                    f"Look who owns it and why; if nothing is wrong: chown -R {os.geteuid()} and "
                    "chmod -R go-w.",
                    code="state.unsafe",
                )

    def backup(self, receipt: Receipt, record: FileRecord) -> bytes | None:
        """The file as it was before; None if there was none.

        Raises ProvisionError (`backup.damaged`) if the backup is gone or altered.
        """
        if record.before is None:
            return None
        data = None
        if record.backup:
            with contextlib.suppress(OSError):
                data = (self._backup_dir(receipt.id) / record.backup).read_bytes()
        if data is None or digest(data) != record.before:
            raise ProvisionError(
                f"The backup of {record.path} is missing or damaged.",
                "The file was left as it is.",
                code="backup.damaged",
            )
        return data

    # --- writing: only apply.py calls these, with the lock held ---

    def open(self, receipt: Receipt, backups: dict[str, bytes]) -> None:
        """Puts the backups and then the open receipt on disk. Nothing may be changed before this returns."""
        directory = self._backup_dir(receipt.id)
        self._make_private(self._receipts)
        if backups:
            self._make_private(directory)
        for name, data in backups.items():
            self._write(directory / name, data)
        self._save(receipt)

    def keep_aside(self, receipt: Receipt, plan: Plan) -> Path:
        """Copies what the plan is about to overwrite to a directory that nothing deletes; returns it."""
        directory = self.directory / "kept" / receipt.id
        self._make_private(directory.parent)
        self._make_private(directory)
        for number, change in enumerate(plan.changes):
            if change.before is not None:
                self._write(directory / f"{number}-{change.path.name}", change.before)
        return directory

    def commit(self, group: str) -> None:
        """From here on the group's changes stay. Before it returns, they do not."""
        self._make_private(self._commits)
        self._write(self._commits / group, b"")

    def committed(self, receipt: Receipt) -> bool:
        return bool(receipt.group) and (self._commits / receipt.group).exists()

    def close(self, receipt: Receipt) -> None:
        """Writes the finished receipt of a committed group; `tidy` then forgets what it supersedes."""
        superseded = self.find(receipt.supersedes)
        if receipt.goal is ReceiptState.DONE and superseded:
            receipt = self._take_over(receipt, superseded)
        self._save(msgspec.structs.replace(receipt, state=receipt.goal))

    def discard(self, receipt: Receipt) -> None:
        """Forgets a receipt whose changes have been put back."""
        atomic.unlink(self._path(receipt.id))
        shutil.rmtree(self._backup_dir(receipt.id), ignore_errors=True)

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
        """Deletes superseded receipts and backups that no receipt names. Safe to repeat."""
        receipts = self._load_all()
        ended = {receipt.supersedes for receipt in receipts if receipt.state is not ReceiptState.OPEN}
        gone = [one for one in receipts if one.id in ended or one.state is ReceiptState.REMOVED]
        # A removal's own receipt goes last: until then it says that the one it ends is void.
        for receipt in sorted(gone, key=lambda one: one.state is ReceiptState.REMOVED):
            atomic.unlink(self._path(receipt.id))
        kept = {(one.id, record.backup) for one in receipts if one not in gone for record in one.files}
        for directory in self._own(self._backups, _ID):
            for path in directory.iterdir():
                if (directory.name, path.name) not in kept and not path.is_dir():
                    atomic.unlink(path)
            atomic.remove_directory(directory)
        waiting = {one.group for one in receipts if one.state is ReceiptState.OPEN}
        for marker in self._own(self._commits, _ID):
            if marker.name not in waiting:
                atomic.unlink(marker)

    def _sweep(self) -> None:
        """Deletes the temporary files that a killed run may leave here."""
        places = (self._receipts, self._commits, *self._own(self._backups, _ID))
        for path in (path for place in places for path in self._own(place, _TEMPORARY)):
            atomic.unlink(path)

    def _own(self, directory: Path, name: re.Pattern[str]) -> list[Path]:
        """What in a directory is ours by its name and is no link; other people's things are left alone."""
        if directory.is_symlink() or not directory.is_dir():
            return []
        found = (path for path in directory.iterdir() if name.fullmatch(path.name))
        return sorted(path for path in found if not path.is_symlink())

    def find(self, receipt_id: str | None) -> Receipt | None:
        """The receipt with this id, in whatever state."""
        return next((receipt for receipt in self._load_all() if receipt.id == receipt_id), None)

    def _save(self, receipt: Receipt) -> None:
        data = msgspec.json.format(msgspec.json.encode(receipt), indent=2) + b"\n"
        self._write(self._path(receipt.id), data)

    def _write(self, path: Path, data: bytes) -> None:
        try:
            atomic.write(path, data, mode=0o600, tag="new")
        except OSError as error:
            raise _unwritable(path, error) from None

    def _path(self, receipt_id: str) -> Path:
        return self._receipts / f"{receipt_id}.json"

    def _backup_dir(self, receipt_id: str) -> Path:
        return self._backups / receipt_id

    def backup_directory(self, receipt: Receipt) -> Path:
        """Where the files are as they were before the receipt."""
        return self._backup_dir(receipt.id)

    def _make_private(self, directory: Path) -> None:
        try:
            for missing in (*atomic.missing_directories(directory), directory):
                if not missing.is_dir():
                    atomic.make_directory(missing)
            if os.name == "posix" and directory.stat().st_mode & 0o077:
                directory.chmod(atomic.PRIVATE_DIR)
        except OSError as error:
            raise _unwritable(directory, error) from None


def _unwritable(path: Path, error: OSError) -> ProvisionError:
    return ProvisionError(
        f"{path} cannot be written: {error.strerror or error}.",
        "Check the free space and the permissions there; nothing was changed.",
        code="file.unwritable",
    )
