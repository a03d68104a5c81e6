"""ConfigObj files, as of khal and khard: accounts as `[[NAME]]` in a section that may stand only once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from provisioner.clients.common.shared import SharedFile
from provisioner.edits.block import Block
from provisioner.host import Host
from provisioner.model import Account

_NEXT = re.compile(rb"^[ \t]*\[[^\[]", re.M)


def read(host: Host, path: Path, account: Account, head: str, *, force: bool = False) -> SharedFile:
    """`head` is the line that begins the section, which is added where it is missing.

    Raises Conflict as `SharedFile.read`.
    """
    section = re.compile(rb"^[ \t]*%b[^\n]*(?:\n|\Z)" % re.escape(head.strip().encode()), re.M)

    def common(own: str, _accounts: Sequence[Block]) -> str:
        return "" if section.search(own.encode("utf-8", "surrogateescape")) else head

    def place(data: bytes) -> int:
        """The end of the section, or of the file."""
        start = section.search(data)
        following = _NEXT.search(data, start.end()) if start else None
        return following.start() if following else len(data)

    return SharedFile.read(host, path, account.key, common, place=place, force=force)
