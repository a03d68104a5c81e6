"""The parts of an account in the files of KMail and Akonadi, and which accounts are in them."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.common import gnome
from provisioner.edits.keyfile import KeyFile
from provisioner.host import Host
from provisioner.model import Account, Server

TYPE = "akonadi_imap_resource"
_INSTANCE = re.compile(rf"({TYPE}_\d+)\\AgentType")
_IDENTITY = re.compile(r"Identity #\d+")


@dataclass(frozen=True)
class Parts:
    """An account's three parts by their numbers, which stay; KMail renumbers the sections of identities."""

    config: Path
    resource: str
    transport: str
    identity: str

    @classmethod
    def ours(cls, host: Host, account: Account) -> Parts:
        """Always the same for an address. All three are positive numbers of C's `int`."""
        number = str(10**8 + int(hashlib.sha256(account.key.encode()).hexdigest(), 16) % 10**9)
        return cls(gnome.config(host), f"{TYPE}_{number}", number, number)

    @property
    def where(self) -> Path:
        return self.config / f"{self.resource}rc"

    @property
    def instances(self) -> Path:
        return self.config / "akonadi/agentsrc"

    @property
    def transports(self) -> Path:
        return self.config / "mailtransports"

    @property
    def people(self) -> Path:
        """The identities."""
        return self.config / "emailidentities"

    @property
    def settings(self) -> Path:
        """KMail's own; without them it would offer to set up an account."""
        return self.config / "kmail2rc"

    @property
    def shared(self) -> tuple[Path, Path, Path, Path]:
        """The files with parts of all accounts, the one that makes Akonadi start ours first."""
        return self.instances, self.transports, self.people, self.settings

    @property
    def agent(self) -> Path:
        """What Akonadi itself keeps of the resource, such as its name."""
        return self.config / f"akonadi/agent_config_{self.resource}"

    @property
    def log(self) -> Path:
        """What Akonadi has not told the resource yet; it makes the file itself."""
        return self.config / f"akonadi/agent_config_{self.resource}_changes.dat"


def existing(host: Host, account: Account) -> Iterator[tuple[Parts, Account | None]]:
    """The resources that log in to the account's IMAP server, as KMail has them; None for one without an
    identity that sends as the account."""
    ours = Parts.ours(host, account)
    senders = list(_senders(host, account))
    for resource in _resources(host, ours.instances):
        parts = dataclasses.replace(ours, resource=resource)
        file = gnome.read(host, parts.where)
        user = file.text("network", "UserName")
        if not gnome.same_login(account, account.imap, file.text("network", "ImapServer"), user):
            continue
        imap = dataclasses.replace(account.imap, username=user)
        if not senders:
            yield parts, None
        for transport, identity, sender in senders[:1]:
            known = dataclasses.replace(account, imap=imap, smtp=sender)
            yield dataclasses.replace(parts, transport=transport, identity=identity), known


def _senders(host: Host, account: Account) -> Iterator[tuple[str, str, Server]]:
    """The transports and identities by which KMail sends as the account, and the login of each."""
    ours = Parts.ours(host, account)
    people, transports = gnome.read(host, ours.people), gnome.read(host, ours.transports)
    for section in identities(people):
        transport = people.text(section, "Transport")
        name, user = (transports.text(f"Transport {transport}", key) for key in ("host", "user"))
        if has_address(people, section, account) and gnome.same_login(account, account.smtp, name, user):
            smtp = dataclasses.replace(account.smtp, username=user)
            yield transport, people.text(section, "uoid"), smtp


def has_address(file: KeyFile, section: str, account: Account) -> bool:
    """The identity in the section sends as the account."""
    return file.text(section, "Email Address").lower() == account.key


def _resources(host: Host, path: Path) -> Iterator[str]:
    """Those of IMAP that Akonadi starts (akonadi, src/akonadicontrol/agentmanager.cpp, load)."""
    for key, value in gnome.read(host, path).section("Instances").items():
        if (match := _INSTANCE.fullmatch(key)) and value == TYPE:
            yield match[1]


def identities(file: KeyFile) -> Iterator[str]:
    """The sections of identities (kidentitymanagement, identitymanager.cpp, groupList)."""
    return (name for name in file.sections() if _IDENTITY.fullmatch(name))


def section_of(file: KeyFile, identity: str) -> str:
    """The section of the identity with this number, else one that is free."""
    taken = {name: file.text(name, "uoid") for name in identities(file)}
    free = next(name for count in range(len(taken) + 1) if (name := f"Identity #{count}") not in taken)
    return next((name for name, number in taken.items() if number == identity), free)
