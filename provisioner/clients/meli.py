"""meli: an account in config.toml; the password comes from the keyring by a command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, entries, hook, program, tomlfile
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Support, Use
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "meli"
TITLE = "meli"
SUPPORT = Support.FULL
ABOUT = About(
    versions="0.8.8 to 0.8.13 by their documentation",
    account="marked block in ~/.config/meli/config.toml",
    stored=hook.STORED,
    proof="written from the documented format of 0.8.13, read back by m4 and a TOML parser; not run",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

OLDEST = (0, 8, 8)
"""The first with `send_mail` in an account (meli/src/conf.rs)."""
NEWEST = (0, 8, 13)
"""The last whose words are known here (meli.conf(5))."""
_USAGE = {
    Use.SENT: "Sent",
    Use.DRAFTS: "Drafts",
    Use.TRASH: "Trash",
    Use.ARCHIVE: "Archive",
    Use.JUNK: "Junk",
}


def _usual(host: Host) -> tuple[Path, ...]:
    """meli.conf(5), SYNOPSIS; meli(1), ENVIRONMENT."""
    if named := host.env.get("MELI_CONFIG"):
        return (Path(named).absolute(),)
    return (host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "meli/config.toml",)


def _choose(host: Host, options: Options) -> Path:
    return blockfile.choose(host, options, _usual(host), TITLE)


def detect(host: Host) -> tuple[Installation, ...]:
    """meli on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, _choose(host, Options()))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `client.old`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `toml.unreadable`, `block.*`).
    """
    program.require(host, ID, TITLE, ID)
    version = program.version(host, ID)
    program.refuse_old(TITLE, version, OLDEST, "an account there cannot say how it sends")
    file = BlockFile.read(host, _choose(host, options), account.key)
    boxes = account.mailboxes.names if account.mailboxes else {}
    body = render(
        "meli/account.j2",
        name=account.key,
        address=account.address,
        display_name=account.display_name,
        imap=account.imap,
        smtp=account.smtp,
        imap_starttls=account.imap.security is Security.STARTTLS,
        smtp_type="STARTTLS" if account.smtp.security is Security.STARTTLS else "TLS",
        hook=hook.command(host, account),
        save=Use.SENT in boxes,
        mailboxes=[(boxes[use], usage) for use, usage in _USAGE.items() if use in boxes],
    )
    place = "" if file.path in _usual(host) else f" with MELI_CONFIG={file.path}"
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=tomlfile.with_account(file, body, TITLE),
        secrets=(hook.change(host, account, secret),),
        done=f"reads and sends as {account.address}; {hook.said(account)}",
        next=f"Read your mail with:\n  meli{place}",
        notes=program.newer(TITLE, version, NEWEST),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out. Raises Conflict (`block.*`)."""
    return blockfile.unplan(host, receipt, TITLE, force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that read from the account's server; see `Client.find`."""
    return entries.find(host, account, options, account.imap, _usual(host), _entries)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if meli has our account that asks for it."""
    file = BlockFile.read(host, _choose(host, options), account.key)
    return hook.stored(host, account) if file.block else None


def _entries(text: str) -> Iterator[Entry]:
    for number, one in tomlfile.lines(text):
        command = "" if "server_password" in one else tomlfile.text(one.get("server_password_command"))
        host, user = (tomlfile.text(one.get(name)) for name in ("server_hostname", "server_username"))
        yield Entry(number, host, user, command)
