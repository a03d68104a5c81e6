"""alpine: an account in a directory of its own, with a script that starts alpine on it.

alpine can run no command for a password. It has an encrypted file of passwords, which we make as it does,
with a key of its own; the user's ~/.pinerc and ~/.pine-passfile are not read or written by us.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal, was_gone
from provisioner.clients.common import included, program
from provisioner.clients.common.blockfile import BlockFile
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, FileChange, Installation, Plan, Security, Server, Support, Use
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.stores import alpine_passfile
from provisioner.stores.alpine_passfile import Entry, Key

ID = "alpine"
TITLE = "Alpine"
SUPPORT = Support.FULL
ABOUT = About(
    versions="2.26",
    account="a directory of its own in ~/.config/provisioner/alpine, with a script that starts alpine on it",
    stored="alpine's own encrypted file, with a key beside it: as safe as files that only you can read",
    proof="the real program reads and sends over TLS",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_WORD = re.compile(r"[A-Za-z0-9.@_+=~!#%&*^-]+")
"""User names that mean themselves in a folder's name (c-client, mail_valid_net_parse)."""
_SPECIAL = set('()<>[]:;@\\,"')
"""RFC 5322, 3.2.3: names with these would have to be quoted, in quotes that alpine takes off."""


def detect(host: Host) -> tuple[Installation, ...]:
    """alpine on the search path; `where` is the directory of our accounts."""
    return program.installation(host, ID, ID, TITLE, included.directory(host) / ID)


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the directory: settings, passwords, key, script.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `value.unwritable`),
    Conflict (`block.*`, `store.unreadable`).
    """
    program.require(host, ID, TITLE, ID)
    files = _files(host, account, options)
    if set(account.display_name) & _SPECIAL:
        raise UsageError(
            f"alpine cannot have a name with any of {' '.join(sorted(_SPECIAL))} in it.",
            "Give another name with --name, or set this account up in another client.",
            code="value.unwritable",
        )
    settings = _settings(account)
    return Plan(
        client=ID,
        title=TITLE,
        where=str(files.settings.path),
        changes=(
            *files.stored_passwords(host, account, secret),
            *files.settings.with_block(settings),
            *files.start.with_block(render("alpine/start.j2")),
        ),
        done=f"reads and sends as {account.address}; the password is in an encrypted file of alpine's",
        next=f"Read your mail with:\n  {shlex.quote(str(files.start.path))}",
        notes=(
            "alpine would ask for a passphrase if its key had one: so the password is as safe as your files.",
        ),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the directory's files out; passwords that alpine has stored beside ours stay with their key.

    Raises Conflict (`block.*`, `store.unreadable`).
    """
    files = _Files.read(host, receipt.account, Path(receipt.where), force=options.force)
    changes = (
        *files.start.without_block(),
        *files.settings.without_block(),
        *files.without_passwords(host, receipt.account, force=options.force),
    )
    gone = was_gone(receipt)
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        done=f"{receipt.address} taken out of {TITLE}" if changes else gone,
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our account, if it is there; what the user has in ~/.pinerc is not looked at."""
    files = _files(host, account, options)
    return (Found(str(files.settings.path), account),) if files.settings.block else ()


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password in the file. Raises Conflict (`store.unreadable`)."""
    files = _files(host, account, options)
    wanted = (account.imap.username, _place(account.imap))
    entries = files.entries(host) if files.settings.block else ()
    return next((one.secret for one in entries if (one.user, one.host) == wanted), None)


