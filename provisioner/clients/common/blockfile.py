"""Text files in which each account is a marked block (edits/block.py), and clients that are nothing else.

A file that is wholly ours is a marked block, too: what a user writes around it stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.base import Options, was_gone
from provisioner.edits import block
from provisioner.edits.block import Block
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.model import FileChange, Plan
from provisioner.receipt import Receipt

_INTERPRETER = re.compile(rb"\A#!.*\n\Z")


def choose(host: Host, options: Options, usual: Sequence[Path], title: str) -> Path:
    """The file to write: the one that was named, else the first of `usual` that exists, else the last.

    Raises UsageError (`profile.unknown`) for a name that is no file, such as another client's profile.
    """
    if options.profile is None:
        return next((path for path in usual if host.read(path) is not None), usual[-1])
    path = Path(options.profile).expanduser()
    if path in usual or (path.is_absolute() and path.is_file()):
        return path
    raise UsageError(
        f"{title} has no configuration file {options.profile}.",
        "Name an existing file by its whole path, or leave --client-profile away.",
        code="profile.unknown",
    )


def taken(path: Path, what: str) -> Conflict:
    """Someone's own account, `what` by kind and name, stands where ours would."""
    return Conflict(
        f"{path} has {what} already, which provisioner did not write.",
        "Rename or remove that one, then run the command again.",
        code="account.exists",
    )


@dataclass(frozen=True)
class BlockFile:
    """The file as it is, and the block of one account (`key`) in it."""

    path: Path
    data: bytes | None
    key: str
    block: Block | None
    comment: str = "#"
    force: bool = False
    """The block goes even if someone has edited it, or damaged those of other accounts."""
    head: str = ""
    """How the file begins if it is new: the line `#!...` of a program."""

    @classmethod
    def read(
        cls, host: Host, path: Path, key: str, comment: str = "#", *, force: bool = False, head: str = ""
    ) -> BlockFile:
        """`comment` is how a comment begins there: `#`, `;;` or `--`.

        Raises Conflict for a file that cannot be read or whose markers are damaged (`block.broken`).
        """
        data = host.read(path)
        return cls(path, data, key, block.find(data or b"", key, path, force=force), comment, force, head)

    @property
    def others(self) -> str:
        """Everything outside the account's block; other accounts' blocks are in it."""
        return self._rest.decode("utf-8", "surrogateescape")

    @property
    def _rest(self) -> bytes:
        return block.remove(self.data or b"", self.key, self.path, force=self.force)

    def refuse_another(self) -> None:
        """For a file that is wholly ours: raises Conflict (`account.exists`) if someone else wrote it."""
        if self.block is None and self.others.strip():
            raise Conflict(
                f"There is a {self.path} already, which provisioner did not write.",
                "Rename or remove that file, then run the command again.",
                code="account.exists",
            )

    def with_block(self, body: str) -> tuple[FileChange, ...]:
        """The change that makes `body` the block. Raises Conflict (`block.edited`)."""
        if self.block and self.block.body == body:
            return ()
        self._refuse_edited()
        after = block.put(self.data or self.head.encode(), self.key, body, self.path, self.comment)
        return (FileChange(self.path, self.data, after, 0o700 if self.head else 0o600),)

    def without_block(self) -> tuple[FileChange, ...]:
        """The change that takes the block out; nothing if it is gone.

        A file that would be empty, but for a line `#!...`, is removed, as no client can use it. Raises
        Conflict (`block.edited`) unless the file was read with `force`.
        """
        if self.block is None:
            return ()
        self._refuse_edited()
        return (FileChange(self.path, self.data, _INTERPRETER.sub(b"", self._rest) or None, 0o600),)

    def _refuse_edited(self) -> None:
        if self.block and self.block.edited and not self.force:
            raise Conflict(
                f"Someone has edited the lines of {self.key} in {self.path}.",
                "Move your own lines out of the block between the two `provisioner` markers and delete the "
                "rest of it, markers included; then run the command again.",
                code="block.edited",
            )


def unplan(
    host: Host,
    receipt: Receipt,
    title: str,
    notes: tuple[str, ...] = (),
    left: tuple[Path, ...] = (),
    *,
    force: bool = False,
) -> Plan:
    """Takes the account's block out of every file of the receipt. Raises Conflict (`block.*`).

    `force` as at `BlockFile`, from the options: the contract suite asks every client for it.
    """
    paths = [Path(record.path) for record in receipt.files]
    files = [BlockFile.read(host, path, receipt.account.key, force=force) for path in paths]
    changes = tuple(change for file in files for change in file.without_block())
    return Plan(
        client=receipt.client,
        title=title,
        where=receipt.where,
        changes=changes,
        done=f"{receipt.address} taken out of {title}" if changes else was_gone(receipt),
        notes=notes,
        left=left,
    )
