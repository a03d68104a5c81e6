"""Sylpheed: the account in accountrc and folderlist.xml, without a password.

It keeps one only as plain text in accountrc (libsylph/prefs_account.c), so none is written: it asks.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from provisioner.clients.base import (
    ASKED,
    About,
    Found,
    Options,
    no_export,
    no_stored_seal,
    no_stored_secret,
    was_gone,
)
from provisioner.clients.common import accountrc, program, tls
from provisioner.clients.common.accountrc import Dialect, Tree
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.secret import Secret

ID = "sylpheed"
TITLE = "Sylpheed"
SUPPORT = Support.CONFIG
ABOUT = About(
    versions="3.8.0 beta 1",
    account="section in ~/.sylpheed-2.0/accountrc, tree in folderlist.xml",
    stored=f"{ASKED}; it could keep it only as plain text",
    proof="the real program under Xvfb, the password typed, reads and sends over TLS",
    proven="2026-11-23",
)

stored_secret = no_stored_secret
stored_seal = no_stored_seal
export = no_export

DIALECT = Dialect(ID, TITLE, imap="3", asks=True)
ASKS = "Sylpheed asks you for the password when it starts: type the new one."


def _usual(host: Host) -> Path:
    """libsylph/utils.c, get_rc_dir; defs.h, RC_DIR."""
    if host.platform == "win32":
        return host.env_dir("APPDATA", host.home / "AppData/Roaming") / "Sylpheed"
    if host.platform == "darwin":
        return host.home / "Library/Application Support/Sylpheed"
    return host.home / ".sylpheed-2.0"


def detect(host: Host) -> tuple[Installation, ...]:
    """Sylpheed on the search path; `where` is its configuration directory."""
    return program.installation(host, ID, ID, TITLE, _usual(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:  # noqa: ARG001 - none written
    """Adds the account, or mends its login.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `tls.no_starttls`,
    `value.unwritable`), Conflict (`account.exists`, `ini.broken`, `folderlist.broken`).
    """
    program.require(host, ID, TITLE, ID)
    # libsylph/imap.c, imap_session_connect: it would log in without TLS.
    tls.require_from_the_start(account.imap, TITLE, "it goes on without TLS if the server offers none")
    directory = accountrc.choose(options, _usual(host), TITLE)
    tree = Tree(host, directory, DIALECT)
    known = tree.find(account)
    tree.put(account, known, rename=options.rename)
    start = [ID, *(() if directory == _usual(host) else ("--configdir", str(directory))), "--receive-all"]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(directory),
        changes=tree.changes,
        locks=_sockets(host),
        done=f"account {account.address} updated" if known else f"reads and sends as {account.address}",
        next=f"Start it with:\n  {shlex.join(start)}\n"
        "It asks for the password, every time it starts: type it there.",
        notes=() if known else _notes(host, account),
        adopted=bool(known),
        wrote_password=False,
    )


def _notes(host: Host, account: Account) -> tuple[str, ...]:
    notes = ["Sylpheed can save a password only as plain text, so leave it out of the account's settings."]
    if account.smtp.username != account.imap.username:
        notes.append("It asks a second time before the first mail is sent: it is the same password.")
    if host.platform == "win32":
        notes.append("Close Sylpheed before this runs: it would overwrite the change.")
    return tuple(notes)


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:  # noqa: ARG001 - nothing to force
    """Takes the account and its tree out; all else stays as it is now. Raises Conflict."""
    directory = Path(receipt.where)
    tree = Tree(host, directory, DIALECT)
    number = tree.find(receipt.account)
    if number and not receipt.adopted:
        tree.drop(number)
    gone = was_gone(receipt)
    kept = "you had the account in Sylpheed before, so it stays there"
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=tree.changes,
        locks=_sockets(host),
        done=f"{receipt.address} taken out of {TITLE}" if tree.changes else (kept if number else gone),
        left=(directory / "imapcache",),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that log in where the given one does; see `Client.find`."""
    directory = accountrc.choose(options, _usual(host), TITLE)
    try:
        users = list(Tree(host, directory, DIALECT).users(account))
    except Conflict as error:
        if options.profile is not None:
            raise
        return (Found(str(directory), advice=f"{error.message} So look there before you revoke."),)
    found = [Found(str(directory), user.account, note=ASKS, name=user.name) for user in users if user.account]
    for user in users:
        if user.saved:
            advice = (
                f"Sylpheed has saved a password of the account {user.name} as plain text in {directory}: "
                "delete it in the account's settings, so that it asks, before you revoke the old one."
            )
            found.append(Found(str(directory), advice=advice))
        elif not user.account:
            advice = (
                f"Sylpheed asks for the password of the account {user.name}, too: type the new one there."
            )
            found.append(Found(str(directory), advice=advice, name=user.name))
    return tuple(found)


def _sockets(host: Host) -> tuple[Path, ...]:
    """Where a running Sylpheed listens (src/main.c, get_socket_name; GLib, g_get_tmp_dir)."""
    if host.platform == "win32":
        return ()
    places = (host.env.get(name, "") for name in ("TMPDIR", "TMP", "TEMP"))
    return (Path(next(filter(None, places), "/tmp"), f"sylpheed-{os.getuid()}"),)  # noqa: S108
