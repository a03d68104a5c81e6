"""One password has one label: what is set up later takes it over, and who shares a password gets it.

A label is noted by a deed of the same group as the change itself: both are done, or neither.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Sequence

from provisioner import clients, seals
from provisioner.clients.base import Options
from provisioner.deed import Deed
from provisioner.errors import ProvisionError
from provisioner.journal import now
from provisioner.model import Plan
from provisioner.receipt import Receipt
from provisioner.secret import Secret
from provisioner.workflows import drift
from provisioner.workflows.context import Context
from provisioner.workflows.guide import revoke_hint


def known(context: Context, address: str, secret: Secret) -> str:
    """The label that this password has in some client, empty if it is new. Nobody is asked to unlock."""
    receipts = reversed(context.journal.receipts(address))
    return next((one.label for one in receipts if one.label and _has(context, one, secret)), "")


def fresh(label: str, taken: Collection[str]) -> str:
    """The label, with a number if another password bears it already."""
    numbered = (f"{label} {number}" for number in itertools.count(2))
    return label if label not in taken else next(name for name in numbered if name not in taken)


def stays(
    context: Context, plan: Plan, earlier: Receipt, seal: str, had: Secret | None, secret: Secret
) -> bool:
    """The receipt's label is of this password: the client has it (`seal`), or had it until it was lost.

    Raises ProvisionError (`keyring.*`).
    """
    store = context.host.secrets
    if seals.broken(plan.secrets, store) or (had is not None and seal != earlier.seal):
        return False  # put in by hand since
    marks = [change for change in seals.sealed(plan.secrets, store) if change.item.is_seal]
    return had == secret or (had is None and any(change.before for change in marks))


def unused(label: str, receipts: Iterable[Receipt]) -> str:
    """The label, or one like it if a password of these receipts bears it."""
    taken = {name for receipt in receipts for name in (receipt.label, receipt.previous)}
    return fresh(dated(label), taken) if label in taken else label


def replaced(context: Context, address: str, before: Iterable[Receipt]) -> tuple[str, ...]:
    """Which labels to revoke: of passwords that the receipts had `before`, and have not any more."""
    old = {(one.client, one.where): (one.rotated, one.previous) for one in before}
    hints = (
        revoke_hint(context, one.address, one.provider, one.previous)
        for one in context.journal.receipts(address)
        if one.previous and old.get((one.client, one.where), ("", "")) != (one.rotated, one.previous)
    )
    return tuple(dict.fromkeys(hints))


def dated(label: str) -> str:
    """With the day, so that old and new can be told apart where they are revoked."""
    return f"{label} {now().partition('T')[0]}"


def sharers(context: Context, deeds: Sequence[Deed], secret: Secret, label: str) -> list[Deed]:
    """What goes with the deeds: every other receipt of an account that will have the password says so.

    A client that reads a keyring item which is changed gets it, too; one that has it has another label.
    """
    changes = [change for deed in deeds for change in deed.plan.secrets if change.before != change.after]
    store = context.host.secrets
    # One that was lost is put back, unless its seal, which was not, is of another password.
    changed = {one.item for one in changes if one.before is not None or seals.broken([one], store)}
    written = {one.item for one in changes}
    done = {(deed.plan.client, deed.plan.where) for deed in deeds}
    found = []
    for receipt in context.journal.receipts(deeds[0].account.address):
        if (receipt.client, receipt.where) in done:
            continue
        if any(record.item in changed for record in receipt.secrets):
            found.append(renamed(receipt, label, other=True))
        elif receipt.label != label and (
            any(record.item in written for record in receipt.secrets) or _has(context, receipt, secret)
        ):
            found.append(renamed(receipt, label))
    return found


def renamed(receipt: Receipt, label: str, *, other: bool = False) -> Deed:
    """Nothing changes but what we know: the password has this label; `other`: it is another password."""
    plan = Plan(
        receipt.client,
        receipt.client,
        receipt.where,
        changes=(),
        adopted=receipt.adopted,
        wrote_password=receipt.wrote_password,
        seal=receipt.seal,
    )
    return Deed(plan, receipt.account, label, replaces=other)


def _has(context: Context, receipt: Receipt, secret: Secret) -> bool:
    """The client has this password, and the receipt is of this one: nobody has put it in by hand."""
    options, host = Options(profile=receipt.where), context.host
    items = [record.item for record in receipt.secrets if not record.item.is_seal]
    try:
        client = clients.get(receipt.client)
        if drift.stored(host, client, receipt, options) != secret:
            return False
        if items:
            return all(seals.state(item, host.secrets) is seals.Seal.WHOLE for item in items)
        return receipt.seal == client.stored_seal(host, receipt.account, options)
    except ProvisionError:
        return False
