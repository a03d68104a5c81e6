"""imapfilter: an account in a file of its own, for the rules in the user's configuration to name."""

from __future__ import annotations

import re
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, byhand, entries, hook, program, tls
from provisioner.clients.common.included import Included, file_name
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.quoting.base import one_line
from provisioner.quoting.lua import lua
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "imapfilter"
TITLE = "imapfilter"
SUPPORT = Support.FULL
ABOUT = About(
    versions="2.8",
    account="a file of its own in ~/.imapfilter/provisioner, included by ~/.imapfilter/config.lua",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring finds mail over TLS; its own Lua reads back any value",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_UNVERIFIED = re.compile(r"\bhostnames\b[^=\n]*=\s*false\b")
_COMMENT = re.compile(r"--.*")


def _directory(host: Host) -> Path:
    """imapfilter(1), ENVIRONMENT."""
    named = host.env.get("IMAPFILTER_HOME")
    return Path(named).absolute() if named else host.home / ".imapfilter"


def _main(host: Host, options: Options) -> Path:
    return blockfile.choose(host, options, (_directory(host) / "config.lua",), TITLE)


def detect(host: Host) -> tuple[Installation, ...]:
    """imapfilter on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, _main(host, Options()))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Makes the account known to the configuration and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`, `tls.*`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `imapfilter.unverified`, `block.*`).
    """
    program.require(host, ID, TITLE, "imapfilter")
    # src/request.c, request_login: without an offer the password goes in clear.
    tls.require_from_the_start(account.imap, TITLE, "it would go on without TLS if the server offered none")
    files = _files(host, account, options)
    _refuse_clash(files)
    name = f"provisioner[{lua(account.key)}]"
    body = render(
        "imapfilter/account.j2",
        server=account.imap,
        # src/request.c puts it between double quotes as it is; for the password, account.lua escapes those.
        username=re.sub(r'(["\\])', r"\\\1", one_line(account.imap.username, TITLE)),
        hook=hook.command(host, account),
        failure=hook.failure(account),
    )
    line = render("imapfilter/include.j2", name=account.key, path=str(files.own.path))
    return Plan(
        client=ID,
        title=TITLE,
        where=str(files.main.path),
        changes=files.with_account(body, line),
        secrets=(hook.change(host, account, secret),),
        done=f"knows {account.address} as {name}; {hook.said(account)}",
        next=f"Write your rules at the end of {files.main.path}, such as {name}.INBOX:check_status(), "
        "then run `imapfilter`.",
        notes=hook.unattended(host, account),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account and its line out; rules that name it stay. Raises Conflict (`block.*`)."""
    name = f"provisioner[{lua(receipt.account.key)}]"
    note = f"Rules of yours that name {name} stay: take them out."
    return blockfile.unplan(host, receipt, TITLE, (note,), force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our account, if imapfilter has it, and the user's own for the server; see `Client.find`."""
    files = _files(host, account, options)
    by_hand = entries.advise(host, account, options, [(files.main.path, byhand.lua)])
    return (*files.find(account), *by_hand)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if imapfilter has our account that asks for it."""
    return _files(host, account, options).stored(host, account)


def _files(host: Host, account: Account, options: Options) -> Included:
    own = _directory(host) / "provisioner" / file_name(account, ".lua")
    return Included.read(host, account, own, _main(host, options), "--")


def _refuse_clash(files: Included) -> None:
    files.own.refuse_another()
    if _UNVERIFIED.search(_COMMENT.sub("", files.main.others)):
        raise Conflict(
            f"{files.main.path} sets options.hostnames to false, so no certificate would be verified.",
            "Remove that line, then run the command again.",
            code="imapfilter.unverified",
        )
