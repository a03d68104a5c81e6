"""OfflineIMAP 3: an account in its configuration file, its mail in Maildirs below ~/Mail/offlineimap.

Mail and mailboxes are never deleted or made on the server; flags are kept the same on both sides. The
Maildirs are not mbsync's: each program keeps its own record of what it has fetched.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, entries, hook, program, tls
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.clients.common.included import file_name
from provisioner.edits import inilist
from provisioner.host import Host
from provisioner.model import Account, FileChange, Installation, Plan, Support
from provisioner.quoting.offlineimap import offlineimap
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "offlineimap"
TITLE = "OfflineIMAP"
SUPPORT = Support.FULL
ABOUT = About(
    versions="8.0 (OfflineIMAP 3)",
    account="marked block in ~/.offlineimaprc or ~/.config/offlineimap/config, and its list of accounts; "
    "mail in ~/Mail/offlineimap/ADDRESS",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring fetches over TLS; its own parser reads back any value",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_LIST = ("general", "accounts")
_SECTION = re.compile(r"\[(.+)\].*")


def _usual(host: Host) -> tuple[Path, Path]:
    """The first is read if it exists, else the second (init.py)."""
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config")
    return config / "offlineimap/config", host.home / ".offlineimaprc"


def detect(host: Host) -> tuple[Installation, ...]:
    """OfflineIMAP on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, blockfile.choose(host, Options(), _usual(host), TITLE))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, also to those that every run takes, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`, `tls.*`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "offlineimap3")
    # imapserver.py, __start_tls: nothing is verified; without an offer the password goes in clear.
    tls.require_from_the_start(account.imap, TITLE, "it would not verify the certificate")
    name = file_name(account)  # it is part of a list, a section's line, and a path with variables
    file = _file(host, account, options)
    _refuse_clash(file, name)
    body = render(
        "offlineimap/account.j2",
        name=name,
        server=account.imap,
        hook=shlex.split(hook.command(host, account)),
        bundle=tls.bundle(host, TITLE),
    )
    usual = file.path == blockfile.choose(host, Options(), _usual(host), TITLE)
    command = ["offlineimap", *([] if usual else ["-c", str(file.path)]), "-o", "-a", name]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=tuple(_listed(change, name) for change in file.with_block(body)),
        secrets=(hook.change(host, account, secret),),
        done=f"fetches {account.address} into ~/Mail/{ID}/{name}; {hook.said(account)}",
        next=f"Fetch your mail with:\n  {shlex.join(command)}",
        notes=(
            "Mail that you delete here stays on the server: the account's `sync_deletes` is `no`.",
            *hook.unattended(host, account),
        ),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block and its name in the list out; mail stays. Raises Conflict (`block.*`)."""
    name = file_name(receipt.account)
    left = (host.home / "Mail/offlineimap" / name,)
    taken = blockfile.unplan(host, receipt, TITLE, left=left, force=options.force)
    return dataclasses.replace(taken, changes=tuple(_unlisted(change, name) for change in taken.changes))


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The repositories that fetch from the account's server; see `Client.find`."""
    return entries.find(host, account, options, account.imap, _usual(host), _entries)


def _entries(text: str) -> Iterator[Entry]:
    """Remote repositories; a user name that is Python code counts only if it is a plain string."""
    for section in entries.sections(text):
        user = section.get("remoteuser", ("", 0))[0]
        with contextlib.suppress(ValueError, SyntaxError):
            user = user or str(ast.literal_eval(section.get("remoteusereval", ("''", 0))[0]))
        if "remotehost" in section:
            names = ("remotepass", "remotepasseval", "remotepassfile", "remotehost")
            line = next(section[name][1] for name in names if name in section)
            yield Entry(line, section["remotehost"][0], user, "")


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if OfflineIMAP has our account that asks for it."""
    return hook.stored(host, account) if _file(host, account, options).block else None


def _file(host: Host, account: Account, options: Options) -> BlockFile:
    return BlockFile.read(host, blockfile.choose(host, options, _usual(host), TITLE), account.key)


def _listed(change: FileChange, name: str) -> FileChange:
    return dataclasses.replace(change, after=inilist.add(change.after or b"", *_LIST, offlineimap(name)))


def _unlisted(change: FileChange, name: str) -> FileChange:
    return dataclasses.replace(
        change, after=inilist.remove(change.after or b"", *_LIST, offlineimap(name)) or None
    )


def _refuse_clash(file: BlockFile, name: str) -> None:
    """ConfigParser refuses a file that has a section twice."""
    ours = {f"Account {name}", f"Repository {name}-local", f"Repository {name}-remote"}
    for line in file.others.splitlines():
        match = _SECTION.fullmatch(line)
        if match and match[1] in ours:
            raise blockfile.taken(file.path, f"a section [{match[1]}]")
