"""Thunderbird on an administrator's machines: a policies.json that brings the account with it.

No policy is about accounts, but `Preferences` may set `mail.*` (modules/policies/Policies.sys.mjs), and
Thunderbird adds the accounts that `mail.accountmanager.appendaccounts` lists to the user's own, once
(nsMsgAccountManager.cpp). Outgoing servers have no such list any more (OutgoingServerService.sys.mjs), so
theirs is a default, which only counts where the user has no outgoing server of their own. Elsewhere the
account cannot send: no policy adds to `mail.smtpservers`, and to set it would take away the user's servers.
The identity still names its own server, so that nothing goes out through somebody else's.
"""

from __future__ import annotations

import hashlib
import json

from provisioner.clients.base import About, ExportFile, Options
from provisioner.clients.thunderbird import account as prefs
from provisioner.edits.prefsjs import Value
from provisioner.exports.base import Holds
from provisioner.model import Account, Support
from provisioner.secret import Secret

ID = "thunderbird-policies"
TITLE = "Thunderbird policies"
SUPPORT = Support.IMPORT
HOLDS = Holds.NEVER
ABOUT = About(
    versions="153",
    account="a policies.json that an administrator puts on the machine",
    stored="Thunderbird's own store; it asks once for receiving and once for sending",
    proof="the real program starts with it, asks, reads and sends over TLS, and never asks again; beside an "
    "account of the user's own it only reads",
    proven="2026-11-23",
)

_USERS = (
    "mail.account.lastKey",
    "mail.accountmanager.accounts",
    "mail.accountmanager.defaultaccount",
    "mail.smtp.defaultserver",
)
"""These are about all accounts of a user together; a default would stand in for theirs."""


def export(account: Account, _secret: Secret | None, _options: Options) -> ExportFile:
    """The policies, as defaults that the user may change. Raises UsageError for an unwritable value."""
    number = _number(account)
    values = {name: value for name, value in prefs.alone(account, number).items() if _settable(name, value)}
    values["mail.accountmanager.appendaccounts"] = f"account{number}"
    policies = {name: {"Value": value, "Status": "default"} for name, value in sorted(values.items())}
    document = {"policies": {"Preferences": policies}}
    return ExportFile(
        name="policies.json",
        content=(json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode(),
        next="Put it on the machine before Thunderbird's first start: Linux "
        "/etc/thunderbird/policies/policies.json; Windows and macOS: distribution/policies.json inside the "
        "installation (Thunderbird.app/Contents/Resources on a Mac); merge it with one that is there. "
        f"Thunderbird asks for the password of {account.address}, once for receiving and once for sending. "
        "It is for people without an account: beside another one it can only receive, until its outgoing "
        "server is added by hand in Account Settings; use `setup` there.",
    )


def _settable(name: str, value: Value) -> bool:
    """The policy takes the numbers 0 and 1 for truth values where it does not know the preference."""
    return name not in _USERS and (isinstance(value, bool) or value not in (0, 1))


def _number(account: Account) -> int:
    """The number in the account's keys: the same for an address at any time, far from those that
    Thunderbird counts up from 1, which a default would otherwise mix with.
    """
    digest = hashlib.sha256(account.key.encode()).digest()
    return 1_000_000 + int.from_bytes(digest[:4], "big") % 100_000_000
