"""What a mail client's module must offer, and defaults that it can take over by assignment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.secret import Secret


@dataclass(frozen=True)
class Options:
    """What the user may say about how a client is set up.

    `profile`: the client's own profile, by name or path. `unlock`: asks for the password that protects
    the client's own store (Thunderbird's Primary Password); it is only called when there is one.
    """

    profile: str | None = None
    unlock: Callable[[str], Secret] | None = field(default=None, repr=False)
    rename: bool = False
    """The name was given for this run: it replaces the one that the client has."""
    force: bool = False
    """At remove: our part goes even where someone has edited it; what was there is kept aside."""
    together: frozenset[str] = frozenset()
    """The clients of the bundle that it is set up as a part of (`clients.BUNDLES`)."""
    beside: frozenset[str] = frozenset()
    """The clients that have the account, or get it in the same run: they need not be recommended."""
    sharing: frozenset[str] = frozenset()
    """At remove: the keys of other accounts that we have set up in the same place for the same login."""
    calendar: bool = False
    contacts: bool = False


@dataclass(frozen=True)
class About:
    """What docs/clients.md and `provisioner clients` say; each a phrase without a full stop."""

    versions: str
    """Those that were tried, or whose format is written: `1.8`."""
    account: str
    """Where the account goes: `marked block in ~/.msmtprc`."""
    stored: str
    """Where the password goes."""
    proof: str
    """How it is known to work."""
    proven: str
    """When that was last seen, ISO 8601; the test suite shows it again in every run."""
    needs: tuple[str, ...] = ()
    """Servers beside IMAP and SMTP, as `Account` names them, one of which the account must have."""
    holds_password: bool = True
    """False: it works on what another program fetches. So it asks for none, and none is rotated for it."""
    served_by: tuple[str, ...] = ()
    """Clients that log in for it where it is set up in a bundle with all of them: no password then."""
    works_by: tuple[str, ...] = ()
    """Clients that usually fetch or send for it. `Plan.works_by` has those without which it cannot work."""


FILE = "{file}"
"""Stands in `ExportFile.next` for the name under which the file is written."""


@dataclass(frozen=True)
class ExportFile:
    """A file for another device. `content` may hold the password if one was given.

    `drawing`: it is lines of block characters, to be seen in black on white (a QR code).
    """

    name: str
    content: bytes = field(repr=False)
    next: str
    drawing: bool = False


@dataclass(frozen=True)
class Found:
    """An account that a client has for the wanted server and user, whoever has set it up.

    `where` is its place as a receipt names it (`Options.profile` takes it). One of the others is given:
    `account` as the client has it, with its own form of the user name, if `plan` can change it in place;
    `item` that it reads its password from, so that no file needs to change; or `advice`, one sentence for
    the person, if only they can change it.
    """

    where: str
    account: Account | None = None
    item: SecretItem | None = None
    advice: str = ""
    note: str = ""
    """What the client needs after a new password, beside the password; or, of one that asks, that it does."""
    name: str = ""
    """What tells it from others in the same place, whichever address of the login is asked about."""


class Client(Protocol):
    """One mail client. Nothing here writes: plans are applied by `provisioner.apply`."""

    @property
    def ID(self) -> str: ...
    @property
    def TITLE(self) -> str: ...
    @property
    def SUPPORT(self) -> Support: ...
    @property
    def ABOUT(self) -> About: ...

    def detect(self, host: Host) -> tuple[Installation, ...]:
        """The installations on this machine; empty if there is none."""
        ...

    def plan(self, host: Host, account: Account, secret: Secret, options: Options) -> Plan:
        """What to change so that the client has the account. Pure: reads, never writes."""
        ...

    def unplan(self, host: Host, receipt: Receipt, options: Options) -> Plan:
        """What to change to take our part out, when files have changed since and cannot be restored."""
        ...

    def find(self, host: Host, account: Account, options: Options) -> tuple[Found, ...] | None:
        """All accounts in this client, in the named place or in each, that log in where `account` does.

        For rotate: they hold the old password. None if it cannot be seen from here what the client has.
        Raises Conflict for a named place that cannot be read; any other such place is one with `advice`.
        """
        ...

    def stored_secret(self, host: Host, account: Account, options: Options) -> Secret | None:
        """The password that the client itself would use for the account's IMAP server, if it has one."""
        ...

    def stored_seal(self, host: Host, account: Account, options: Options) -> str:
        """A mark of that password, which changes whenever another one is saved; empty if there is none."""
        ...

    def export(self, account: Account, secret: Secret | None, options: Options) -> ExportFile:
        """The file that sets the account up on another device."""
        ...


NOTHING = "none of its own"
"""For the `About` of a client that holds no password."""
ASKED = "none is written: it asks for it"
"""For the `About` of a client whose support is `config`."""


def asks(client: Client) -> bool:
    """No file can give it the password: the person types it there, and it is in no store that we know."""
    return client.SUPPORT is Support.CONFIG


def no_export(_account: Account, _secret: Secret | None, _options: Options) -> NoReturn:
    """For clients that no file can set up."""
    raise UsageError(
        "This client cannot be set up by a file.",
        "`provisioner clients` shows what each client supports.",
        code="client.no_export",
    )


def cannot_find(_host: Host, _account: Account, _options: Options) -> tuple[Found, ...] | None:
    """For clients that do not show which accounts they have."""
    return None


def no_stored_secret(_host: Host, _account: Account, _options: Options) -> Secret | None:
    """For clients that keep no password where we can read it."""
    return None


def no_stored_seal(_host: Host, _account: Account, _options: Options) -> str:
    """For clients that keep no password where we can read it."""
    return ""


def was_gone(receipt: Receipt) -> str:
    """What a removal has done that finds nothing of ours in the client's files."""
    return f"{receipt.address} was not in {receipt.where} any more"
