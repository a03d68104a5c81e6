"""mutt: reads over IMAP and sends over SMTP by itself; the account in files of our own (common/muttrc.py)."""

from __future__ import annotations

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import hook, muttrc
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.secret import Secret

ID = "mutt"
TITLE = "mutt"
SUPPORT = Support.FULL
ABOUT = About(
    versions="2.2",
    account="files of its own in ~/.config/mutt/provisioner, sourced by your muttrc",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring reads and sends over TLS; its own parser reads back any value",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

PROGRAM = muttrc.Program(ID, TITLE, (2, 2), (".muttrc", ".mutt/muttrc", "%/mutt/muttrc"), "%/mutt/muttrc")
"""In the order of init.c, mutt_find_cfg (2.2)."""


def detect(host: Host) -> tuple[Installation, ...]:
    """mutt on the search path; `where` is its configuration file."""
    return muttrc.detect(host, PROGRAM)


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account; raises as `muttrc.plan`."""
    return muttrc.plan(host, PROGRAM, account, secret, options)


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's blocks out. Raises Conflict (`block.*`)."""
    return muttrc.unplan(host, PROGRAM, receipt, options)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our account, if mutt has it; see `Client.find`."""
    return muttrc.find(host, PROGRAM, account, options)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if mutt has our account that asks for it."""
    return muttrc.stored_secret(host, PROGRAM, account, options)
