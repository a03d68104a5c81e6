"""Who uses a password: all addresses with its login, by their receipts and by what the clients have.

One password may serve several addresses (aliases of one mailbox), and accounts that nobody set up with us.
What may be revoked, replaced or deleted is decided by what is found here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner import clients
from provisioner.clients.base import Client, Found, Options, asks
from provisioner.clients.common.included import from_home
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Server
from provisioner.receipt import Receipt
from provisioner.secret import Secret
from provisioner.workflows import alike
from provisioner.workflows.context import Context, at_receipt, is_at
from provisioner.workflows.stored import if_readable


def same_login(one: Account, other: Account) -> bool:
    """They log in as the same user, so one password is for both.

    It is enough that one of the two services has the same user name: a provider may take several forms.
    """

    def login(server: Server) -> tuple[str, str]:
        return server.host.lower(), server.username.lower()

    if login(one.imap) == login(other.imap):
        return True
    return one.imap.host.lower() == other.imap.host.lower() and login(one.smtp) == login(other.smtp)


def receipts(context: Context, *accounts: Account) -> list[Receipt]:
    """What is in force, oldest first, for these addresses and all that log in where one of them does.

    Raises as `Archive.receipts` does for the addresses.
    """
    own = {one.id: one for key in {one.key for one in accounts} for one in context.journal.receipts(key)}
    logins = distinct([*accounts, *(one.account for one in own.values())])
    return [
        one
        for one in context.journal.in_force()
        if one.id in own or any(same_login(one.account, login) for login in logins)
    ]


def distinct(accounts: Iterable[Account]) -> list[Account]:
    """The first of those that every client would find alike."""
    found = {(one.key, one.imap, one.smtp, one.item.identity): one for one in reversed(list(accounts))}
    return list(found.values())[::-1]


def sharing(context: Context, receipt: Receipt) -> frozenset[str]:
    """The other addresses that are set up in the receipt's place with its login: they need what is there."""
    others = _beside(context, receipt.account, receipt.client, receipt.where)
    return frozenset(one.account.key for one in others)


def made(context: Context, account: Account, client_id: str, where: str) -> bool:
    """What has the account's login in this place was set up by us for another address."""
    return any(not one.adopted for one in _beside(context, account, client_id, where))


def _beside(context: Context, account: Account, client_id: str, where: str) -> Iterator[Receipt]:
    for one in context.journal.in_force():
        there = (one.client, one.where) == (client_id, where)
        if there and one.account.key != account.key and same_login(one.account, account):
            yield one


def unrecorded(
    context: Context,
    accounts: Sequence[Account],
    known: Sequence[Receipt],
    wanted: Iterable[Client],
    options: Options | None = None,
    *,
    strict: bool = False,
) -> Iterator[tuple[Client, Found]]:
    """What these clients have of the accounts' logins that none of the `known` receipts is about.

    `strict`: raises what `Client.find` raises; else what cannot be asked is passed over.
    """
    options = options or Options()
    for client in wanted:
        there = [one for one in known if one.client == client.ID and is_at(one, options.profile)]
        places = {Path(one.where).resolve(): one for one in there}
        found = [
            one
            for one in _all(context.host, client, accounts, options, strict=strict)
            if Path(one.where).resolve() not in places
        ]
        for receipt in places.values():
            own = [one.account for one in there if one.where == receipt.where]
            at = at_receipt(options, receipt)
            found += _all(context.host, client, distinct([*own, *accounts]), at, strict=False)
        for one in _once(found):
            if not alike.set_up(known, client.ID, one.where) and not _owned(there, one):
                yield client, one


def _all(
    host: Host, client: Client, accounts: Sequence[Account], options: Options, *, strict: bool
) -> list[Found]:
    found: list[Found] = []
    for account in accounts:
        with contextlib.nullcontext() if strict else contextlib.suppress(ProvisionError):
            found += client.find(host, account, options) or ()
    return found


def _once(found: Sequence[Found]) -> Iterator[Found]:
    """What was found for several addresses, once; for one of them it may be usable, for others not."""
    usable = {(one.where, one.name) for one in found if one.account and one.name}
    seen = set()
    for one in found:
        if one.account is None and (one.where, one.name) in usable:
            continue
        key = one.where, one.name or (one.account.key if one.account else one.advice)
        if key not in seen:
            seen.add(key)
            yield one


