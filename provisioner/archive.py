"""Receipts and backups on disk, as they are read: believed only if they are ours, damaged ones one by one."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

import msgspec

from provisioner import atomic
from provisioner.errors import Conflict, ProvisionError
from provisioner.receipt import Draft, FileRecord, Receipt, ReceiptState

SCHEMA = 1
ID = re.compile(r"[0-9]{8}T[0-9]{6}[0-9]{6}Z-[0-9a-f]{8}")
_RECEIPT = re.compile(ID.pattern + r"\.json")
_DRAFT = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")


def _plausible(record: FileRecord) -> bool:
    """A record as we write it: the backup is a plain name, the mode has no special bits."""
    plain = record.backup is None or (record.backup == Path(record.backup).name and record.backup != "..")
    return plain and Path(record.path).is_absolute() and (record.mode or 0) & ~0o777 == 0


def digest(data: bytes | None) -> str | None:
    """SHA-256 in hex; None for a file that is not there."""
    return None if data is None else hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Unreadable:
    """A receipt that cannot be used, and why. What it says of itself decides only whom it stops."""

    path: Path
    error: ProvisionError
    address: str = ""
    """Whose it is; empty if even that cannot be read."""
    finished: bool = False
    """It says that its run was not stopped half-way."""

    def is_about(self, address: str | None) -> bool:
        """It is, or may be, about this address; None is any."""
        return address is None or self.address.lower() in ("", address.lower())


class Archive:
    """The receipts and backups of one user, below `directory` (Host.state_dir). Reads only."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(os.path.realpath(directory))  # atomic.py follows no links
        self._receipts = self.directory / "receipts"
        self._backups = self.directory / "backups"
        self._commits = self.directory / "commits"
        self._drafts = self.directory / "drafts"
        self._kept = self.directory / "kept"

    def receipts(self, address: str | None = None, client: str | None = None) -> list[Receipt]:
        """Receipts in force, oldest first, of one address and client if given.

        Raises ProvisionError (`receipt.unreadable`) if one that cannot be read may be about the address, or
        may be of a run that was stopped half-way; Conflict (`state.unsafe`) if none can be trusted.
        """
        self._refuse_unreadable(address)
        return [
            receipt
            for receipt in self.in_force()
            if (address is None or receipt.address.lower() == address.lower())
            and (client is None or receipt.client == client)
        ]

    def in_force(self) -> list[Receipt]:
        """What is set up, oldest first. What was committed counts, even where the run could not finish.

        Receipts that cannot be read are left out. Raises Conflict (`state.unsafe`).
        """
        standing = [
            one for one in self.readable() if one.state is not ReceiptState.OPEN or self.committed(one)
        ]
        void = {one.supersedes for one in standing}
        return [
            one
            for one in standing
            if one.id not in void and ReceiptState.REMOVED not in (one.state, one.goal)
        ]

    def unfinished(self, address: str | None = None) -> list[Receipt]:
        """Receipts of runs that were killed half-way, newest first (the order of undoing), of all addresses.

        Raises as `receipts` does: what is to be done for `address` must be known as a whole.
        """
        self._refuse_unreadable(address)
        return [receipt for receipt in self.readable() if receipt.state is ReceiptState.OPEN][::-1]

    def readable(self) -> list[Receipt]:
        """All receipts that can be read, in any state, oldest first. Raises Conflict (`state.unsafe`)."""
        return self._survey()[0]

    def unreadable(self, address: str | None = None) -> list[Unreadable]:
        """The others; those that are or may be about the address if given. Raises Conflict."""
        return [one for one in self._survey()[1] if one.is_about(address)]

    def find(self, receipt_id: str | None) -> Receipt | None:
        """The receipt with this id, in whatever state. Raises ProvisionError if it cannot be read."""
        receipts, damaged = self._survey()
        for one in damaged:
            if one.path.stem == receipt_id:
                raise one.error
        return next((receipt for receipt in receipts if receipt.id == receipt_id), None)

    def _refuse_unreadable(self, address: str | None) -> None:
        for one in self.unreadable():
            if one.is_about(address) or not one.finished:
                raise one.error

    def _survey(self) -> tuple[list[Receipt], list[Unreadable]]:
        self._refuse_foreign()
        found = [_load(path) for path in self._own(self._receipts, _RECEIPT)]
        return (
            [one for one in found if isinstance(one, Receipt)],
            [one for one in found if isinstance(one, Unreadable)],
        )

    def _refuse_foreign(self) -> None:
        """Receipts say which files to overwrite: they must come from this user alone.

        Raises Conflict (`state.unsafe`) if anyone else could have written here.
        """
        if os.name != "posix":
            return
        for directory in (self.directory, self._receipts, self._backups, self._commits, self._drafts):
            try:
                link, info = directory.lstat(), directory.stat()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise unwritable(directory, error) from None
            if {link.st_uid, info.st_uid} != {os.geteuid()} or info.st_mode & 0o022:
                raise Conflict(
                    f"{directory} is not a directory of yours alone, so what it says cannot be trusted.",
                    f"Look who owns it and why; if nothing is wrong: chown -R {os.geteuid()} and "
                    "chmod -R go-w.",
                    code="state.unsafe",
                )

    def drafts(self) -> list[Draft]:
        """Files with a password that are being written, or were when that was stopped; oldest first.

        Raises Conflict (`state.unsafe`).
        """
        self._refuse_foreign()
        found = [_draft(path) for path in self._own(self._drafts, _RECEIPT)]
        return [draft for draft in found if draft]

    def kept(self) -> set[Path]:
        """Copies of what `remove --force` has overwritten."""
        return {path for one in self._own(self._kept, ID) for path in one.iterdir()}

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

    def committed(self, receipt: Receipt) -> bool:
        return bool(receipt.group) and (self._commits / receipt.group).exists()

    def stands(self, receipt: Receipt) -> bool:
        """It is on the disk."""
        return os.path.lexists(self._path(receipt.id))

    def backup_directory(self, receipt: Receipt) -> Path:
        """Where the files are as they were before the receipt."""
        return self._backup_dir(receipt.id)

    def _own(self, directory: Path, name: re.Pattern[str]) -> list[Path]:
        """What in a directory is ours by its name and is no link; other people's things are left alone."""
        if directory.is_symlink() or not directory.is_dir():
            return []
        found = (path for path in directory.iterdir() if name.fullmatch(path.name))
        return sorted(path for path in found if not path.is_symlink())

    def _path(self, receipt_id: str) -> Path:
        return self._receipts / f"{receipt_id}.json"

    def _draft_path(self, draft: Draft) -> Path:
        return self._drafts / f"{draft.id}.json"

    def _backup_dir(self, receipt_id: str) -> Path:
        return self._backups / receipt_id


