"""What an export must offer: a file, a code or a card that sets the account up where we do not run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from provisioner.clients.base import About, ExportFile, Options
from provisioner.model import Account, Support
from provisioner.secret import Secret


class Holds(StrEnum):
    """Where the password may be once it is in the export."""

    NEVER = "never"
    """The format has no place for it."""
    FILE = "file"
    """In a file for this user's eyes only."""
    SCREEN = "screen"
    """On a terminal, and nothing of it is ever written to disk."""
    EITHER = "either"


class Export(Protocol):
    """One export. Pure: it makes bytes from an account, and neither reads nor writes anything."""

    @property
    def ID(self) -> str: ...
    @property
    def TITLE(self) -> str: ...
    @property
    def SUPPORT(self) -> Support: ...
    @property
    def ABOUT(self) -> About: ...
    @property
    def HOLDS(self) -> Holds: ...

    def export(self, account: Account, secret: Secret | None, options: Options) -> ExportFile:
        """What another device or program takes. `secret` is only given if `HOLDS` has a place for it."""
        ...


def served(account: Account, *, everyone: bool) -> str:
    """Whom a file on the domain's web server is right for. `everyone`: no single user is named in it."""
    if everyone:
        return f"It serves every address of {account.address.rpartition('@')[2]}."
    return f"It serves {account.address} only, for that user's name is in it."


@dataclass(frozen=True)
class Made:
    """An export that is no module: a client's file, or a card made from data."""

    ID: str
    TITLE: str
    SUPPORT: Support
    ABOUT: About
    HOLDS: Holds
    export: Callable[[Account, Secret | None, Options], ExportFile] = field(repr=False)
