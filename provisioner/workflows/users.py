"""Who uses a password: all addresses with its login, by their receipts and by what the clients have.

One password may serve several addresses (aliases of one mailbox), and accounts that nobody set up with us.
What may be revoked, replaced or deleted is decided by what is found here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from provisioner import clients
from provisioner.clients.base import Client, Found, Options
from provisioner.clients.common.included import from_home
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Server
from provisioner.receipt import Receipt
from provisioner.workflows import alike
from provisioner.workflows.context import Context, at_receipt, is_at


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
