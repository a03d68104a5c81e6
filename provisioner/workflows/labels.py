"""One password has one label: what is set up later takes it over, and who shares a password gets it.

A label is noted by a deed of the same group as the change itself: both are done, or neither.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

from provisioner import clients, seals
from provisioner.clients.base import Options
from provisioner.deed import Deed
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.journal import now
from provisioner.model import Account, Plan
from provisioner.plan import imagined
from provisioner.receipt import Receipt
from provisioner.secret import Secret
from provisioner.workflows import users, working
from provisioner.workflows.context import Context, at_receipt
from provisioner.workflows.guide import revoke_hints
from provisioner.workflows.in_use import Password
from provisioner.workflows.stored import if_readable, labelled


def known(context: Context, accounts: Iterable[Account], secret: Secret) -> str:
    """The label that this password of the accounts has in some client, empty if it is new. Nobody is asked
    to unlock."""
    receipts = reversed(users.receipts(context, *accounts))
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
    known = taken(receipts)
    return fresh(dated(label), known) if label in known else label


def changed(address: str) -> Conflict:
    """What was found before the person was asked has changed, or the label that they were told is taken."""
    return Conflict(
        f"Another provisioner has changed what is set up for {address} since this command began.",
        "Nothing was written; run the command again.",
        code="drift",
    )


def taken(receipts: Iterable[Receipt]) -> set[str]:
    """Labels of passwords that the clients of these receipts have, or had before."""
    return {name for receipt in receipts for name in (receipt.label, receipt.previous)}


def passwords(context: Context, receipts: Iterable[Receipt]) -> dict[str, Secret | None]:
    """What bears the labels of these receipts now. Nobody is asked to unlock."""
    found: dict[str, Secret | None] = {}
    for one in receipts:
        if one.label and found.get(one.label) is None:
            found[one.label] = if_readable(labelled, context.host, one)
    return found


class Before:
    """What the labels of a login were of, before a run changed them. `look` is called with the lock held,
    just before each change: another provisioner may have been there since the one before."""

    def __init__(self, context: Context) -> None:
        self._earlier = frozenset(context.journal.opened)
        self._receipts: dict[tuple[str, str, str], Receipt] = {}
        self._known: dict[str, Secret | None] = {}

    def look(self, context: Context, account: Account) -> None:
        others = [one for one in users.receipts(context, account) if not self._made(context, one)]
        self._receipts |= {(one.account.key, one.client, one.where): one for one in others}
        self._known |= passwords(context, others)

    def replaced(self, context: Context, account: Account, secret: Secret) -> str:
        """Which labels to revoke: of passwords that this run has replaced. `secret`: the present one."""
        return revoke_hints(
            context,
            [
                Password(
                    one.account,
                    one.previous,
                    self._known.get(one.previous),
                    by=secret,
                    doubt=_doubt(one, self._known),
                )
                for one in users.receipts(context, account)
                if self._made(context, one) and one.previous and self._other(one)
            ],
        )

    def refuse_taken(self, label: str, address: str) -> None:
        """Raises Conflict (`drift`) if a password that is not of this run bears the label."""
        if label in taken(self._receipts.values()):
            raise changed(address)

    def _made(self, context: Context, receipt: Receipt) -> bool:
        return receipt.id in context.journal.opened and receipt.id not in self._earlier

    def _other(self, receipt: Receipt) -> bool:
        had = self._receipts.get((receipt.account.key, receipt.client, receipt.where))
        return had is None or (had.rotated, had.previous) != (receipt.rotated, receipt.previous)


def _doubt(receipt: Receipt, known: Mapping[str, Secret | None]) -> str:
    if known.get(receipt.previous):
        return ""
    return f'Whether the password given now is "{receipt.previous}" cannot be seen: that is stored nowhere.'


def dated(label: str) -> str:
    """With the day, so that old and new can be told apart where they are revoked."""
    return f"{label} {now().partition('T')[0]}"


def sharers(
    context: Context, deeds: Sequence[Deed], secret: Secret, label: str, options: Options | None = None
) -> list[Deed]:
    """What goes with the deeds: every other receipt of the login that will have the password says so.

    A client that reads a keyring item which is changed gets it, too, and an address that shares an account
    which is changed; one that has it has another label. `options`: those of the deeds, to unlock what they
    unlock.
    """
    changes = [change for deed in deeds for change in deed.plan.secrets if change.before != change.after]
    store = context.host.secrets
    # One that was lost is put back, unless its seal, which was not, is of another password.
    lost = [one.item for one in changes if one.before is None and not seals.broken([one], store)]
    written = {one.item.identity for one in changes}
    changed = written - {one.identity for one in lost}
    done = {(deed.account.key, deed.plan.client, deed.plan.where) for deed in deeds}
    files = {(deed.plan.client, deed.plan.where) for deed in deeds if deed.plan.changes}
    after = imagined(context.host, [deed.plan for deed in deeds])
    found = []
    for receipt in users.receipts(context, *(deed.account for deed in deeds)):
        place = receipt.client, receipt.where
        if (receipt.account.key, *place) in done or not working.has_password(receipt):
            continue
        if any(record.item.identity in changed for record in receipt.secrets):
            found.append(renamed(receipt, label, other=True))
        elif place in files and (seal := _new_seal(context, after, receipt, secret, options or Options())):
            found.append(renamed(receipt, label, other=True, seal=seal))
        elif receipt.label != label and (
            any(record.item.identity in written for record in receipt.secrets)
            or _has(context, receipt, secret)
        ):
            found.append(renamed(receipt, label))
    return found


def renamed(receipt: Receipt, label: str, *, other: bool = False, seal: str = "") -> Deed:
    """Nothing changes but what we know: the password has this label; `other`: it is another password."""
    plan = Plan(
        receipt.client,
        receipt.client,
        receipt.where,
        changes=(),
        adopted=receipt.adopted,
        wrote_password=receipt.wrote_password,
        seal=seal or receipt.seal,
    )
    return Deed(plan, receipt.account, label, replaces=other)


def _new_seal(context: Context, after: Host, receipt: Receipt, secret: Secret, options: Options) -> str:
    """The mark of the password in the client's own store, if it gets there by what is changed."""
    at = at_receipt(options, receipt)
    try:
        client = clients.get(receipt.client)
        before, stored = (client.stored_secret(host, receipt.account, at) for host in (context.host, after))
        return client.stored_seal(after, receipt.account, at) if before != stored == secret else ""
    except ProvisionError:
        return ""


def _has(context: Context, receipt: Receipt, secret: Secret) -> bool:
    """The client has this password, and the receipt is of this one: nobody has put it in by hand."""
    return if_readable(labelled, context.host, receipt) == secret
