"""Text files in which accounts need lines in common: a marked block of each, and one more for all of them.

The common block follows from what the user has and from the accounts' blocks, and goes with the last of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.base import was_gone
from provisioner.clients.common.blockfile import BlockFile
from provisioner.edits import block
from provisioner.edits.block import Block
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import FileChange, Plan
from provisioner.receipt import Receipt

KEY = "shared"
"""The name of the common block; an account's has an `@`."""

Common = Callable[[str, Sequence[Block]], str]
"""(the user's own lines, the accounts' blocks) -> body of the common block; empty: none is needed."""
Place = Callable[[bytes], int]
"""Where in the file a block that is new begins: a byte offset, at the start of a line or the end."""


@dataclass(frozen=True)
class SharedFile:
    """`account` is the account's block in its file, `common` what makes the common one."""

    account: BlockFile
    common: Common
    place: Place = len

    @classmethod
    def read(
        cls,
        host: Host,
        path: Path,
        key: str,
        common: Common,
        comment: str = "#",
        *,
        place: Place = len,
        force: bool = False,
    ) -> SharedFile:
        """Raises Conflict as `BlockFile.read`."""
        return cls(BlockFile.read(host, path, key, comment, force=force), common, place)

    @property
    def own(self) -> str:
        """The user's own lines: all but blocks of ours."""
        return _own(self.account.data or b"", self.account.path)

    def with_block(self, body: str) -> tuple[FileChange, ...]:
        """The change that makes `body` the account's block. Raises Conflict (`block.edited`)."""
        account = self.account
        data = account.data or b""
        if account.block is None:
            data = self._with_common(data, new=_Coming(account.key, body))
            data = self._put(data, account.key, body)
        elif changes := account.with_block(body):
            data = changes[0].after or b""
        after = self._with_common(data)
        return () if after == account.data else (FileChange(account.path, account.data, after, 0o600),)

    def without_block(self) -> tuple[FileChange, ...]:
        """The change that takes the account's block out, and the common one with the last of them.

        Raises Conflict (`block.edited`) unless the file was read with `force`.
        """
        taken = self.account.without_block()
        if not taken:
            return ()
        after = self._with_common(taken[0].after or b"") if taken[0].after else None
        return (dataclasses.replace(taken[0], after=after or None),)

    def _with_common(self, data: bytes, new: _Coming | None = None) -> bytes:
        """`data` with the common block that its accounts need; `new`: an account that is to follow."""
        path = self.account.path
        try:
            accounts = [one for one in block.blocks(data, path) if one.name != KEY]
        except Conflict:
            if self.account.force:  # whose account needs it cannot be told
                return data
            raise
        if new is not None:
            accounts.append(Block(new.name, 0, 0, new.body, edited=False))
        body = self.common(_own(data, path), accounts) if accounts else ""
        file = BlockFile(
            path, data, KEY, block.find(data, KEY, path), self.account.comment, self.account.force
        )
        if body and file.block is None:
            return self._put(data, KEY, body)
        changes = file.with_block(body) if body else file.without_block()
        return (changes[0].after or b"") if changes else data

    def _put(self, data: bytes, key: str, body: str) -> bytes:
        """A block that is new, in its place."""
        at = self.place(data)
        comment = self.account.comment
        return block.put(data[:at], key, body, self.account.path, comment) + data[at:]


@dataclass(frozen=True)
class _Coming:
    name: str
    body: str


def _own(data: bytes, path: Path) -> str:
    for one in reversed(block.blocks(data, path)):
        data = data[: one.start] + data[one.end :]
    return data.decode("utf-8", "surrogateescape")


def unplan(
    receipt: Receipt,
    title: str,
    file: SharedFile,
    notes: tuple[str, ...] = (),
    left: tuple[Path, ...] = (),
    stays: tuple[str, ...] = (),
) -> Plan:
    """Takes the account's block out, and the common one with the last. Raises Conflict (`block.*`)."""
    changes = file.without_block()
    gone = was_gone(receipt)
    return Plan(
        client=receipt.client,
        title=title,
        where=receipt.where,
        changes=changes,
        done=f"{receipt.address} taken out of {title}" if changes else gone,
        notes=notes,
        left=left,
        stays=stays,
    )
