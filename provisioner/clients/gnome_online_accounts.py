"""GNOME Online Accounts: an account in their file, both passwords in one keyring item as they look it up.

Evolution and Geary take the account from there.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import gnome, program
from provisioner.edits.keyfile import KeyFile
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, FileChange, Installation, Plan, SecretChange, Security, Server, Support
from provisioner.quoting.gvariant import gvariant, strings
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "gnome-online-accounts"
TITLE = "GNOME Online Accounts"
SUPPORT = Support.FULL
ABOUT = About(
    versions="3.46",
    account="a section in ~/.config/goa-1.0/accounts.conf",
    stored="the system's keyring, where GNOME itself looks (one entry for both passwords)",
    proof="the real daemon with GNOME Keyring, running or not, logs in over IMAP and SMTP; "
    "Evolution and Geary take the account from it",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

DAEMON = "goa-daemon"
_BUS = "org.gnome.OnlineAccounts"
_KEYS = ("imap-password", "smtp-password")
_PORTS = {Security.TLS: 993, Security.STARTTLS: 143}
"""Of IMAP, if the file names none (goaimapsmtpprovider.c)."""


def detect(host: Host) -> tuple[Installation, ...]:
    """The daemon's service, which D-Bus starts; it is on no search path.

    Not where Evolution or Geary is: those are set up themselves, or they would have the account twice.
    """
    if host.platform != "linux" or not _installed(host) or host.which("evolution") or host.which("geary"):
        return ()
    return (Installation(ID, TITLE, "", str(gnome.online_accounts(host))),)


def _installed(host: Host) -> bool:
    """Its service file, where the D-Bus daemon looks (dbus-daemon(1), standard_session_servicedirs)."""
    directories = (host.env.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":")
    return any(
        host.system(f"{directory}/dbus-1/services/{_BUS}.service").is_file() for directory in directories
    )


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, or mends the one that logs in there, and stores the two passwords.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`client.not_here`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `ini.broken`).
    """
    gnome.require_linux(host, TITLE)
    if not _installed(host):
        raise ProvisionError(
            f"{TITLE} is not installed here.",
            "Install your system's package `gnome-online-accounts`, then run this again.",
            code="client.not_installed",
        )
    gnome.refuse_elsewhere(host, account, TITLE)
    path = _path(host, options)
    file = gnome.read(host, path)
    gnome.refuse_shared(account, [found for _, found in _existing(file, account)], TITLE)
    existing = next((name for name, found in _existing(file, account) if found), None)
    if existing is None:
        _refuse_other(file, account)
    section = existing or _section(account)
    file.merge(KeyFile.of(_rendered(account, section)), keep=() if options.rename else ("Name",))
    item = _item(account, section)
    before = host.secrets.get(item)
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=(gnome.change(host, path, file),),
        secrets=(SecretChange(item, before, _value(before, secret)),),
        tell=_check(section) if program.running(host, DAEMON) else (),
        done="account added, passwords in the keyring where GNOME looks for them",
        next="Evolution and Geary have the account at their next start; GNOME Settings show it under "
        "Online Accounts.",
        notes=_notes(account),
        adopted=existing not in (None, _section(account)),
        secret=secret,
    )


def _notes(account: Account) -> tuple[str, ...]:
    names = account.mailboxes.names.values() if account.mailboxes else ()
    if account.mailboxes is None or account.mailboxes.special_use or not names:
        return ()
    return (
        "The server does not say which mailbox is for what, and neither can this account: Geary would make "
        "Sent and Trash of its own there. To use Geary, set it up itself instead:"
        + ours("setup", account.address, "geary"),
    )


def _rendered(account: Account, section: str) -> str:
    imap, smtp = account.imap, account.smtp
    return render(
        "gnome-online-accounts/account.j2",
        section=section,
        address=account.address,
        name=account.display_name,
        imap=imap.host if imap.port == _PORTS[imap.security] else f"{imap.host}:{imap.port}",
        imap_user=imap.username,
        imap_starttls=imap.security is Security.STARTTLS,
        smtp=f"{smtp.host}:{smtp.port}",
        smtp_user=smtp.username,
        smtp_starttls=smtp.security is Security.STARTTLS,
    )


def _section(account: Account) -> str:
    """A name such as GNOME gives, always the same for an address: D-Bus takes only letters, digits, `_`."""
    number = int(hashlib.sha256(account.key.encode()).hexdigest()[:8], 16)
    return f"Account account_{number}_0"


def _id(section: str) -> str:
    return section.removeprefix("Account ")


