"""mpop: the inbox fetched over POP into a Maildir below ~/Mail/mpop; nothing is deleted on the server."""

from __future__ import annotations

import dataclasses
import shlex
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, byhand, entries, fetched, hook, msmtprc, program, tls
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.included import file_name
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "mpop"
TITLE = "mpop"
SUPPORT = Support.FULL
ABOUT = About(
    versions="1.4; older ones by their release notes",
    account="marked block in ~/.mpoprc or ~/.config/mpop/config, mail in ~/Mail/mpop/ADDRESS; only for "
    "providers with a POP server",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring fetches over TLS; its own parser reads back any value",
    proven="2026-11-23",
    needs=("pop",),
)

NEWEST = (1, 4)
"""The last whose words are known here."""

stored_seal = no_stored_seal
export = no_export


def _usual(host: Host) -> tuple[Path, Path]:
    """mpop reads the first of them that exists (src/mpop.c, as msmtp)."""
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config")
    return host.home / ".mpoprc", config / "mpop/config"


def detect(host: Host) -> tuple[Installation, ...]:
    """mpop on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, blockfile.choose(host, Options(), _usual(host), TITLE))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, makes its Maildir, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`server.unknown`, `hook.missing`,
    `profile.unknown`, `tls.no_bundle`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, ID)
    if account.pop is None:
        raise UsageError(
            f"mpop fetches over POP, and no POP server is known for {account.address}.",
            f"mbsync and getmail fetch the same mail over IMAP:{ours('setup', account.address, 'mbsync')}",
            code="server.unknown",
        )
    file = _file(host, account, options)
    if account.key in msmtprc.names(file.others):
        raise blockfile.taken(file.path, f"an account {account.key}")
    version = program.version(host, ID)
    body = render(
        "mpop/account.j2",
        name=account.key,
        server=account.pop,
        starttls=account.pop.security is Security.STARTTLS,
        hook=hook.command(host, account),
        # 1.4.2 brought `system` and did not look at the result of the verification (NEWS, 1.4.2, 1.4.3).
        trusted=tls.bundle(host, TITLE) if version and version < (1, 4, 3) else "",
        maildir=f"~/Mail/mpop/{file_name(account)}",
    )
    place = [] if file.path in _usual(host) else ["-C", str(file.path)]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=(*fetched.make(host, ID, account), *file.with_block(body)),
        secrets=(hook.change(host, account, secret),),
        done=f"fetches {account.address} into ~/Mail/mpop/{file_name(account)}; {hook.said(account)}",
        next=f"Fetch your mail with:\n  {shlex.join([ID, *place, account.key])}",
        notes=(
            "Many providers have POP off until it is switched on in the settings of their webmail.",
            *program.newer(TITLE, version, NEWEST),
            *hook.unattended(host, account),
        ),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out; fetched mail stays. Raises Conflict (`block.*`)."""
    return fetched.unplan(host, receipt, TITLE, options)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that fetch from the account's POP server; see `Client.find`."""
    if account.pop is None:
        return ()
    own = entries.find(host, account, options, account.pop, _usual(host), msmtprc.entries)
    return own + byhand.netrc(host, dataclasses.replace(account, imap=account.pop), options)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if mpop has our account that asks for it."""
    return hook.stored(host, account) if _file(host, account, options).block else None


def _file(host: Host, account: Account, options: Options) -> BlockFile:
    return BlockFile.read(host, blockfile.choose(host, options, _usual(host), TITLE), account.key)
