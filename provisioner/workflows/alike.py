"""Clients that read one and the same file: set up in one of them, the account is in the others, too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from provisioner import clients
from provisioner.clients.base import Client
from provisioner.receipt import Receipt
from provisioner.workflows.context import Context


def readers(context: Context, receipt: Receipt) -> tuple[Client, ...]:
    """The other clients here that read the receipt's file, those that have a receipt of their own apart."""
    present = context.journal.readable()
    own = {(one.client, one.where) for one in present if one.address.lower() == receipt.address.lower()}
    return tuple(
        client
        for client in map(clients.get, clients.ALIKE.get(receipt.client, ()))
        if (client.ID, receipt.where) not in own
        and any(found.where == receipt.where for found in client.detect(context.host))
    )


def set_up(receipts: Iterable[Receipt], client_id: str, where: str) -> Receipt | None:
    """The receipt by which this client, which has none itself, has the account in this file."""
    place = Path(where).resolve()
    there = [one for one in receipts if Path(one.where).resolve() == place]
    if any(one.client == client_id for one in there):
        return None
    return next((one for one in there if client_id in clients.ALIKE.get(one.client, ())), None)


def said(client: Client, receipt: Receipt) -> str:
    """Whose file it reads."""
    return f"{client.TITLE} reads {receipt.where}, where {clients.get(receipt.client).TITLE} has the account"
