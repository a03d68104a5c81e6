"""The parts of an account in Balsa's two files, and which accounts are in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.clients.common import gnome, included
from provisioner.edits.keyfile import KeyFile
from provisioner.host import Host
from provisioner.model import Account, FileChange, Server
from provisioner.render import render

_BOXES = ("Inbox", "Outbox", "Sentbox", "Draftbox", "Trash")
"""Without these on this computer Balsa would ask for all anew (src/main.c, check_special_mailboxes)."""
KEEP = {"Name", "FullName", "MailDir", "Type", "Path", "GtkUIManager", "LibBalsaAddressView"}
"""What the person may have chosen otherwise since."""


@dataclass(frozen=True)
class Parts:
    """The sections of an account (src/save-restore.c), and both servers with their ports."""

    folder: str
    sender: str
    identity: str

    @classmethod
    def ours(cls, account: Account) -> Parts:
        """Always the same for an address."""
        name = included.file_name(account)
        return cls(f"folder-{name}", f"smtp-server-{name}", f"identity-{name}")


class Files:
    """Both files as they are; the methods change what `changes` then gives."""

    def __init__(self, host: Host) -> None:
        self.directory = host.home / ".balsa"
        self._host = host
        self.boxes = {name: self.directory / name.lower() for name in _BOXES}
        self.paths = (self.directory / "config", self.directory / "config-private")
        self.config, self.private = (gnome.read(host, path) for path in self.paths)

    def server(self, section: str) -> tuple[str, str]:
        """(host with port, user) of a section; see libbalsa/server.c, libbalsa_server_load_config."""
        host, port = (self.config.text(section, key) for key in ("Server", "Port"))
        return host if ":" in host or not port else f"{host}:{port}", self.private.text(section, "Username")

    @property
    def changes(self) -> tuple[FileChange, ...]:
        """A file in which nothing is left goes."""
        return tuple(
            FileChange(path, before, file.data if file.sections() else None)
            for path, file in zip(self.paths, (self.config, self.private), strict=True)
            if (before := self._host.read(path)) != (file.data if file.sections() else None)
        )

    def begin(self) -> Iterator[FileChange]:
        """The mailboxes on this computer, if Balsa has never run."""
        if self.config.text("Globals", "MailDir"):
            return
        self.config.merge(KeyFile.of(self.begun()), keep=KEEP)
        for path in self.boxes.values():
            if self._host.read(path) is None:
                yield FileChange(path, None, b"")

    def end(self) -> Iterator[FileChange]:
        """The same away again, if nothing else is left; a mailbox with mail in it stays."""
        if self.config.data != self.begun().encode():
            return
        self.config = KeyFile.of("")
        for path in self.boxes.values():
            if self._host.read(path) == b"":
                yield FileChange(path, b"", None)

    def begun(self) -> str:
        """What a new file begins with; the directory for other mailboxes is the usual one."""
        boxes = [(name, str(path)) for name, path in self.boxes.items()]
        return render("balsa/begun.j2", mail=str(self._host.home / "mail"), boxes=boxes)


def existing(files: Files, account: Account) -> Iterator[tuple[Parts, Account | None]]:
    """The folders that log in to the account's IMAP server; None for one without an identity that sends
    as the account."""
    senders = list(_senders(files, account))
    for folder in files.config.sections():
        server, user = files.server(folder)
        host = server.partition(":")[0]
        if folder.startswith("folder-") and gnome.same_login(account, account.imap, host, user):
            imap = dataclasses.replace(account.imap, username=user)
            if not senders:
                yield Parts(folder, "", ""), None
            for sender, identity, smtp in senders[:1]:
                yield Parts(folder, sender, identity), dataclasses.replace(account, imap=imap, smtp=smtp)


def _senders(files: Files, account: Account) -> Iterator[tuple[str, str, Server]]:
    """The servers and identities by which Balsa sends as the account, and the login of each."""
    for identity in files.config.sections():
        if identity.startswith("identity-") and sends_as(files, identity, account):
            sender = f"smtp-server-{files.config.text(identity, 'SmtpServer')}"
            server, user = files.server(sender)
            if gnome.same_login(account, account.smtp, server.partition(":")[0], user):
                yield sender, identity, dataclasses.replace(account.smtp, username=user)


def sends_as(files: Files, identity: str, account: Account) -> bool:
    return files.config.text(identity, "Address").lower() == account.key
