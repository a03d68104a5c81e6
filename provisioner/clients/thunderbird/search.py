"""The accounts that log in to a server as a user, in every profile of every Thunderbird here."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import Found, Options
from provisioner.clients.thunderbird import account as accounts
from provisioner.clients.thunderbird import installation, profiles
from provisioner.clients.thunderbird.view import Login, View, preferences
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.model import Account, Security, Server

_SECURITY = {3: Security.TLS, 2: Security.STARTTLS}
"""Values of `socketType` and `try_ssl` (mailnews/base/public/MailNewsTypes2.idl, nsMsgSocketType)."""
_IMAP_PORTS = {3: 993}
_SMTP_PORTS = {3: 465, 2: 587}


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts for the account's incoming server and user, each profile's first one to be changed.

    Raises Conflict (`prefs.*`, `ini.broken`) for a named profile that cannot be read.
    """
    found: list[Found] = []
    seen = set()
    for profile, error in _profiles(host, options):
        if profile.resolve() in seen:
            continue
        seen.add(profile.resolve())
        try:
            if error:
                raise error
            found += _in_profile(host, profile, account, named=options.profile is not None)
        except ProvisionError as error:
            if options.profile is not None:
                raise
            found.append(Found(str(profile), advice=f"{error.message} So look there before you revoke."))
    return tuple(found)


def _profiles(host: Host, options: Options) -> Iterator[tuple[Path, ProvisionError | None]]:
    """The profiles that are meant: all, or those of the root, the name or the path that was given."""
    wanted = Path(options.profile).expanduser() if options.profile is not None else None
    for app in installation.find(host):
        try:
            known = profiles.Database(host, app).known
        except ProvisionError as error:
            yield app.root, error
            continue
        for profile in known:
            names = (profile.path, Path(profile.name), app.root)
            if (wanted is None or wanted in names) and profile.path.is_dir():
                yield profile.path, None
    if wanted is not None and wanted.is_absolute() and (wanted / "prefs.js").is_file():
        yield wanted, None


def _in_profile(host: Host, profile: Path, account: Account, *, named: bool) -> Iterator[Found]:
    """`named`: the profile is meant, so what is not as we would have it is mended there, as by a setup."""
    prefs, user = preferences(host, profile)
    view = View({**prefs.values, **user.values})
    logins: dict[Login, str] = {}
    for key in _matching(view, account):
        logins.setdefault(view.imap_login(view.server_of(key)), key)
    for number, (login, key) in enumerate(logins.items()):
        own = _as_there(view, key, account) or (account if named else None) if number == 0 else None
        if own is not None:
            yield Found(str(profile), own, name=key)
        else:
            yield Found(str(profile), advice=_advice(profile, login[1], account), name=key)


def _matching(view: View, account: Account) -> list[str]:
    """The keys of accounts for the same mailbox, the one with the very same user name first.

    A bare local part may be another person's at the same provider: then the address must be there, too.
    """
    (origin, username), _ = accounts.logins(account)
    exact, similar = [], []
    for key in view.accounts:
        if view.type_of(key) != "imap":
            continue
        login = view.imap_login(view.server_of(key))
        has_address = accounts.at(view, view.identities_of(key), account) is not None
        if accounts.serves(login, origin, {username.lower()}):
            exact.append(key)
        elif accounts.serves(login, origin, {account.key, *([account.local_part.lower()] * has_address)}):
            similar.append(key)
    return exact + similar


def _as_there(view: View, key: str, account: Account) -> Account | None:
    """The account as it is in the profile; None if its mail leaves by another server, which is not ours."""
    identities = view.identities_of(key)
    identity = accounts.at(view, identities, account) or next(iter(identities), "")
    smtp = view.smtp_of(identity) or view.default_smtp
    _, (origin, username) = accounts.logins(account)
    names = {username.lower(), account.local_part.lower(), account.key}
    if not accounts.serves(view.smtp_login(smtp), origin, names):
        return None
    return dataclasses.replace(
        account,
        address=account.address if view.email(identity) == account.key else view.email(identity),
        display_name=view.text(f"mail.identity.{identity}.fullName") or account.display_name,
        imap=_imap(view, view.server_of(key), account.imap),
        smtp=_smtp(view, smtp, account.smtp),
        mailboxes=None,
    )


def _imap(view: View, server: str, usual: Server) -> Server:
    """The incoming server; where it is not encrypted there, our encryption and port."""
    branch = f"mail.server.{server}"
    kind = view.number(f"{branch}.socketType") or 0
    origin, username = view.imap_login(server)
    host = origin.removeprefix("imap://")
    if kind not in _SECURITY:
        return dataclasses.replace(usual, host=host, username=username)
    port = view.number(f"{branch}.port") or _IMAP_PORTS.get(kind, 143)
    return Server(host, port, _SECURITY[kind], username)


def _smtp(view: View, smtp: str, usual: Server) -> Server:
    branch = f"mail.smtpserver.{smtp}"
    kind = view.number(f"{branch}.try_ssl") or 0
    origin, username = view.smtp_login(smtp)
    host = origin.removeprefix("smtp://")
    if kind not in _SECURITY:
        return dataclasses.replace(usual, host=host, username=username)
    return Server(host, view.number(f"{branch}.port") or _SMTP_PORTS[kind], _SECURITY[kind], username)


def _advice(profile: Path, username: str, account: Account) -> str:
    return (
        f"The profile {profile} has {username} at {account.imap.host} in a way that is not changed from "
        "here: change the password there before you revoke the old one."
    )
