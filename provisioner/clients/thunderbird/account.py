"""An account among Thunderbird's preferences: finds it, adds or mends it (removal.py takes it out).

Thunderbird numbers servers, outgoing servers, identities and accounts and links them by these keys; the
rules for the numbers are those of mailnews/base/src/nsMsgAccountManager.cpp.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.clients.thunderbird import folders
from provisioner.clients.thunderbird.view import Login, View
from provisioner.edits import prefsjs
from provisioner.edits.prefsjs import Value
from provisioner.model import Account
from provisioner.render import render

TEMPLATE = "thunderbird/prefs.js.j2"

_OWN = {
    "server": ("type", "hostname", "port", "userName", "socketType", "authMethod"),
    "smtpserver": ("type", "hostname", "port", "username", "try_ssl", "authMethod"),
    "identity": ("useremail", "smtpServer", "valid"),
    "account": ("server", "identities"),
}
"""Preferences that make the account work: they are mended. Others of an existing account are the user's."""
_FILL_IN = ("fullName", "trash_folder_name", "fcc_folder", "draft_folder", "archive_folder")
"""Preferences of an existing account that are written where there are none yet."""


@dataclass(frozen=True, slots=True)
class Keys:
    account: str
    server: str
    identity: str
    smtp: str


@dataclass(frozen=True, slots=True)
class Edit:
    """Changes of preferences (None removes one) and of logins."""

    prefs: dict[str, Value | None]
    existed: bool
    stale: tuple[Login, ...] = field(default=())
    """Logins that nothing uses after the change."""
    others: bool = False
    """After a removal: the account itself stays, because the user has other addresses in it."""
    added: tuple[str, ...] = ()
    """What the user has added to the account, and a removal would take along."""
    orphans: tuple[str, ...] = ()
    """Identities of other accounts that sent by the removed server, as the default one; now by `heir`."""
    heir: str = ""
    """The key of that server; empty if none is left."""


def logins(account: Account) -> tuple[Login, Login]:
    """The two logins of an account, incoming and outgoing."""
    return (f"imap://{account.imap.host}", account.imap.username), (
        f"smtp://{account.smtp.host}",
        account.smtp.username,
    )


def alone(account: Account, number: int) -> dict[str, Value]:
    """The account's preferences under keys with this number, on a machine where nothing else is known."""
    keys = Keys(f"account{number}", f"server{number}", f"id{number}", f"smtp{number}")
    return _rendered(View({}), account, keys, fresh=False, platform="")


def find(view: View, account: Account) -> str | None:
    """The key of the account that is already there: by server and user name, else by its main address."""
    present = {
        key: view.imap_login(view.server_of(key)) for key in view.accounts if view.type_of(key) == "imap"
    }
    wanted = logins(account)[0]
    names = {account.imap.username.lower(), account.local_part.lower(), account.key}
    exact = [key for key, login in present.items() if login == wanted]
    similar = [key for key, login in present.items() if serves(login, wanted[0], names)]
    same_address = [key for key in present if at(view, view.identities_of(key)[:1], account)]
    return next(iter((*exact, *similar, *same_address)), None)


def add(view: View, account: Account, *, fresh: bool, platform: str, rename: bool = False) -> Edit:
    """What to set so that the account is there and works.

    `fresh`: a new profile, which shall ask nothing. `rename`: the name replaces one that is there.
    """
    found = find(view, account)
    keys, new = _keys(view, account, found)
    existing = {kind for kind in _OWN if kind not in new}
    changes: dict[str, Value | None] = {}
    for name, value in _rendered(view, account, keys, fresh=fresh, platform=platform).items():
        kind, _, last = name.removeprefix("mail.").partition(".")
        last = last.partition(".")[2]
        ours = kind not in existing or last in _OWN[kind] or (rename and last == "fullName")
        if not ours and not _fills_in(view, name, last):
            continue
        if view.values.get(name) != value and not _implied(view, name, last, value):
            changes[name] = value
    if found is None:
        return Edit(changes, existed=False)
    before = [
        view.imap_login(keys.server),
        *([view.smtp_login(keys.smtp)] if "smtpserver" in existing else []),
    ]
    changes.update(folders.moved(view, account, keys.server))
    after = View({**view.values, **{name: value for name, value in changes.items() if value is not None}})
    return Edit(changes, existed=True, stale=unused(after, before))


