"""NeoMutt: reads over IMAP and sends over SMTP by itself; the account in its own files (common/muttrc.py)."""

from __future__ import annotations

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import hook, muttrc
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.secret import Secret

ID = "neomutt"
TITLE = "NeoMutt"
SUPPORT = Support.FULL
ABOUT = About(
    versions="20220429",
    account="files of its own in ~/.config/neomutt/provisioner, sourced by your neomuttrc",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring reads and sends over TLS; its own parser reads back any value",
    proven="2026-11-23",
    served_by=muttrc.FETCH_AND_SEND,
)

stored_seal = no_stored_seal
export = no_export

_PLACES = ("%/neomutt/", "%/mutt/", ".neomutt/", ".mutt/", ".")
PROGRAM = muttrc.Program(
    ID,
    TITLE,
    (20220429,),
    tuple(place + name for place in _PLACES for name in ("neomuttrc", "muttrc")),
    "%/neomutt/neomuttrc",
)
"""In the order of init.c, find_cfg (20220429): a `muttrc` serves both programs if there is no `neomuttrc`."""


def detect(host: Host) -> tuple[Installation, ...]:
    """NeoMutt on the search path; `where` is its configuration file."""
    return muttrc.detect(host, PROGRAM)


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account; raises as `muttrc.plan`."""
    return muttrc.plan(host, PROGRAM, account, secret, options)


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's blocks out. Raises Conflict (`block.*`)."""
    return muttrc.unplan(host, PROGRAM, receipt, options)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our account, if NeoMutt has it; see `Client.find`."""
    return muttrc.find(host, PROGRAM, account, options)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if NeoMutt has our account that asks for it."""
    return muttrc.stored_secret(host, PROGRAM, account, options)