@dataclass(frozen=True)
class _Files:
    settings: BlockFile
    start: BlockFile
    passwords: Path
    key: Path
    """The directory in which alpine looks for the two files of the key."""

    @classmethod
    def read(cls, host: Host, account: Account, settings: Path, *, force: bool = False) -> _Files:
        directory, key = settings.parent, account.key
        return cls(
            BlockFile.read(host, settings, key, force=force),
            BlockFile.read(host, directory / "start", key, force=force, head="#!/bin/sh\n"),
            directory / "passwords.pkcs7",
            directory / "key",
        )

    @property
    def _pems(self) -> tuple[Path, Path]:
        return self.key / "MasterPassword.key", self.key / "MasterPassword.crt"

    def _key(self, host: Host) -> Key | None:
        private, certificate = map(host.read, self._pems)
        return Key(private, certificate) if private is not None and certificate is not None else None

    def entries(self, host: Host) -> tuple[Entry, ...]:
        key, data = self._key(host), host.read(self.passwords)
        return alpine_passfile.read(data, key) if key and data is not None else ()

    def stored_passwords(self, host: Host, account: Account, secret: Secret) -> tuple[FileChange, ...]:
        """Ours before those that alpine has added; nothing if it is all there."""
        ours = _entries(account, secret)
        present = self.entries(host)
        wanted = (*ours, *(one for one in present if not _same(one, ours)))
        if all(one in present for one in wanted):
            return ()
        found = self._key(host)
        key = found or alpine_passfile.make_key(account.address)
        data = alpine_passfile.write(wanted, key)
        changes = [FileChange(self.passwords, host.read(self.passwords), data)]
        if found is None:
            pems = zip(self._pems, (key.private, key.certificate), strict=True)
            changes += [FileChange(path, host.read(path), pem) for path, pem in pems]
        return tuple(changes)

    def without_passwords(self, host: Host, account: Account, *, force: bool) -> tuple[FileChange, ...]:
        others: tuple[Entry, ...] = ()
        if not force:
            ours = _entries(account, Secret(""))
            others = tuple(one for one in self.entries(host) if not _same(one, ours))
        before = host.read(self.passwords)
        key = self._key(host)
        if others and key:
            return (FileChange(self.passwords, before, alpine_passfile.write(others, key)),)
        return tuple(
            FileChange(path, data, None)
            for path in (self.passwords, *self._pems)
            if (data := host.read(path)) is not None
        )


def _files(host: Host, account: Account, options: Options) -> _Files:
    usual = included.directory(host) / ID / included.file_name(account) / "settings"
    if options.profile is not None and Path(options.profile).expanduser() != usual:
        raise UsageError(
            f"{TITLE} has no configuration file {options.profile} of this account.",
            "Leave --client-profile away.",
            code="profile.unknown",
        )
    return _Files.read(host, account, usual)


def _entries(account: Account, secret: Secret) -> tuple[Entry, Entry]:
    imap, smtp = account.imap, account.smtp
    return Entry(secret, imap.username, _place(imap)), Entry(secret, smtp.username, _place(smtp))


def _same(entry: Entry, ours: tuple[Entry, ...]) -> bool:
    return (entry.user, entry.host) in {(one.user, one.host) for one in ours}


def _place(server: Server) -> str:
    return f"{server.host}:{server.port}"


def _settings(account: Account) -> str:
    """The version is there so that alpine does not write its own, and all its comments, into the file."""
    folders = f"{{{_login(account.imap)}}}"
    names = account.mailboxes.names if account.mailboxes else {}
    trash = names.get(Use.TRASH)
    name = f"{account.display_name} " if account.display_name else ""
    return render(
        "alpine/settings.j2",
        key=account.key,
        name=account.display_name,
        domain=account.address.rpartition("@")[2],
        server=folders,
        smtp=_login(account.smtp),
        sent=folders + names.get(Use.SENT, "Sent"),
        drafts=folders + names.get(Use.DRAFTS, "Drafts"),
        trash=folders + trash if trash else "",
        sender=f"{name}<{account.address}>",
    )


def _login(server: Server) -> str:
    """The server as a folder's name has it; both words demand TLS (c-client's naming.txt)."""
    if not _WORD.fullmatch(server.username):
        raise UsageError(
            f"alpine cannot log in as {server.username!r}: some of that means something else there.",
            "Set this account up in another client.",
            code="value.unwritable",
        )
    word = "ssl" if server.security is Security.TLS else "tls"
    return f"{_place(server)}/{word}/user={server.username}"