def _load(path: Path) -> Receipt | Unreadable:
    data = b""
    try:
        data = atomic.read_own(path)
        receipt = msgspec.json.decode(data, type=Receipt)
    except (OSError, msgspec.DecodeError, ValueError) as error:
        problem = ProvisionError(
            f"The receipt {path} cannot be read ({error}).",
            "Move it away to go on without it; what it describes can then not be undone by remove.",
            code="receipt.unreadable",
        )
        return _unreadable(path, problem, data)
    if receipt.schema != SCHEMA or path.stem != receipt.id or not all(map(_plausible, receipt.files)):
        problem = ProvisionError(
            f"The receipt {path} was not written by this version of provisioner.",
            "Use the version that wrote it, or move the file away; "
            "what it describes can then not be undone by remove.",
            code="receipt.unreadable",
        )
        return _unreadable(path, problem, data)
    return receipt


def _draft(path: Path) -> Draft | None:
    """None for what we would not write: it names a file that is to be deleted."""
    try:
        draft = msgspec.json.decode(atomic.read_own(path), type=Draft)
    except (OSError, msgspec.DecodeError, ValueError):
        return None
    temporary = Path(draft.path)
    ours = temporary.is_absolute() and _DRAFT.fullmatch(temporary.name)
    return draft if ours and draft.id == path.stem else None


def _unreadable(path: Path, error: ProvisionError, data: bytes) -> Unreadable:
    try:
        rest = msgspec.json.decode(data)
    except (msgspec.DecodeError, ValueError):
        rest = None
    if not isinstance(rest, dict) or not isinstance(rest.get("address"), str):
        return Unreadable(path, error)
    return Unreadable(path, error, rest["address"], rest.get("state") in ("done", "removed"))


def unwritable(path: Path, error: OSError) -> ProvisionError:
    return ProvisionError(
        f"{path} cannot be written: {error.strerror or error}.",
        "Check the free space and the permissions there; nothing was changed.",
        code="file.unwritable",
    )
