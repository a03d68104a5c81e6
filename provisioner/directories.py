"""Directories that are made for files of ours: whoever leaves one last removes it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provisioner import atomic
from provisioner.archive import Archive
from provisioner.receipt import Receipt


def around(paths: Sequence[Path], archive: Archive) -> tuple[str, ...]:
    """Those that must be made for the files, and those around them that we have made before; outermost first.

    Raises Conflict (`state.unsafe`) if receipts cannot be trusted.
    """
    made = {name for receipt in archive.readable() for name in receipt.directories}
    found: set[Path] = set()
    for path in paths:
        found.update(atomic.missing_directories(path))
        found.update(parent for parent in path.parents if str(parent) in made)
    return tuple(str(path) for path in sorted(found, key=lambda path: len(path.parts)))


def make(receipt: Receipt) -> None:
    """Makes the receipt's directories; another plan of the group may have done so. Raises OSError."""
    for directory in receipt.directories:
        if not Path(directory).is_dir():
            atomic.make_directory(Path(directory))


def remove(receipt: Receipt) -> None:
    """Removes the receipt's directories, as far as they are empty."""
    for directory in sorted(receipt.directories, key=lambda name: len(Path(name).parts), reverse=True):
        atomic.remove_directory(Path(directory))
