"""Clients whose file can include others: an account in a file of its own, and one line that includes it.

Both are marked blocks (blockfile.py), so that edits by hand are noticed and other lines are never touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from provisioner.clients.base import Found
from provisioner.clients.common import hook
from provisioner.clients.common.blockfile import BlockFile
from provisioner.host import Host
from provisioner.model import Account, FileChange
from provisioner.secret import Secret


def file_name(account: Account, ending: str = "") -> str:
    """The account's key as a name for a file: letters and digits that no syntax minds, others as `%2F`."""
    return quote(account.key, safe="@+=") + ending


def directory(host: Host) -> Path:
    """Where such files are, if the client itself has no directory for them."""
    return host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "provisioner"


def from_home(host: Host, path: Path) -> str:
    """The path with `~` for the home directory, for programs that know it: it may hold any character."""
    return f"~/{path.relative_to(host.home)}" if path.is_relative_to(host.home) else str(path)


@dataclass(frozen=True)
class Included:
    """`own` is the account's file, `main` the user's, with the line that includes it."""

    own: BlockFile
    main: BlockFile

    @classmethod
    def read(cls, host: Host, account: Account, own: Path, main: Path, comment: str = "#") -> Included:
        """Raises Conflict as `BlockFile.read`."""
        return cls(
            BlockFile.read(host, own, account.key, comment), BlockFile.read(host, main, account.key, comment)
        )

    def with_account(self, body: str, line: str) -> tuple[FileChange, ...]:
        """The changes that make `body` the file and `line` include it. Raises Conflict (`block.edited`)."""
        return self.own.with_block(body) + self.main.with_block(line)

    def find(self, account: Account) -> tuple[Found, ...]:
        """Our account, if the client reads it; what the user has written elsewhere is not looked at."""
        if self.own.block is None or self.main.block is None:
            return ()
        as_written = not self.own.block.edited and not self.main.block.edited
        item = account.item if as_written else None
        return (Found(str(self.main.path), account, item),)

    def stored(self, host: Host, account: Account) -> Secret | None:
        """The keyring's password, if the client reads the account. Raises ProvisionError (`keyring.*`)."""
        return hook.stored(host, account) if self.own.block and self.main.block else None
