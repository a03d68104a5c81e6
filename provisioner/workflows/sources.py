"""Where clients that run a command for the password get it: as asked for, else as at the last setup."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner.clients.base import Client
from provisioner.clients.common import hook
from provisioner.errors import Conflict, UsageError
from provisioner.items import SecretItem, Store
from provisioner.model import Account
from provisioner.steps import ours
from provisioner.stores import command
from provisioner.workflows import working
from provisioner.workflows.context import Context


def wanted(address: str, store: str | None, password_command: str | None) -> SecretItem | None:
    """The item that --password-store names; None if it was not given.

    Raises UsageError: `password.command`, `store.no_command` for `command` without one.
    """
    if store is None:
        return None
    if store != Store.COMMAND:
        return SecretItem.shared(address, Store(store))
    if password_command is None:
        raise UsageError(
            "It is not said which command prints the password.",
            'Add --password-command CMD, such as "op read op://Private/iCloud/password".',
            code="store.no_command",
        )
    return command.item(address, password_command)


def runs_a_command(client: Client) -> bool:
    """Whether the client gets its password by a command (common/hook.py)."""
    return client.ABOUT.stored == hook.STORED


def refuse_unused(asked: SecretItem | None, chosen: Sequence[Client]) -> None:
    """Raises UsageError (`store.unused`) if a store was named and no client can use it."""
    if asked and not any(map(runs_a_command, chosen)):
        names = ", ".join(client.TITLE for client in chosen)
        raise UsageError(
            f"{names} has a store of its own for the password.",
            "Leave --password-store away; it is for clients that run a command for the password.",
            code="store.unused",
        )


def source(context: Context, client: Client, account: Account, asked: SecretItem | None) -> SecretItem | None:
    """The account's `source` for this client: as asked for, as it has it, or as others of the address do.

    Raises Conflict (`store.other`) if the client has the account with another one.
    """
    if not runs_a_command(client):
        return None
    receipts = [one for one in context.journal.receipts(account.address) if working.has_password(one)]
    own = next((one.account.item for one in receipts if one.client == client.ID), None)
    others = next((one.account.source for one in receipts if one.account.source), None)
    item = asked or own or others
    if own and item and item != own:
        raise Conflict(
            f"{client.TITLE} has {account.address} with its password in {own.place}.",
            "To change that, remove it, then set it up again:" + ours("remove", account.address, client.ID),
            code="store.other",
        )
    return None if item == SecretItem.shared(account.key) else item
