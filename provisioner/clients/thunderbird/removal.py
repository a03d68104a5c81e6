"""An account is taken out of Thunderbird's preferences, and nothing that others need."""

from __future__ import annotations

from collections.abc import Collection

from provisioner.clients.thunderbird import account as accounts
from provisioner.clients.thunderbird.account import Edit
from provisioner.clients.thunderbird.view import View
from provisioner.edits.prefsjs import Value
from provisioner.model import Account


def remove(view: View, account: Account, sharing: Collection[str] = ()) -> Edit:
    """What to take out. Other accounts, addresses `sharing` this one and the servers of both stay."""
    found = accounts.find(view, account)
    if found is None:
        return Edit({}, existed=False, stale=accounts.unused(view, accounts.logins(account)))
    server, identities = view.server_of(found), view.identities_of(found)
    shared = any(view.email(key) in sharing for key in identities)
    others = shared or (
        bool(identities)
        and view.email(identities[0]) != account.key
        and accounts.at(view, identities, account) is not None
    )
    gone = [key for key in identities if view.email(key) == account.key] if others else identities
    ours = accounts.at(view, gone, account) or next(iter(gone), "")
    kept = [key for key in view.identities if key not in gone]
    # An identity beside ours has the login, too: it may send by the server without naming it.
    needed = {view.smtp_of(key) or (view.default_smtp if key in identities else "") for key in kept}
    smtps = {view.smtp_of(ours)} - needed - {""}
    branches = [f"mail.identity.{key}." for key in gone] + [f"mail.smtpserver.{key}." for key in smtps]
    changes: dict[str, Value | None] = {}
    if others:
        changes[f"mail.account.{found}.identities"] = ",".join(key for key in identities if key not in gone)
    else:
        branches += [f"mail.server.{server}.", f"mail.account.{found}."]
        left = [key for key in view.accounts if key != found]
        changes["mail.accountmanager.accounts"] = ",".join(left) or None
        if view.text("mail.accountmanager.defaultaccount") == found:
            changes["mail.accountmanager.defaultaccount"] = accounts.default_account(view, left) or None
    remaining = [key for key in view.smtps if key not in smtps]
    changes["mail.smtpservers"] = ",".join(remaining) or None
    orphans = [key for key in kept if not view.smtp_of(key)] if view.default_smtp in smtps else []
    heir = _heir(view, remaining, orphans)
    if view.default_smtp in smtps:
        changes["mail.smtp.defaultserver"] = heir or None
    changes.update({name: None for name in view.values if name.startswith(tuple(branches))})
    changes = {name: value for name, value in changes.items() if view.values.get(name) != value}
    after = View({name: value for name, value in {**view.values, **changes}.items() if value is not None})
    before = [view.imap_login(server), *(view.smtp_login(key) for key in smtps), *accounts.logins(account)]
    return Edit(
        changes,
        existed=True,
        stale=accounts.unused(after, before),
        others=others,
        added=_added(view, gone, ours),
        orphans=tuple(view.email(key) or key for key in orphans),
        heir=heir,
    )


def _heir(view: View, smtps: list[str], identities: list[str]) -> str:
    """The next default server: that of the identities that will send by it, if it can be told by its user."""
    names = {view.email(key) for key in identities} | {
        view.email(key).partition("@")[0] for key in identities
    }
    own = (key for key in smtps if view.smtp_login(key)[1].lower() in names - {""})
    return next(own, next(iter(smtps), ""))


_TYPED = {
    "htmlSigText": "the signature",
    "organization": "the organization",
    "reply_to": "the reply-to address",
    "escapedVCard": "the business card",
    "doCcList": "the Cc addresses",
    "doBccList": "the Bcc addresses",
    "openpgp_key_id": "the OpenPGP key",
}
"""What a person sets in an identity and Thunderbird never does by itself (nsMsgIdentity.cpp, am-e2e.js)."""


def _added(view: View, identities: list[str], ours: str) -> tuple[str, ...]:
    """The identities beside ours, and signatures: what somebody has typed, and is nowhere else."""
    others = [f"the identity {view.email(key) or key}" for key in identities if key != ours]
    typed = [
        f"{what} of {view.email(key) or key}"
        for key in identities
        for name, what in _TYPED.items()
        if view.text(f"mail.identity.{key}.{name}").strip()
    ]
    return (*others, *typed)
