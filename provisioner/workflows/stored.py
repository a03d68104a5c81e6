"""What a client has now of what was set up: the password that it would log in with."""

from __future__ import annotations

from pathlib import Path

from provisioner import clients
from provisioner.clients.base import Client, Options
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.receipt import Receipt
from provisioner.secret import Secret


def present(host: Host, receipt: Receipt, options: Options | None = None) -> Secret | None:
    """The password that the receipt's client would log in with, None if it has none; lines of the user's own
    count that read the same keyring item in its place.

    `options`: those for that very place, to unlock it. Raises ProvisionError if it cannot be read.
    """
    client = clients.get(receipt.client)
    options = options or Options(profile=receipt.where)
    if (secret := client.stored_secret(host, receipt.account, options)) is not None:
        return secret
    item = read_by_hand(host, client, receipt, options)
    return None if item is None else host.secrets.get(item)


def if_readable(host: Host, receipt: Receipt) -> Secret | None:
    """The same; None, too, if it cannot be read."""
    try:
        return present(host, receipt)
    except ProvisionError:
        return None


def read_by_hand(host: Host, client: Client, receipt: Receipt, options: Options) -> SecretItem | None:
    """The receipt's item that lines of the user's own read in its place: `rotate` serves them, too.

    Raises ProvisionError if the place cannot be read.
    """
    items = {record.item.identity for record in receipt.secrets}
    if not items:
        return None
    found = client.find(host, receipt.account, options) or ()
    place = Path(receipt.where).resolve()
    read = (one.item for one in found if one.account and one.item and Path(one.where).resolve() == place)
    return next((item for item in read if item.identity in items), None)