def _keys(view: View, account: Account, found: str | None) -> tuple[Keys, set[str]]:
    """The keys to write under, and which kinds of them are new."""
    new = set()
    server = view.server_of(found) if found else ""
    identity = at(view, view.identities_of(found), account) if found else None
    smtp = _smtp(view, account, identity)
    if found is None:
        last = view.values.get("mail.account.lastKey", 0)
        used = view.used("mail.account.account", view.accounts)
        found = f"account{max(used | {int(last) if isinstance(last, int) else 0}) + 1}"
        server = f"server{_free(view.used('mail.server.server', map(view.server_of, view.accounts)))}"
        new |= {"account", "server"}
    if identity is None:
        identity = f"id{_free(view.used('mail.identity.id', view.identities))}"
        new.add("identity")
    if smtp is None:
        smtp = f"smtp{_free(view.used('mail.smtpserver.smtp', view.smtps))}"
        new.add("smtpserver")
    return Keys(found, server, identity, smtp), new


def _rendered(view: View, account: Account, keys: Keys, *, fresh: bool, platform: str) -> dict[str, Value]:
    boxes = folders.of(account)
    accounts = view.accounts if keys.account in view.accounts else _inserted(view, keys.account)
    smtps = view.smtps if keys.smtp in view.smtps else [*view.smtps, keys.smtp]
    identities = view.identities_of(keys.account)
    last = view.values.get("mail.account.lastKey", 0)
    number = int(keys.account.removeprefix("account")) if keys.account not in view.accounts else 0
    default_smtp = view.text("mail.smtp.defaultserver")
    text = render(
        TEMPLATE,
        account=account,
        keys=keys,
        fresh=fresh,
        platform=platform,
        last_key=max(number, last if isinstance(last, int) else 0),
        accounts=",".join(accounts),
        identities=",".join(identities if keys.identity in identities else [*identities, keys.identity]),
        smtps=",".join(smtps),
        default_account=default_account(view, view.accounts) or keys.account,
        default_smtp=default_smtp if default_smtp in view.smtps else smtps[0],
        folders=boxes.identity,
        trash_folder=boxes.trash,
        junk_folder=boxes.junk,
    )
    return prefsjs.parse(text.encode(), Path(TEMPLATE)).values


def _inserted(view: View, account: str) -> list[str]:
    """The accounts with a new one before Local Folders, which Thunderbird keeps last."""
    accounts = view.accounts
    place = next((n for n, key in enumerate(accounts) if view.type_of(key) == "none"), len(accounts))
    return [*accounts[:place], account, *accounts[place:]]


def default_account(view: View, accounts: list[str]) -> str:
    """The default account if it is one of `accounts`, else the first that can be (not Local Folders)."""
    able = [key for key in accounts if view.type_of(key) not in ("none", "")]
    current = view.text("mail.accountmanager.defaultaccount")
    return current if current in able else next(iter(able), "")


def at(view: View, identities: list[str], account: Account) -> str | None:
    return next((key for key in identities if view.email(key) == account.key), None)


def _smtp(view: View, account: Account, identity: str | None) -> str | None:
    """The outgoing server that is already there for the account, or is its own and must be mended."""
    origin = logins(account)[1][0]
    names = {account.smtp.username.lower(), account.local_part.lower(), account.key}
    current = view.smtp_of(identity) if identity else ""
    fitting = [key for key in view.smtps if serves(view.smtp_login(key), origin, names)]
    if current in fitting:
        return current
    if fitting:
        return fitting[0]
    users = [key for key in view.identities if view.smtp_of(key) == current]
    own = current in view.smtps and users == [identity] and view.smtp_login(current)[1].lower() in names
    return current if own else None


def serves(login: Login, origin: str, names: Collection[str]) -> bool:
    """The login is for this server and one of these user names (lower case)."""
    return login[0].lower() == origin.lower() and login[1].lower() in names


def _free(used: set[int]) -> int:
    return next(number for number in range(1, len(used) + 2) if number not in used)


def _fills_in(view: View, name: str, last: str) -> bool:
    if last.endswith("_picker_mode"):
        folder = {"fcc": "fcc", "drafts": "draft", "archives": "archive"}[last.partition("_")[0]]
        name = f"{name.removesuffix(last)}{folder}_folder"
        last = f"{folder}_folder"
    return last in _FILL_IN and not view.text(name)


def _implied(view: View, name: str, last: str, value: Value) -> bool:
    """The preference is not set, and what Thunderbird then takes is right (it drops such lines itself)."""
    if name in view.values or not view.text(name.removesuffix(last) + "type"):
        return False
    if last == "authMethod":
        return value == 3
    if last == "port" and name.startswith("mail.server."):
        tls = view.values.get(name.removesuffix(last) + "socketType") == 3
        return value == (993 if tls else 143)
    return False


def unused(view: View, candidates: Iterable[Login]) -> tuple[Login, ...]:
    """Those logins that no server in `view` uses."""
    used = {view.imap_login(view.server_of(key)) for key in view.accounts}
    used |= {view.smtp_login(key) for key in view.smtps}
    return tuple(dict.fromkeys(login for login in candidates if login not in used))
