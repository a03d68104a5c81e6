"""Directories that are made for files of ours: whoever leaves one last removes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provisioner import atomic
from provisioner.archive import Archive
from provisioner.receipt import Receipt, ReceiptState

_MAILDIR = ("cur", "new", "tmp")
"""What makes a directory a Maildir: without one of them it is none (maildir(5))."""


def around(paths: Sequence[Path], needed: Sequence[Path], archive: Archive) -> tuple[str, ...]:
    """Those that must be made for the files, and those around them, or `needed`, that we have made before;
    outermost first.

    Raises Conflict (`state.unsafe`) if receipts cannot be trusted.
    """
    made = {name for receipt in archive.readable() for name in receipt.directories}
    missing = {directory for path in paths for directory in atomic.missing_directories(path)}
    used = {parent for path in paths for parent in path.parents}
    for directory in (one.resolve() for one in needed if one.is_dir()):
        used.update((directory, *directory.parents))
    found = missing | {directory for directory in used if str(directory) in made}
    return tuple(str(path) for path in sorted(found, key=lambda path: len(path.parts)))


def make(receipt: Receipt) -> None:
    """Makes the receipt's directories; another plan of the group may have done so. Raises OSError."""
    for directory in receipt.directories:
        if not Path(directory).is_dir():
            atomic.make_directory(Path(directory))


def remove(receipt: Receipt, archive: Archive) -> None:
    """Removes the receipt's directories, as far as they are empty and nobody else's.

    Raises Conflict (`state.unsafe`) if receipts cannot be trusted.
    """
    coming = [
        one for one in archive.readable() if (one.state, one.goal) == (ReceiptState.OPEN, ReceiptState.DONE)
    ]
    standing = [one for one in (*archive.in_force(), *coming) if not _goes(one, receipt)]
    others = {name for one in standing for name in one.directories}
    for directory in sorted(receipt.directories, key=lambda name: len(Path(name).parts), reverse=True):
        if directory not in others and not _of_a_box(Path(directory)):
            atomic.remove_directory(Path(directory))


def _goes(one: Receipt, receipt: Receipt) -> bool:
    """It is the receipt, or is taken back together with it."""
    return one.id == receipt.id or (
        receipt.state is one.state is ReceiptState.OPEN and one.group == receipt.group
    )


def _of_a_box(directory: Path) -> bool:
    """A part of a Maildir in which some program keeps anything, be it only its own state: it would not open
    the box any more."""
    box = directory.parent
    return directory.name in _MAILDIR and any(map(_has_file, (box, *(box / part for part in _MAILDIR))))


def _has_file(directory: Path) -> bool:
    try:
        return any(path.is_symlink() or not path.is_dir() for path in directory.iterdir())
    except OSError:
        return False
