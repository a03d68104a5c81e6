"""getmail 6: a file of the account's own, the inbox fetched into a Maildir below ~/Mail/getmail.

Nothing is deleted or marked as read on the server. The Maildir is not mbsync's, which would upload from it
what getmail put there.
"""

from __future__ import annotations

import ast
import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, entries, fetched, hook, program, tls
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.clients.common.included import file_name
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "getmail"
TITLE = "getmail"
SUPPORT = Support.FULL
ABOUT = About(
    versions="6.18",
    account="a file of its own in ~/.config/getmail, mail in ~/Mail/getmail/ADDRESS",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring fetches over TLS; its own parser reads back any value",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export


def _directory(host: Host) -> Path:
    """The one getmail looks into: ~/.getmail only if the other does not exist (its script, `main`)."""
    usual = host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "getmail"
    old = host.home / ".getmail"
    return old if old.is_dir() and not usual.is_dir() else usual


def detect(host: Host) -> tuple[Installation, ...]:
    """getmail on the search path; `where` is the directory of its configuration files."""
    return program.installation(host, ID, ID, TITLE, _directory(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Writes the account's file, makes its Maildir, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`, `tls.*`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "getmail6")
    tls.require_from_the_start(account.imap, TITLE, "it knows only TLS from the start")
    name = file_name(account)  # getmail expands variables in a path
    file = _file(host, account, options)
    file.refuse_another()
    body = render(
        "getmail/account.j2",
        server=account.imap,
        hook=shlex.split(hook.command(host, account)),
        bundle=tls.bundle(host, TITLE),
        maildir=f"~/Mail/getmail/{name}/",
    )
    # The program takes the name of a file in its directory, or a whole path.
    rcfile = name if file.path.parent == _directory(host) else str(file.path)
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=(*fetched.make(host, ID, account), *file.with_block(body)),
        secrets=(hook.change(host, account, secret),),
        done=f"fetches {account.address} into ~/Mail/getmail/{name}; {hook.said(account)}",
        next=f"Fetch your mail with:\n  {shlex.join(['getmail', f'--rcfile={rcfile}'])}",
        notes=hook.unattended(host, account),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out; fetched mail stays. Raises Conflict (`block.*`)."""
    return fetched.unplan(host, receipt, TITLE, options)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The files that fetch from the account's server; see `Client.find`."""
    directory = _directory(host)
    own = sorted(path for path in directory.iterdir() if path.is_file()) if directory.is_dir() else []
    return entries.find(host, account, options, account.imap, own, _entries)


def _entries(text: str) -> Iterator[Entry]:
    """The retriever of a file. `password_command` is a tuple of words (getmail's documentation)."""
    for section in entries.sections(text):
        if "server" not in section or "username" not in section:
            continue
        given = section.get("password") or section.get("password_command") or section["server"]
        command = ""
        if "password" not in section:
            with contextlib.suppress(ValueError, SyntaxError, TypeError):  # else nothing that we know
                command = shlex.join(ast.literal_eval(given[0]))
        yield Entry(given[1], section["server"][0], section["username"][0], command)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if getmail has our account that asks for it."""
    return hook.stored(host, account) if _file(host, account, options).block else None


def _file(host: Host, account: Account, options: Options) -> BlockFile:
    usual = (_directory(host) / file_name(account),)
    return BlockFile.read(host, blockfile.choose(host, options, usual, TITLE), account.key)
