"""Who has one password now: may it be revoked?"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from provisioner import clients
from provisioner.clients.base import Client, Found, Options, asks
from provisioner.clients.common.included import from_home
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account
from provisioner.receipt import Receipt
from provisioner.secret import Secret
from provisioner.workflows.context import Context
from provisioner.workflows.stored import if_readable, labelled, present
from provisioner.workflows.users import distinct, holding, receipts, unrecorded


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
    doubt: str = ""
    """Why it may be in use all the same, a sentence."""

    @classmethod
    def of(cls, receipt: Receipt, label: str, secret: Secret | None = None) -> Password:
        """One that the receipt's client had."""
        items = frozenset(record.item for record in receipt.secrets if not record.item.is_seal)
        return cls(receipt.account, label, secret, items)


@dataclass(frozen=True)
class Users:
    """`certain`: who has it still, by name. `advice`: who has it until the person changes that, and `unseen`:
    who may have it, a sentence each."""

    certain: tuple[str, ...]
    advice: tuple[str, ...]
    unseen: tuple[str, ...]


def by_label(passwords: Iterable[Password]) -> list[Password]:
    """One for each label, with all that is known of it; then each that has none and is not one of these."""
    found: list[Password] = []
    for one in sorted(passwords, key=lambda one: not one.label):
        first = next((other for other in found if other.label == one.label), None)
        if not one.label and one.secret in [other.secret for other in found]:
            continue
        if first is None or not one.label:
            found.append(one)
        else:
            items = first.items | one.items
            found[found.index(first)] = dataclasses.replace(
                first, secret=first.secret or one.secret, items=items
            )
    return found


def of(context: Context, password: Password, *, without: Iterable[str] = ()) -> Users:
    """Who has the password now. `without`: ids of receipts that do not count. Nobody is asked to unlock."""
    account, gone = password.account, set(without)
    known = receipts(context, account)
    bearing = [one for one in known if one.label and one.label == password.label]
    others = [one for one in known if one not in bearing and one.id not in gone]
    password = dataclasses.replace(password, secret=password.secret or _first(context, bearing))
    certain = [
        _named(one, account) for one in bearing if one.id not in gone and _bears(context, one, password)
    ]
    named = [_first(context, [one]) for one in others if one.label]
    advice: list[str] = []
    unseen = [password.doubt] if password.doubt else []
    for bearer in bearing:
        if bearer.id not in gone and (has := _bears(context, bearer, password)) is not False:
            name = _named(bearer, account)
            (certain if has else unseen).append(name if has else _may(name))
    for other in others:
        name = _named(other, account)
        try:
            has = _typed(context, other, password, named)
        except ProvisionError as error:
            unseen.append(f"With which password {name} works cannot be seen: {error.message} {error.hint}")
            continue
        if has:
            certain.append(name)
        elif has is None:
            unseen.append(_may(name))
    accounts = distinct([account, *(one.account for one in known)])
    for client, one in unrecorded(context, accounts, known, holding()):
        if one.account is None:
            advice.append(one.advice)
            continue
        has = _has(context, client, one, one.account, password, named)
        name = f"{client.TITLE} ({from_home(context.host, Path(one.where))})"
        if has:
            certain.append(name)
        elif has is None:
            unseen.append(f"{name} has the account, too; with which password cannot be seen from here.")
    return Users(*(tuple(dict.fromkeys(names)) for names in (certain, advice, unseen)))


def _first(context: Context, bearing: Iterable[Receipt]) -> Secret | None:
    """The password of these receipts' labels, if it can be read."""
    return next(filter(None, (if_readable(labelled, context.host, one) for one in bearing)), None)


def _has(
    context: Context,
    client: Client,
    found: Found,
    account: Account,
    password: Password,
    named: Collection[Secret | None],
) -> bool | None:
    """None: it cannot be told. `named`: passwords that have other labels."""
    if found.item and found.item.identity in {one.identity for one in password.items}:
        return True
    try:
        if found.item:
            stored = context.host.secrets.get(found.item)
        else:
            stored = client.stored_secret(context.host, account, Options(profile=found.where))
    except ProvisionError:
        return None
    if stored is None:  # an account without a password is asked for it by its client
        return None if asks(client) else False
    return _same(stored, password, named)


def _same(stored: Secret, password: Password, named: Collection[Secret | None]) -> bool | None:
    """It is this password. None: it cannot be told. `named`: passwords that have other labels."""
    if password.secret:
        return stored == password.secret
    return False if stored == password.by or stored in named else None


def _may(name: str) -> str:
    return f"{name} may work with it: that cannot be seen from here."


def _bears(context: Context, receipt: Receipt, password: Password) -> bool | None:
    """It has the password of its label still; None: another may have been put in."""
    stored = if_readable(present, context.host, receipt)
    if stored is None:
        return True
    return stored == password.secret if password.secret else None


def _typed(
    context: Context, receipt: Receipt, password: Password, named: Collection[Secret | None]
) -> bool | None:
    """Somebody has put this password in where we had written another. None: it cannot be told.

    Raises ProvisionError if that cannot be seen: the store is locked, and nothing shows that it is as it was.
    """
    try:
        stored = present(context.host, receipt)
    except ProvisionError as error:
        if error.code == "profile.unknown" or _as_written(context.host, receipt):
            return False
        raise
    return False if stored is None else _same(stored, password, named)


def _as_written(host: Host, receipt: Receipt) -> bool:
    """The client's own mark of its password is that of the one that we wrote: it needs no unlocking."""
    with contextlib.suppress(ProvisionError):
        client = clients.get(receipt.client)
        now = client.stored_seal(host, receipt.account, Options(profile=receipt.where))
        return bool(receipt.seal) and now == receipt.seal
    return False


def _named(receipt: Receipt, account: Account) -> str:
    """The client, and the address if it is another one."""
    return receipt.client + (f" ({receipt.address})" if receipt.account.key != account.key else "")
