"""Clients that work by others: what one lacks once another is gone, and that it holds no password itself."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

from provisioner import clients
from provisioner.clients.base import Client, Options
from provisioner.errors import Conflict, ProvisionError
from provisioner.model import Account, Plan
from provisioner.receipt import Receipt
from provisioner.steps import ours
from provisioner.workflows.context import PLACEHOLDER, Context


def needed(client: Client, plan: Plan, beside: Collection[str]) -> tuple[str, ...]:
    """The clients by which this one will work: what it was set up beside need not be there, but is meant."""
    return plan.works_by or tuple(one for one in client.ABOUT.works_by if one in beside)


def takes_password(plan: Plan) -> bool:
    """As it is planned, the client holds a password: NeoMutt does not, if others fetch and send for it."""
    return clients.holds_password(plan.client) and bool(plan.secrets or not plan.works_by)


def has_password(receipt: Receipt) -> bool:
    """As it was set up, the client holds a password."""
    return bool(receipt.label) or (clients.holds_password(receipt.client) and not receipt.works_by)


def can_hold(client: Client, together: Collection[str]) -> bool:
    """The client can hold a password. `together`: the clients of the bundle that it is a part of."""
    served = bool(client.ABOUT.served_by) and set(client.ABOUT.served_by) <= set(together)
    return client.ABOUT.holds_password and not served


def will_hold(context: Context, client: Client, account: Account, options: Options) -> bool:
    """The client will hold a password, as `options.together` has it, or as it is set up already."""
    if not can_hold(client, options.together):
        return False
    if not without(context, account.address, client.ID):
        return True
    try:
        return takes_password(client.plan(context.host, account, PLACEHOLDER, options))
    except ProvisionError:
        return True


def without(context: Context, address: str, client_id: str) -> list[Receipt]:
    """The receipts of the address in a client that could hold its password, and does not."""
    return [
        one
        for one in context.journal.receipts(address, client_id)
        if clients.holds_password(client_id) and not has_password(one)
    ]


def refuse_lost(client: Client, plan: Plan, account: Account, options: Options) -> None:
    """Raises Conflict (`client.needs`) if the client has no password of its own, and those by which it works
    are not in `options.beside`: nothing that somebody has set up by hand is known to do that."""
    lost = [one for one in plan.works_by if one not in options.beside]
    if not lost or takes_password(plan):
        return
    hint = "Mend what is said of that, then run the command again."
    if not options.together.issuperset(lost):
        hint = (
            f"Set that up again with:{ours('setup', account.address, *lost)}\n"
            f"or take {client.TITLE} out, then set it up anew, to log in by itself:"
            f"{ours('remove', account.address, client.ID)}"
        )
    raise Conflict(
        f"{client.TITLE} works by {listed([titled(one) for one in plan.works_by])}, and without "
        f"{listed([titled(one) for one in lost])} it would not work.",
        hint,
        code="client.needs",
    )


def needs(receipt: Receipt, lost: Sequence[str]) -> Conflict:
    """No client has a password, as those by which the receipt's works are gone."""
    title, others = titled(receipt.client), listed([titled(one) for one in lost])
    return Conflict(
        f"No client here has a password of {receipt.address}: {title} needs {others}, not set up any more.",
        f"Set that up again with:{ours('setup', receipt.address, *lost)}",
        code="client.needs",
    )


def missing(context: Context, receipt: Receipt) -> list[str]:
    """The clients by which the receipt's works, and that have the account no longer, whoever set it up."""
    return [one for one in receipt.works_by if not _has(context, receipt, one)]


def _has(context: Context, receipt: Receipt, client_id: str) -> bool:
    account = receipt.account
    if any((one.client, one.account.key) == (client_id, account.key) for one in context.journal.in_force()):
        return True
    if clients.holds_password(receipt.client) and not has_password(receipt):
        return False  # it needs just what we set up
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


def by(one: Receipt | Plan) -> str:
    """Why the client gets no password."""
    return f"needs no password: it works by {listed([titled(name) for name in one.works_by])}"


def listed(names: Sequence[str]) -> str:
    """`one, two and three`."""
    *first, last = dict.fromkeys(names)
    return f"{', '.join(first)} and {last}" if first else last


def _works_by(receipt: Receipt) -> tuple[str, ...]:
    known = receipt.client in clients.CLIENT_IDS
    return receipt.works_by + (clients.get(receipt.client).ABOUT.works_by if known else ())


def _title(receipt: Receipt) -> str:
    return titled(receipt.client)


def titled(client_id: str) -> str:
    return clients.get(client_id).TITLE if client_id in clients.CLIENT_IDS else client_id
