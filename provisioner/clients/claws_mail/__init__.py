"""Claws Mail: the account in accountrc and folderlist.xml, the password in its own store."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, was_gone
from provisioner.clients.claws_mail.passwords import Passwords, about_version, forget, mark, store
from provisioner.clients.common import accountrc, program
from provisioner.clients.common.accountrc import Dialect, Tree
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account, FileChange, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.secret import Secret

ID = "claws-mail"
TITLE = "Claws Mail"
SUPPORT = Support.FULL
ABOUT = About(
    versions="4.1.1; 3.16 and newer by its source",
    account="section in ~/.claws-mail/accountrc, tree in folderlist.xml",
    stored="its own store, passwordstorerc: without a primary passphrase that is obfuscation, "
    "which anyone who can read your files undoes",
    proof="the real program under Xvfb reads and sends over TLS",
    proven="2026-11-23",
)

export = no_export

DIALECT = Dialect("claws-mail", TITLE, imap="1")


def _usual(host: Host) -> Path:
    """src/common/utils.c, get_rc_dir."""
    if host.platform == "win32":
        return host.env_dir("APPDATA", host.home / "AppData/Roaming") / "Claws-mail"
    return host.home / ".claws-mail"


def detect(host: Host) -> tuple[Installation, ...]:
    """Claws Mail on the search path; `where` is its configuration directory."""
    return program.installation(host, ID, ID, TITLE, _usual(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account and its password, or mends its login and replaces the password.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `value.unwritable`,
    `store.primary_password_*`), Conflict (`account.exists`, `ini.broken`, `folderlist.broken`, `store.*`).
    """
    program.require(host, ID, TITLE, "claws-mail")
    directory = _choose(host, options)
    tree = Tree(host, directory, DIALECT)
    known = tree.find(account)
    number = tree.put(account, known, rename=options.rename)
    passwords = Passwords(host, directory, options)
    wrote = passwords.put(number, secret)
    changes = (*passwords.changes, *tree.changes)
    start = [ID, "--receive-all"] if directory == _usual(host) else []
    notes = [
        "Claws Mail lists the mailboxes with a special use; for the others choose `Check for new folders` in "
        "the context menu of the account."
    ]
    if not passwords.protected:
        notes.insert(
            0,
            "Claws Mail's own store hides the password, but does not protect it: whoever can read your files "
            "can read it. A primary passphrase (Preferences, Other) changes that.",
        )
    if host.platform == "win32":
        notes.append("Close Claws Mail before this runs: it would overwrite the change.")
    return Plan(
        client=ID,
        title=TITLE,
        where=str(directory),
        changes=changes,
        locks=_sockets(host, directory),
        done=_done(known=bool(known), wrote=wrote, changed=bool(tree.changes), address=account.address),
        next=f"Start it with:\n  {' '.join(start)}" if start else "Start Claws Mail with this configuration.",
        notes=(*(() if known else notes), *about_version(host)),
        adopted=bool(known),
        wrote_password=wrote,
        seal=passwords.seal(number),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:  # noqa: ARG001 - nothing to force
    """Takes the account, its tree and its passwords out; all else stays as it is now. Raises Conflict."""
    directory = Path(receipt.where)
    tree = Tree(host, directory, DIALECT)
    number = tree.find(receipt.account)
    changes: tuple[FileChange, ...] = ()
    if number:
        if not receipt.adopted:
            tree.drop(number)
        changes = (
            *forget(host, directory, number if receipt.wrote_password else "", last=tree.empty),
            *tree.changes,
        )
    kept = "You had the account in Claws Mail before, so it stays there; only its password is gone."
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        locks=_sockets(host, directory),
        done=f"{receipt.address} taken out of {TITLE}" if changes else was_gone(receipt),
        notes=(kept,) if receipt.adopted and changes else (),
        left=(directory / "imapcache",),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that log in where the given one does; see `Client.find`."""
    directory = _choose(host, options)
    try:
        users = list(Tree(host, directory, DIALECT).users(account))
    except Conflict as error:
        if options.profile is not None:
            raise
        return (Found(str(directory), advice=f"{error.message} So look there before you revoke."),)
    return tuple(
        Found(str(directory), user.account, name=user.name)
        if user.account
        else accountrc.by_hand(TITLE, user.name, account, directory)
        for user in users
    )


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password of the account's incoming server. Raises as `plan`."""
    directory = _choose(host, options)
    number = _number(host, directory, account)
    return Passwords(host, directory, options).get(number) if number else None


def stored_seal(host: Host, account: Account, options: Options) -> str:
    """A mark of that password as it is encrypted; it needs no passphrase."""
    directory = _choose(host, options)
    number = _number(host, directory, account)
    return mark(store(host, directory).entries(number)) if number else ""


def _number(host: Host, directory: Path, account: Account) -> str:
    try:
        return Tree(host, directory, DIALECT).find(account)
    except Conflict as error:
        if error.code == "account.exists":  # but not with this login
            return ""
        raise


def _choose(host: Host, options: Options) -> Path:
    return accountrc.choose(options, _usual(host), TITLE)


def _sockets(host: Host, directory: Path) -> tuple[Path, ...]:
    """Where a running Claws Mail listens (src/main.c, claws_get_socket_name; without a runtime directory
    GLib takes the one for caches)."""
    if host.platform == "win32":
        return ()
    name = hashlib.md5(str(directory).encode(), usedforsecurity=False).hexdigest()
    cache = host.env_dir("XDG_CACHE_HOME", host.home / ".cache")
    places = (host.env_dir("XDG_RUNTIME_DIR", Path(f"/run/user/{os.getuid()}")), cache)
    return tuple(place / "claws-mail" / name for place in places)


def _done(*, known: bool, wrote: bool, changed: bool, address: str) -> str:
    if not known:
        return f"reads and sends as {address}; the password is in its own store"
    if changed:
        return f"account {address} updated, password in its own store"
    return f"password of {address} replaced" if wrote else f"{address} is set up already"