def _item(account: Account, section: str) -> SecretItem:
    """As GNOME stores it (goautils.c, goa_utils_store_credentials_for_id_sync)."""
    identity = f"imap_smtp:gen0:{_id(section)}"
    return gnome.item(account, TITLE, "org.gnome.OnlineAccounts", ("goa-identity", identity))


def _value(before: Secret | None, secret: Secret) -> Secret:
    """Both passwords; what is there already stays as it is, however it is written."""
    held = strings(before.reveal()) if before else None
    if before is not None and held is not None and {held.get(key) for key in _KEYS} == {secret.reveal()}:
        return before
    pairs = ", ".join(f"{gvariant(key)}: <{gvariant(secret.reveal())}>" for key in _KEYS)
    return Secret(f"{{{pairs}}}")


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's section out. One that the user had before stays. Raises Conflict (`ini.broken`)."""
    del options  # GNOME writes to the file as well: what was edited cannot be told from that
    path = Path(receipt.where)
    data = host.read(path)
    changes: tuple[FileChange, ...] = ()
    if data is not None and not receipt.adopted:
        file = gnome.read(host, path)
        file.remove(_section(receipt.account))
        if file.data != data:
            changes = (FileChange(path, data, file.data or None),)
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        done=f"{receipt.address} taken out of {TITLE}" if changes else f"nothing to take out of {TITLE}",
        notes=(f"You had the account in {TITLE} before, so it stays there.",) if receipt.adopted else (),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """All that log in and send there."""
    path = gnome.online_accounts(host)
    if options.profile not in (None, str(path)):
        return ()
    return tuple(
        Found(
            str(path),
            found,
            advice="" if found else f"{name} there sends elsewhere: change it in Settings.",
            name=name,
        )
        for name, found in _existing(gnome.read(host, path), account)
    )


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password with which GNOME would log in to the account's IMAP server.

    What is in the keyring but is no dictionary of passwords is given as it is: it is not the right one.
    """
    file = gnome.read(host, _path(host, options))
    section = next((name for name, found in _existing(file, account) if found), None)
    value = host.secrets.get(_item(account, section)) if section else None
    if value is None:
        return None
    held = strings(value.reveal())
    password = value.reveal() if held is None else held.get(_KEYS[0])
    return None if password is None else Secret(password)


def _path(host: Host, options: Options) -> Path:
    path = gnome.online_accounts(host)
    if options.profile is not None and Path(options.profile).expanduser() != path:
        raise gnome.unknown_place(TITLE, options, [path])
    return path


def _existing(file: KeyFile, account: Account) -> Iterator[tuple[str, Account | None]]:
    """The sections that log in to the account's IMAP server; None for one that sends by another server."""
    for name in file.sections():
        if file.text(name, "Provider") != "imap_smtp":
            continue
        imap = _server(account.imap, file, name, "Imap")
        if not gnome.same_login(account, account.imap, imap.host, imap.username):
            continue
        smtp = _server(account.smtp, file, name, "Smtp")
        same = gnome.same_login(account, account.smtp, smtp.host, smtp.username)
        said = (file.text(name, key) for key in ("EmailAddress", "Identity"))
        found = dataclasses.replace(
            gnome.as_there(account, *said),
            imap=dataclasses.replace(account.imap, username=imap.username),
            smtp=dataclasses.replace(account.smtp, username=smtp.username),
        )
        yield name, found if same else None


def _server(like: Server, file: KeyFile, section: str, kind: str) -> Server:
    server = file.text(section, f"{kind}Host").partition(":")[0]
    return dataclasses.replace(like, host=server, username=file.text(section, f"{kind}UserName"))


def _refuse_other(file: KeyFile, account: Account) -> None:
    """Raises Conflict if another account has the address: there would be two of them."""
    for name in file.sections():
        said = {file.text(name, key).lower() for key in ("EmailAddress", "Identity", "PresentationIdentity")}
        if account.key in said and name != _section(account):
            raise Conflict(
                f"{TITLE} have an account {account.address} already, which logs in elsewhere.",
                "Remove that account in Settings > Online Accounts, then run the command again.",
                code="account.exists",
            )


def _check(section: str) -> tuple[tuple[str, ...], ...]:
    """Makes the running daemon log in: it has seen the account a moment before the password was there."""
    path = f"/org/gnome/OnlineAccounts/Accounts/{_id(section)}"
    method = f"{_BUS}.Account.EnsureCredentials"
    return (("dbus-send", "--session", "--print-reply", f"--dest={_BUS}", path, method),)
