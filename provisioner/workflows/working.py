"""Clients that work by others: what one lacks once another is gone, and that it holds no password itself."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from provisioner import clients
from provisioner.clients.base import Client, Options
from provisioner.errors import ProvisionError
from provisioner.model import Plan
from provisioner.receipt import Receipt
from provisioner.workflows.context import Context


def needed(client: Client, plan: Plan, beside: Collection[str]) -> tuple[str, ...]:
    """The clients by which this one will work: what it was set up beside need not be there, but is meant."""
    return plan.works_by or tuple(one for one in client.ABOUT.works_by if one in beside)


def takes_password(plan: Plan) -> bool:
    """As it is planned, the client holds a password: NeoMutt does not, if others fetch and send for it."""
    return clients.holds_password(plan.client) and bool(plan.secrets or not plan.works_by)


def has_password(receipt: Receipt) -> bool:
    """As it was set up, the client holds a password."""
    return bool(receipt.label) or (clients.holds_password(receipt.client) and not receipt.works_by)


def missing(context: Context, receipt: Receipt) -> list[str]:
    """The clients by which the receipt's works, and that have the account no longer, whoever set it up."""
    return [one for one in receipt.works_by if not _has(context, receipt, one)]


def _has(context: Context, receipt: Receipt, client_id: str) -> bool:
    account = receipt.account
    if any((one.client, one.account.key) == (client_id, account.key) for one in context.journal.in_force()):
        return True
    with contextlib.suppress(ProvisionError):
        return clients.get(client_id).find(context.host, account, Options()) != ()
    return True  # it cannot be told


def stopped(context: Context, receipt: Receipt, going: Collection[str]) -> tuple[str, ...]:
    """A note that names the clients which need what is removed. `going`: ids of receipts that go as well."""
    present = [
        one
        for one in context.journal.in_force()
        if one.account.key == receipt.account.key and one.id not in {*going, receipt.id}
    ]
    if receipt.adopted or any(one.client == receipt.client for one in present):
        return ()
    names = [_title(one) for one in present if receipt.client in _works_by(one)]
    if not names:
        return ()
    verb, it = ("needs", "it does") if len(names) == 1 else ("need", "they do")
    title = _title(receipt)
    return (f"{listed(names)} {verb} {title}: without that, {it} not work as set up.",)


def said(receipt: Receipt) -> str:
    """Why the receipt's client gets no new password."""
    return f"needs no password: it works by {listed([_titled(one) for one in receipt.works_by])}"


def listed(names: Sequence[str]) -> str:
    """`one, two and three`."""
    *first, last = dict.fromkeys(names)
    return f"{', '.join(first)} and {last}" if first else last


def _works_by(receipt: Receipt) -> tuple[str, ...]:
    known = receipt.client in clients.CLIENT_IDS
    return receipt.works_by + (clients.get(receipt.client).ABOUT.works_by if known else ())


def _title(receipt: Receipt) -> str:
    return _titled(receipt.client)


def _titled(client_id: str) -> str:
    return clients.get(client_id).TITLE if client_id in clients.CLIENT_IDS else client_id
