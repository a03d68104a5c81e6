"""One password has one label: what is set up later takes it over, and who shares a password gets it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from provisioner import clients, seals
from provisioner.apply import Deed, relabel
from provisioner.clients.base import Options
from provisioner.errors import ProvisionError
from provisioner.journal import now
from provisioner.receipt import Receipt
from provisioner.secret import Secret
from provisioner.workflows.context import Context


def known(context: Context, address: str, secret: Secret) -> str:
    """The label that this password has in some client, empty if it is new. Nobody is asked to unlock."""
    receipts = reversed(context.journal.receipts(address))
    return next((one.label for one in receipts if one.label and _has(context, one, secret)), "")


def settle(context: Context, deeds: Sequence[Deed], secret: Secret, label: str) -> None:
    """After the deeds: every other receipt of an account that has the password says so.

    A client that reads a keyring item which was changed has got it now; one that had it has another label.
    """
    changed = {change.item for deed in deeds for change in deed.plan.secrets if change.before != change.after}
    done = {(deed.plan.client, deed.plan.where) for deed in deeds}
    for receipt in context.journal.receipts(deeds[0].account.address):
        if (receipt.client, receipt.where) in done:
            continue
        if any(record.item in changed for record in receipt.secrets):
            relabel(context.journal, receipt, label, rotated=now())
        elif receipt.label != label and _has(context, receipt, secret):
            relabel(context.journal, receipt, label)


def typed(context: Context, address: str, places: Collection[tuple[str, str]], label: str) -> None:
    """After a rotation: clients that ask, by ID and place, will be given the password with this label."""
    for receipt in context.journal.receipts(address):
        if (receipt.client, receipt.where) in places:
            relabel(context.journal, receipt, label, rotated=now())


def _has(context: Context, receipt: Receipt, secret: Secret) -> bool:
    """The client has this password, and the receipt is of this one: nobody has put it in by hand."""
    options = Options(profile=receipt.where)
    items = [record.item for record in receipt.secrets if not record.item.is_seal]
    try:
        client = clients.get(receipt.client)
        if client.stored_secret(context.host, receipt.account, options) != secret:
            return False
        if items:
            return all(seals.state(item, context.host.secrets) is seals.Seal.WHOLE for item in items)
        return receipt.seal == client.stored_seal(context.host, receipt.account, options)
    except ProvisionError:
        return False
