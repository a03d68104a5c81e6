"""Directories that a client needs but never makes: a small file of ours in each of them makes it."""

from __future__ import annotations

from pathlib import Path

from provisioner.host import Host
from provisioner.model import FileChange

NAME = ".provisioner"
CONTENT = b"A mail program needs this directory; provisioner made it with this file.\n"


def maildir(directory: Path) -> tuple[Path, Path, Path]:
    """What makes `directory` a Maildir; programs that read it skip names with a dot (maildir(5))."""
    return directory / "cur", directory / "new", directory / "tmp"


def keep(*directories: Path) -> tuple[FileChange, ...]:
    """What makes those that are not there; one that is, the user's or with mail in it, needs nothing."""
    return tuple(
        FileChange(directory / NAME, None, CONTENT, 0o600)
        for directory in directories
        if not directory.is_dir()
    )


def unkeep(host: Host, *directories: Path) -> tuple[FileChange, ...]:
    """Takes our files out; a directory with mail in it stays."""
    return tuple(
        FileChange(directory / NAME, CONTENT, None)
        for directory in directories
        if host.read(directory / NAME) == CONTENT
    )


def has_files(directory: Path) -> bool:
    """Some program has put a file into the directory or below it."""
    return any(path.name != NAME and path.is_file() for path in directory.rglob("*"))


def has_mail(directory: Path) -> bool:
    """Something is in the directory besides the keeper."""
    try:
        return any(path.name != NAME for path in directory.iterdir())
    except OSError:
        return False
