"""Geary: an account in a directory of its own, passwords in the keyring as Geary looks them up."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import gnome, program, sender
from provisioner.edits.keyfile import KeyFile
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, FileChange, Installation, Plan, Security, Support, Use
from provisioner.quoting.base import one_line
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "geary"
TITLE = "Geary"
SUPPORT = Support.FULL
ABOUT = About(
    versions="43",
    account="a directory of its own, ~/.config/geary/account_NN",
    stored="the system's keyring, where Geary itself looks (one entry for IMAP, one for SMTP)",
    proof="the real program under Xvfb with GNOME Keyring logs in, fetches and sends over TLS",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_SECURITY = {Security.TLS: "transport", Security.STARTTLS: "start-tls"}
"""`transport_security` (src/engine/api/geary-service-information.vala, TlsNegotiationMethod)."""
_KEEP = {"label", "ordinal", "sender_mailboxes", "save_sent", "save_drafts", "service_provider"}
_KEEP |= {f"{use}_folder" for use in Use}
"""What the person may have chosen otherwise since, or Geary has written in its own form."""
MOST = 99


def detect(host: Host) -> tuple[Installation, ...]:
    """Geary on the search path of a Linux."""
    if host.platform != "linux":
        return ()
    return program.installation(host, ID, ID, TITLE, gnome.geary_accounts(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, or mends the one that logs in there, and stores the two passwords.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`client.not_here`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `ini.broken`).
    """
    gnome.require_linux(host, TITLE)
    program.require(host, ID, TITLE, "geary")
    gnome.refuse_online(host, account, TITLE)
    gnome.refuse_shared(account, [found for _, found in _existing(host, account)], TITLE)
    existing = _choose(host, account, options)
    path = existing or _new(host, account)
    file = gnome.read(host, path)
    keep = _KEEP - {"sender_mailboxes"} if options.rename else _KEEP
    file.merge(KeyFile.of(_rendered(host, account)), keep=keep)
    running = program.running(host, ID)
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=(gnome.change(host, path, file),),
        secrets=gnome.secret_changes(host, _items(account), secret),
        done="account added, passwords in the keyring where Geary looks for them",
        next="Quit Geary and start it again: your inbox is there."
        if running
        else "Start Geary: your inbox is there.",
        adopted=existing is not None,
        secret=secret,
    )


def _rendered(host: Host, account: Account) -> str:
    name = sender.phrase(one_line(account.display_name, TITLE))
    mailboxes = account.mailboxes
    folders = []
    for use, mailbox in mailboxes.names.items() if mailboxes else ():
        steps = mailbox.split(mailboxes.delimiter) if mailboxes and mailboxes.delimiter else [mailbox]
        folders.append((use.value, steps))
    return render(
        "geary/account.j2",
        ordinal=1 + sum(1 for _ in gnome.key_files(host, gnome.geary_accounts(host), "*/geary.ini")),
        sender=sender.mailbox(name, account.address),
        folders=folders,
        imap=account.imap,
        imap_security=_SECURITY[account.imap.security],
        smtp=account.smtp,
        smtp_security=_SECURITY[account.smtp.security],
    )


def _items(account: Account) -> tuple[SecretItem, SecretItem]:
    """For IMAP and SMTP, as Geary stores them (src/client/application/secret-mediator.vala)."""
    incoming, outgoing = (
        gnome.item(
            account,
            f"Geary, {proto}",
            "org.gnome.Geary",
            ("proto", proto),
            ("host", server.host),
            ("login", server.username),
        )
        for proto, server in (("IMAP", account.imap), ("SMTP", account.smtp))
    )
    return incoming, outgoing


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's file out, also if Geary has written to it since.

    One that the user had before stays. Raises Conflict (`file.*`).
    """
    del options  # Geary writes to the file at every start: what was edited cannot be told from that
    path = Path(receipt.where)
    data = None if receipt.adopted else host.read(path)
    changes: tuple[FileChange, ...] = () if data is None else (FileChange(path, data, None),)
    notes = []
    if changes and program.running(host, ID):
        notes.append("Quit Geary now: until then it shows the account.")
    if receipt.adopted:
        notes.append("You had the account in Geary before, so it stays there.")
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        done=f"{receipt.address} taken out of Geary" if changes else "nothing to take out of Geary",
        notes=tuple(notes),
        left=(_data(host) / path.parent.name,),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """All that log in and send there; not those of GNOME Online Accounts."""
    return tuple(
        Found(str(path), found, advice="" if found else _advice(path), name=str(path))
        for path, found in _existing(host, account)
        if options.profile in (None, str(path))
    )


def _advice(path: Path) -> str:
    return f"The account in {path} logs in there and sends elsewhere: give it the new password in Geary."


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password with which Geary would log in to the account's IMAP server."""
    return host.secrets.get(_items(account)[0]) if _choose(host, account, options) else None


def _choose(host: Host, account: Account, options: Options) -> Path | None:
    """The file of the account that logs in there; None if there is none."""
    own = [(path, found) for path, found in _existing(host, account) if found]
    known = [path for path, found in sorted(own, key=lambda one: one[1].key != account.key)]
    if options.profile is not None:
        wanted = Path(options.profile).expanduser()
        if wanted not in known:
            raise gnome.unknown_place(TITLE, options, known)
        return wanted
    return known[0] if known else None


def _existing(host: Host, account: Account) -> Iterator[tuple[Path, Account | None]]:
    """The accounts that log in to the account's IMAP server; None for one that sends by another server."""
    for path, file in gnome.key_files(host, gnome.geary_accounts(host), "account_*/geary.ini"):
        host_in, user_in, host_out, user_out = (
            file.text(section, key) for section in ("Incoming", "Outgoing") for key in ("host", "login")
        )
        if not gnome.same_login(account, account.imap, host_in, user_in):
            continue
        if file.text("Outgoing", "credentials") == "use-incoming":
            user_out = user_in
        imap = dataclasses.replace(account.imap, username=user_in)
        found = None
        if gnome.same_login(account, account.smtp, host_out, user_out):
            smtp = dataclasses.replace(account.smtp, username=user_out)
            addresses = file.elements("Account", "sender_mailboxes")
            found = dataclasses.replace(gnome.as_there(account, *addresses), imap=imap, smtp=smtp)
        yield path, found


def _data(host: Host) -> Path:
    """Where Geary keeps mail (g_get_user_data_dir)."""
    return host.env_dir("XDG_DATA_HOME", host.home / ".local/share") / "geary"


def _new(host: Host, account: Account) -> Path:
    """A place that no account has or has left mail in.

    Raises Conflict (`account.exists`) if another account has the address.
    """
    directory = gnome.geary_accounts(host)
    for path, file in gnome.key_files(host, directory, "account_*/geary.ini"):
        if gnome.has_address(account, *file.elements("Account", "sender_mailboxes")):
            raise Conflict(
                f"Geary has an account {account.address} already, in {path}, which logs in elsewhere.",
                "Remove that account in Geary, then run the command again.",
                code="account.exists",
            )
    for number in range(1, MOST + 1):
        name = f"account_{number:02}"
        if not (directory / name).exists() and not (_data(host) / name).exists():
            return directory / name / "geary.ini"
    raise Conflict(f"{directory} has {MOST} accounts.", "Remove one of them in Geary.", code="account.exists")
