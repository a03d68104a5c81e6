"""aerc: a section of accounts.conf; the password comes from the keyring by a command."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, entries, hook, program, sender
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Server, Support, Use
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "aerc"
TITLE = "aerc"
SUPPORT = Support.FULL
ABOUT = About(
    versions="0.14; 0.15 to 0.18 by their documentation",
    account="marked block in ~/.config/aerc/accounts.conf",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring reads and sends over TLS",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

ALWAYS_STARTTLS = (0, 15)
"""Since this version `smtp` means STARTTLS, and the setting `smtp-starttls` is warned of (CHANGELOG.md)."""
_KEY = "\nsmtp-starttls = yes\n"
_CLEAR = "it would send without TLS"
NEWEST = (0, 18)
"""The last whose words are known here."""


def _usual(host: Host) -> tuple[Path, ...]:
    """aerc(1), CONFIGURATION; macOS: lib/xdg/xdg.go."""
    usual = host.home / ("Library/Preferences" if host.platform == "darwin" else ".config")
    return (host.env_dir("XDG_CONFIG_HOME", usual) / "aerc/accounts.conf",)


def detect(host: Host) -> tuple[Installation, ...]:
    """aerc on the search path; `where` is its file of accounts."""
    return program.installation(host, ID, ID, TITLE, _choose(host, Options()))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "aerc")
    file = BlockFile.read(host, _choose(host, options), account.key)
    for line in file.others.splitlines():
        if re.fullmatch(rf"\s*\[{re.escape(account.key)}\]\s*", line, re.I):
            raise blockfile.taken(file.path, f"an account {line.strip()}")
    version = program.version(host, "aerc", "-v")
    starttls = account.smtp.security is Security.STARTTLS
    boxes = account.mailboxes.names if account.mailboxes else {}
    body = render(
        "aerc/account.j2",
        name=account.key,
        source=_url("imap", account.imap),
        outgoing=_url("smtp", account.smtp),
        # Before 0.15 the connection would be in clear without it: better a warning than that.
        starttls_key=starttls and version < ALWAYS_STARTTLS,
        hook=hook.command(host, account),
        # As Go's net/mail reads it.
        sender=sender.mailbox(sender.quoted(account.display_name), account.address),
        sent=boxes.get(Use.SENT, ""),
        drafts=boxes.get(Use.DRAFTS, "Drafts"),
        archive=boxes.get(Use.ARCHIVE, "Archive"),
    )
    notes = program.newer(TITLE, version, NEWEST)
    if starttls and not version:
        notes = (
            "aerc does not say its version; 0.15 and newer will call smtp-starttls obsolete: "
            "that is harmless.",
        )
    dated = None
    if file.block and version and starttls and (version < ALWAYS_STARTTLS) != (_KEY in file.block.body):
        newer = version >= ALWAYS_STARTTLS
        dated = program.dated(TITLE, version, newer=newer, fails="" if newer else _CLEAR)
    start = [ID, *([] if file.path in _usual(host) else ["-A", str(file.path)])]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=file.with_block(body),
        secrets=(hook.change(host, account, secret),),
        done=f"reads and sends as {account.address}; {hook.said(account)}",
        next=f"Read your mail with:\n  {shlex.join(start)}",
        notes=notes,
        dated=dated,
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out. Raises Conflict (`block.*`)."""
    return blockfile.unplan(host, receipt, TITLE, force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that read from the account's server; see `Client.find`."""
    return entries.find(host, account, options, account.imap, _usual(host), _entries)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if aerc has our account that asks for it."""
    file = BlockFile.read(host, _choose(host, options), account.key)
    return hook.stored(host, account) if file.block else None


def _choose(host: Host, options: Options) -> Path:
    return blockfile.choose(host, options, _usual(host), TITLE)


def _url(scheme: str, server: Server) -> str:
    """aerc-imap(5), aerc-smtp(5): all parts are percent-encoded; imap without `s` is STARTTLS."""
    secure = "s" if server.security is Security.TLS else ""
    return f"{scheme}{secure}://{quote(server.username, safe='')}@{server.host}:{server.port}"


def _entries(text: str) -> Iterator[Entry]:
    """The sections with a source on a server; a password in its URL is one of its own."""
    for section in entries.sections(text):
        source, number = section.get("source", ("", 0))
        try:
            url = urlsplit(source.strip('`"'))
            found = url.hostname and url.scheme.startswith("imap")
        except ValueError:
            continue
        if found:
            command, number = section.get("source-cred-cmd", ("", number))
            command = "" if url.password else command.strip("`")
            yield Entry(number, url.hostname or "", unquote(url.username or ""), command)
