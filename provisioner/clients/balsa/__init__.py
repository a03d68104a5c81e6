"""Balsa: sections in its two files, passwords in the keyring as Balsa looks them up.

It keeps its settings in memory and writes all of them again, so it must not run.
"""

from __future__ import annotations

import dataclasses

from provisioner import locks
from provisioner.clients.balsa.files import KEEP, Files, Parts, existing, sends_as
from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import gnome, program
from provisioner.edits.keyfile import KeyFile
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, FileChange, Installation, Plan, Security, Server, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "balsa"
TITLE = "Balsa"
SUPPORT = Support.FULL
ABOUT = About(
    versions="2.6",
    account="three sections in ~/.balsa/config and the user names in config-private",
    stored="the system's keyring, where Balsa itself looks (one entry for IMAP, one for SMTP)",
    proof="the real program under Xvfb with GNOME Keyring logs in, fetches and sends over TLS",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_SECURITY = {Security.TLS: 1, Security.STARTTLS: 2}
"""NetClientCryptMode (libnetclient/net-client.h)."""
_LOCKS = (locks.program(ID),)
_ADVICE = "Balsa has an account of yours that logs in there and sends elsewhere: give it the new password."


def detect(host: Host) -> tuple[Installation, ...]:
    """Balsa on the search path of a Linux."""
    if host.platform != "linux":
        return ()
    return program.installation(host, ID, ID, TITLE, host.home / ".balsa")


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, or mends the one that logs in there, and stores the two passwords.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`client.not_here`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `ini.broken`).
    """
    gnome.require_linux(host, TITLE)
    program.require(host, ID, TITLE, "balsa")
    files = Files(host)
    known = _choose(files, account, options)
    if known is None:
        _refuse_other(files, account)
    parts = known or Parts.ours(account)
    begun = tuple(files.begin())
    first = not any(name.startswith("identity-") for name in files.config.sections())
    values = {**dataclasses.asdict(parts), **_values(account), "sender_name": _name(parts)}
    keep = KEEP - {"FullName"} if options.rename else KEEP
    files.config.merge(KeyFile.of(render("balsa/account.j2", **values)), keep=keep)
    files.private.merge(KeyFile.of(render("balsa/private.j2", **values)))
    if first:
        files.config.set("identity", "CurrentIdentity", parts.identity.removeprefix("identity-"))
    return Plan(
        client=ID,
        title=TITLE,
        where=_where(files, parts),
        changes=(*begun, *files.changes),
        secrets=gnome.secret_changes(host, _items(files, account, parts), secret),
        locks=_LOCKS,
        done="account added, passwords in the keyring where Balsa looks for them",
        next="Start Balsa: your mailboxes are below the address.",
        notes=() if known else (_sent(),),
        adopted=parts != Parts.ours(account),
        secret=secret,
    )


def _sent() -> str:
    return (
        "Balsa keeps copies of what you send in its Sentbox on this computer. To have them at the server, "
        "click with the right button on the mailbox there and choose Mark as Sentbox."
    )


def _values(account: Account) -> dict[str, object]:
    return {
        "address": account.address,
        "name": account.display_name,
        "imap": _address(account.imap),
        "imap_user": account.imap.username,
        "imap_security": _SECURITY[account.imap.security],
        "smtp": _address(account.smtp),
        "smtp_user": account.smtp.username,
        "smtp_security": _SECURITY[account.smtp.security],
    }


def _address(server: Server) -> str:
    return f"{server.host}:{server.port}"


def _name(parts: Parts) -> str:
    """By which the identity names its server for sending."""
    return parts.sender.removeprefix("smtp-server-")


def _where(files: Files, parts: Parts) -> str:
    return f"{files.paths[0]}:{parts.folder}"


def _items(files: Files, account: Account, parts: Parts) -> tuple[SecretItem, SecretItem]:
    """For IMAP and SMTP, as Balsa stores them (libbalsa/server.c, server_schema)."""
    incoming, outgoing = (
        gnome.item(
            account,
            f"Balsa, {protocol}",
            "org.gnome.Balsa.NetworkPassword",
            ("protocol", protocol),
            ("server", server),
            ("user", user),
        )
        for protocol, (server, user) in (
            ("imap", files.server(parts.folder)),
            ("smtp", files.server(parts.sender)),
        )
    )
    return incoming, outgoing


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's sections out; all else stays as it is now, and so does all mail.

    Raises Conflict (`ini.broken`).
    """
    del options  # Balsa writes its files anew: what was edited cannot be told from that
    files, parts = Files(host), Parts.ours(receipt.account)
    changes: tuple[FileChange, ...] = ()
    if not receipt.adopted:
        for section in dataclasses.astuple(parts):
            files.config.remove(section)
            files.private.remove(section)
        if f"identity-{files.config.text('identity', 'CurrentIdentity')}" == parts.identity:
            files.config.discard("identity", "CurrentIdentity")
        mailboxes = tuple(files.end())
        changes = (*files.changes, *mailboxes)
    cache = files.directory / "imap-cache"
    notes = [f"What Balsa has downloaded stays in {cache}."] if changes and cache.is_dir() else []
    if receipt.adopted:
        notes.append("You had the account in Balsa before, so it stays there.")
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        locks=_LOCKS,
        done=f"{receipt.address} taken out of {TITLE}" if changes else f"nothing to take out of {TITLE}",
        notes=tuple(notes),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """All that log in there."""
    files = Files(host)
    return tuple(
        Found(_where(files, parts), found, advice="" if found else _ADVICE, name=_where(files, parts))
        for parts, found in existing(files, account)
        if options.profile in (None, _where(files, parts))
    )


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password with which Balsa would log in to the account's IMAP server."""
    files = Files(host)
    parts = _choose(files, account, options)
    return host.secrets.get(_items(files, account, parts)[0]) if parts else None


def _choose(files: Files, account: Account, options: Options) -> Parts | None:
    """The account that logs in there, ours before others; None if there is none."""
    ours = Parts.ours(account)
    known = [parts for parts, found in existing(files, account) if found]
    known.sort(key=lambda parts: parts != ours)
    if options.profile is not None:
        known = [parts for parts in known if _where(files, parts) == options.profile]
        if not known and options.profile != _where(files, ours):
            raise gnome.unknown_place(TITLE, options, [])
    return known[0] if known else None


def _refuse_other(files: Files, account: Account) -> None:
    """Raises Conflict if someone else's identity has the address, or another address the login: it would be
    there twice, or each mailbox would."""
    ours = Parts.ours(account)
    identities = {name for name in files.config.sections() if name.startswith("identity-")} - {ours.identity}
    folders = {parts.folder for parts, _ in existing(files, account)} - {ours.folder}
    if any(sends_as(files, name, account) for name in identities):
        raise Conflict(
            f"Balsa has an identity {account.address} already.",
            "Remove it in Balsa (Edit > Preferences > Identities), then run the command again.",
            code="account.exists",
        )
    if folders:
        raise Conflict(
            f"Balsa reads the mailboxes of {account.imap.username} on {account.imap.host} already: for "
            f"{account.address} they would be there a second time.",
            "To send from that address, too, add it in Balsa: Edit > Preferences > Identities > New. Or "
            "remove the other account, then run the command again.",
            code="account.exists",
        )
