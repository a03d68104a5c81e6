"""What a client has now of what was set up: the password that it would log in with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from provisioner import clients, seals
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


def labelled(host: Host, receipt: Receipt, options: Options | None = None) -> Secret | None:
    """The password that bears the receipt's label: what the client has, if nobody has put in another since.

    None, too, if that cannot be told. Raises ProvisionError if it cannot be read.
    """
    options = options or Options(profile=receipt.where)
    secret = present(host, receipt, options)
    items = [record.item for record in receipt.secrets if not record.item.is_seal]
    if items:
        whole = all(seals.state(item, host.secrets) is seals.Seal.WHOLE for item in items)
    else:
        whole = clients.get(receipt.client).stored_seal(host, receipt.account, options) == receipt.seal
    return secret if whole else None


def if_readable(
    read: Callable[[Host, Receipt], Secret | None], host: Host, receipt: Receipt
) -> Secret | None:
    """What `present` or `labelled` says; None, too, if it cannot be read."""
    try:
        return read(host, receipt)
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
