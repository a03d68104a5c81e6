"""himalaya: an account in config.toml, in the form of version 1 or 2; the password comes by a command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, entries, hook, program, tomlfile
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.edits import block
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Server, Support, Use
from provisioner.quoting.base import Quoted
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "himalaya"
TITLE = "himalaya"
SUPPORT = Support.FULL
ABOUT = About(
    versions="1.0 to 2.1 by their documentation",
    account="marked block in ~/.config/himalaya/config.toml",
    stored=hook.STORED,
    proof="written from the documented format of 1.2 and 2.1, read back by a TOML parser; not run",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

NEWEST = (2, 1)
"""The last whose words are known here (config.sample.toml)."""
_TLS = {Security.TLS: "tls", Security.STARTTLS: "start-tls"}
_DEFAULT = "\ndefault = true\n"
_ALIASES = (Use.SENT, Use.DRAFTS, Use.TRASH, Use.ARCHIVE, Use.JUNK)


def _usual(host: Host) -> tuple[Path, Path]:
    """config.sample.toml, at its top; the one to make is the last."""
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "himalaya/config.toml"
    return host.home / ".himalayarc", config


def _choose(host: Host, options: Options) -> Path:
    dotfile, config = _usual(host)
    return blockfile.choose(host, options, (config, dotfile, config), TITLE)


def detect(host: Host) -> tuple[Installation, ...]:
    """himalaya on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, _choose(host, Options()))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, as the default one if there is none, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `client.old`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `toml.unreadable`, `block.*`).
    """
    program.require(host, ID, TITLE, ID)
    version = program.version(host, ID)
    program.refuse_old(TITLE, version, (1,), "its configuration is another one")
    _refuse_expanded(account)
    file = BlockFile.read(host, _choose(host, options), account.key)
    taken = any(one.get("default") is True for one in tomlfile.accounts(file.others).values())
    default = not taken and (file.block is None or _DEFAULT in file.block.body)
    boxes = account.mailboxes.names if account.mailboxes else {}
    aliases = [("inbox", "INBOX"), *((use.value, boxes[use]) for use in _ALIASES if use in boxes)]
    command = hook.command(host, account)
    first = bool(version) and version < (2,)
    body = render(
        "himalaya/account1.j2" if first else "himalaya/account2.j2",
        name=account.key,
        default=default,
        address=account.address,
        display_name=account.display_name,
        mailboxes=[(Quoted(key), name) for key, name in aliases],
        # 1.0 has another word than 1.1 (config.sample.toml of each).
        aliases=Quoted("folder.alias" if version and version < (1, 1) else "folder.aliases"),
        save=Use.SENT in boxes,
        imap=account.imap,
        smtp=account.smtp,
        tls=_TLS,
        hook=command,
        words=shlex.split(command),
        imap_url=_url("imap", account.imap),
        smtp_url=_url("smtp", account.smtp),
        imap_starttls=account.imap.security is Security.STARTTLS,
        smtp_starttls=account.smtp.security is Security.STARTTLS,
    )
    is_first = file.block is not None and "\nbackend.type = " in file.block.body
    place = [] if file.path in _usual(host) else ["-c", str(file.path)]
    choice = [] if default else ["-a", account.key]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=tomlfile.with_account(file, body, TITLE),
        secrets=(hook.change(host, account, secret),),
        done=f"reads and sends as {account.address}; {hook.said(account)}",
        next=f"List your mail with:\n  {shlex.join([ID, *place, 'envelope', 'list', *choice])}",
        notes=(*program.newer(TITLE, version, NEWEST), *hook.unattended(host, account)),
        dated=program.dated(TITLE, version, newer=is_first, fails="it does not read that form")
        if file.block and version and first != is_first
        else None,
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out. Raises Conflict (`block.*`)."""
    file = BlockFile.read(host, Path(receipt.where), receipt.account.key, force=options.force)
    return blockfile.unplan(host, receipt, TITLE, _without_default(file), force=options.force)


def _without_default(file: BlockFile) -> tuple[str, ...]:
    """What to do if this account was the default one, and none of those that are left is."""
    left = tomlfile.accounts(file.others)
    was = file.block is not None and _DEFAULT in file.block.body
    if not was or not left or any(one.get("default") is True for one in left.values()):
        return ()
    written = {one.name for one in block.blocks(file.data or b"", file.path)}
    own = next((name for name in left if name not in written), None)
    name = own or next(iter(left))
    command = shlex.join([ID, "envelope", "list", "-a", name])
    note = f"himalaya has no default account now, so that one must be named: `{command}`. "
    if own:
        return (f"{note}Or write `default = true` below [accounts.{name}] in {file.path}.",)
    again = ours("remove", name, ID) + ours("setup", name, ID)
    return (f"{note}To make that one the default, set it up anew:{again}",)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that read from the account's server; see `Client.find`."""
    return entries.find(host, account, options, account.imap, _usual(host), _entries)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if himalaya has our account that asks for it."""
    file = BlockFile.read(host, _choose(host, options), account.key)
    return hook.stored(host, account) if file.block else None


def _url(scheme: str, server: Server) -> str:
    """Without `s` it is STARTTLS, which is asked for by a setting of its own (config.sample.toml)."""
    secure = "s" if server.security is Security.TLS else ""
    return f"{scheme}{secure}://{server.host}:{server.port}"


def _refuse_expanded(account: Account) -> None:
    """Since 1.2 variables are expanded in addresses and user names (CHANGELOG.md, 1.2.0)."""
    for value in (account.address, account.imap.username, account.smtp.username):
        if "$" in value or value.startswith("~"):
            raise UsageError(
                f"himalaya would expand what looks like a variable in {value}.",
                "Set up this address in another client.",
                code="value.unwritable",
            )


def _entries(text: str) -> Iterator[Entry]:
    """Accounts of version 1 (`backend`) and of version 2 (`imap`)."""
    for number, one in tomlfile.lines(text):
        old, new = tomlfile.table(one, "backend"), tomlfile.table(one, "imap")
        if old:
            command = tomlfile.text(tomlfile.table(old, "auth").get("cmd"))
            yield Entry(number, tomlfile.text(old.get("host")), tomlfile.text(old.get("login")), command)
        for login in tomlfile.table(new, "sasl").values():
            server = tomlfile.text(new.get("server"))
            user = tomlfile.table(login).get("username", tomlfile.table(login).get("authcid"))
            given = tomlfile.table(login, "password") or tomlfile.table(login, "passwd")
            words = given.get("command", "")
            command = shlex.join(map(str, words)) if isinstance(words, list) else tomlfile.text(words)
            host = urlsplit(server if "://" in server else f"//{server}").hostname or ""
            yield Entry(number, host, tomlfile.text(user), command)
