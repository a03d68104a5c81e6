"""curl: a script that runs it with the account's server, user name and password, the latter by a pipe.

curl has no accounts. What it is given goes through a configuration file that is a pipe (`-K`), so that the
password is in no argument and no file; the user's own ~/.curlrc stays as it is.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, byhand, hook, included, program
from provisioner.clients.common.blockfile import BlockFile
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Server, Support
from provisioner.quoting.base import Quoted, one_line
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "curl"
TITLE = "curl"
SUPPORT = Support.FULL
ABOUT = About(
    versions="7.88 (nothing is used that is newer than 7.20)",
    account="a script of its own in ~/.config/provisioner/curl",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring reads and sends over TLS; its own parser reads any value",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export


def _directory(host: Host) -> Path:
    return included.directory(host) / "curl"


def detect(host: Host) -> tuple[Installation, ...]:
    """curl on the search path; `where` is the directory of our scripts, which Windows cannot run."""
    if host.platform == "win32":
        return ()
    return program.installation(host, ID, ID, TITLE, _directory(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Writes the account's script and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`client.not_here`,
    `hook.missing`, `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "curl")
    if host.platform == "win32":
        raise UsageError(
            "The script for curl is one for a Unix shell, which Windows does not have.",
            "Run provisioner inside WSL, or choose another client.",
            code="client.not_here",
        )
    if any(":" in server.username for server in (account.imap, account.smtp)):
        raise UsageError(
            "curl cannot log in with a user name that has a colon: the password would begin there.",
            "Use the other form of the user name, or another client.",
            code="value.unwritable",
        )
    file = _file(host, account, options)
    file.refuse_another()
    body = render(
        "curl/script.j2",
        address=account.address,
        imap=account.imap,
        imap_url=_url("imap", account.imap),
        smtp=account.smtp,
        smtp_url=_url("smtp", account.smtp),
        hook=Quoted(one_line(hook.command(host, account), TITLE)),
    )
    script = shlex.join(["sh", str(file.path)])
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=file.with_block(body),
        secrets=(hook.change(host, account, secret),),
        done=f"has a script that logs in as {account.address}; {hook.said(account)}",
        next=f"List your mailboxes with:\n  {script} imap\n"
        f"Send a mail with:\n  {script} smtp --mail-rcpt TO -T MESSAGE",
        notes=hook.unattended(host, account),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the script out. Raises Conflict (`block.*`)."""
    return blockfile.unplan(host, receipt, TITLE, force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our script, if it is there, and what ~/.netrc has; see `Client.find`."""
    by_hand = byhand.netrc(host, account, options)
    file = _file(host, account, options)
    if file.block is None:
        return by_hand
    item = None if file.block.edited else account.item
    return (Found(str(file.path), account, item), *by_hand)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if our script is there."""
    return hook.stored(host, account) if _file(host, account, options).block else None


def _file(host: Host, account: Account, options: Options) -> BlockFile:
    usual = [_directory(host) / included.file_name(account)]
    return BlockFile.read(host, blockfile.choose(host, options, usual, TITLE), account.key)


def _url(protocol: str, server: Server) -> str:
    """curl(1): `imaps` is TLS from the start; with `--ssl-reqd`, `imap` is STARTTLS or nothing."""
    secure = "s" if server.security is Security.TLS else ""
    return f"{protocol}{secure}://{server.host}:{server.port}/"
