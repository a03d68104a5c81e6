"""fetchmail: a small program of the account's own, which gives fetchmail settings and password on its input.

fetchmail 6.4 can neither run a command for the password nor include a file, and its settings are not to hold
one. Nothing is deleted on the server. Mail goes into a Maildir below ~/Mail/fetchmail.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, byhand, entries, fetched, hook, program
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.clients.common.included import file_name
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "fetchmail"
TITLE = "fetchmail"
SUPPORT = Support.FULL
ABOUT = About(
    versions="6.4",
    account="a program of its own in ~/.config/fetchmail, mail in ~/Mail/fetchmail/ADDRESS",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring fetches over TLS; its own parser reads back any value",
    proven="2026-11-23",
)

_WORD = re.compile(r"""\"[^\"]*\"|'[^']*'|[^\s,;:="']+""")

stored_seal = no_stored_seal
export = no_export


def _directory(host: Host) -> Path:
    return host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "fetchmail"


def detect(host: Host) -> tuple[Installation, ...]:
    """fetchmail on the search path; `where` is the directory of the accounts' programs."""
    return program.installation(host, ID, ID, TITLE, _directory(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Writes the account's program, makes its Maildir, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "fetchmail")
    name = file_name(account)
    file = _file(host, account, options)
    file.refuse_another()
    body = render(
        "fetchmail/account.j2",
        name=account.key,
        directory=name,
        server=account.imap,
        starttls=account.imap.security is Security.STARTTLS,
        hook=shlex.split(hook.command(host, account)),
        failure=hook.failure(account),
    )
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=(*fetched.make(host, ID, account), *file.with_block(body)),
        secrets=(hook.change(host, account, secret),),
        done=f"fetches {account.address} into ~/Mail/{ID}/{name}; {hook.said(account)}",
        next=f"Fetch your mail with:\n  {shlex.quote(str(file.path))}",
        notes=(
            "fetchmail fetches unread mail only, and marks it as read on the server.",
            *hook.unattended(host, account),
        ),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's program out; fetched mail stays. Raises Conflict (`block.*`)."""
    return fetched.unplan(host, receipt, TITLE, options)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our program, and entries of the user's own for the account's server; see `Client.find`."""
    usual = (_directory(host) / file_name(account), host.home / ".fetchmailrc")
    own = entries.find(host, account, options, account.imap, usual, _entries)
    return own + byhand.netrc(host, account, options)


def _entries(text: str) -> Iterator[Entry]:
    """The users of a run control file, or of our program (fetchmail(1), Keyword/Option Summary)."""
    host = previous = command = ""
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line == "hook() {":
            command = "".join(lines[number : number + 1])
        for word in _WORD.findall(line.partition("#")[0]):
            if previous in ("poll", "skip", "server", "via"):
                host = word.strip("\"'")
            elif previous in ("user", "username"):
                yield Entry(number, host, word.strip("\"'"), command)
            previous = word.lower()


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if fetchmail has our account that asks for it."""
    return hook.stored(host, account) if _file(host, account, options).block else None


def _file(host: Host, account: Account, options: Options) -> BlockFile:
    usual = (_directory(host) / file_name(account),)
    path = blockfile.choose(host, options, usual, TITLE)
    return BlockFile.read(host, path, account.key, head="#!/bin/sh\n")