def _owned(there: Sequence[Receipt], found: Found) -> bool:
    place = Path(found.where).resolve()
    return found.account is not None and any(
        Path(one.where).resolve() == place and one.account.key == found.account.key for one in there
    )


# --- one password ---


@dataclass(frozen=True)
class Password:
    """One that was taken out of some client, or replaced there: may it be revoked?

    `secret`: None if it is not known; `items`: where the client read it, if it stays there; `by`: what took
    its place.
    """

    account: Account
    label: str
    secret: Secret | None = None
    items: frozenset[SecretItem] = frozenset()
    by: Secret | None = None

    @classmethod
    def of(cls, receipt: Receipt, label: str, secret: Secret | None = None) -> Password:
        """One that the receipt's client had."""
        items = frozenset(record.item for record in receipt.secrets if not record.item.is_seal)
        return cls(receipt.account, label, secret, items)


@dataclass(frozen=True)
class Users:
    """`certain`: who has it still, by name. `advice`: who may have it, a sentence each."""

    certain: tuple[str, ...]
    advice: tuple[str, ...]


def of(context: Context, password: Password, *, without: Iterable[str] = ()) -> Users:
    """Who has the password now. `without`: ids of receipts that do not count. Nobody is asked to unlock."""
    account, gone = password.account, set(without)
    known = receipts(context, account)
    labelled = [one for one in known if one.label and one.label == password.label]
    others = [one for one in known if one not in labelled and one.id not in gone]
    certain = [_named(one, account) for one in labelled if one.id not in gone]
    certain += [_named(one, account) for one in others if _typed(context, one, password)]
    advice = []
    accounts = distinct([account, *(one.account for one in known)])
    for client, one in unrecorded(context, accounts, known, holding()):
        if one.account is None:
            advice.append(one.advice)
            continue
        has = _has(context, client, one, one.account, password)
        name = f"{client.TITLE} ({from_home(context.host, Path(one.where))})"
        if has:
            certain.append(name)
        elif has is None:
            advice.append(f"{name} has the account, too; with which password cannot be seen from here.")
    return Users(tuple(dict.fromkeys(certain)), tuple(dict.fromkeys(advice)))


def holding(client_ids: Iterable[str] = clients.CLIENT_IDS) -> list[Client]:
    """Those of the clients that hold a password."""
    return [client for client in map(clients.get, client_ids) if client.ABOUT.holds_password]


def reader(
    host: Host, account: Account, item: SecretItem, *, without: Collection[tuple[str, str]] = ()
) -> str:
    """Who reads the item on this host without having been set up to; empty if nobody does."""
    for client in holding():
        for one in _all(host, client, [account], Options(), strict=False):
            if (client.ID, one.where) not in without and one.item and one.item.identity == item.identity:
                return f"{client.TITLE} ({from_home(host, Path(one.where))})"
    return ""


def _has(context: Context, client: Client, found: Found, account: Account, password: Password) -> bool | None:
    """None: it cannot be told."""
    if found.item and found.item.identity in {one.identity for one in password.items}:
        return True
    try:
        if found.item:
            stored = context.host.secrets.get(found.item)
        else:
            stored = client.stored_secret(context.host, account, Options(profile=found.where))
        known = password.secret or _in_keyring(context, password)
    except ProvisionError:
        return None
    if stored is None:  # an account without a password is asked for it by its client
        return None if asks(client) else False
    if stored == password.by:
        return False
    return stored == known if known else None


def _typed(context: Context, receipt: Receipt, password: Password) -> bool:
    """Somebody has put this password in where we had written another."""
    stored = if_readable(context.host, receipt)
    if stored is None or stored == password.by:
        return False
    with contextlib.suppress(ProvisionError):
        return stored == (password.secret or _in_keyring(context, password))
    return False


def _in_keyring(context: Context, password: Password) -> Secret | None:
    """What clients read there that stay."""
    found = (context.host.secrets.get(item) for item in password.items if item.kept and item.ours)
    return next(filter(None, found), None)


def _named(receipt: Receipt, account: Account) -> str:
    """The client, and the address if it is another one."""
    return receipt.client + (f" ({receipt.address})" if receipt.account.key != account.key else "")
