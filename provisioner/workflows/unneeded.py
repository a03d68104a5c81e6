"""Which stored passwords go with a receipt: ours, and needed by no other client."""

from __future__ import annotations

from dataclasses import dataclass

from provisioner.errors import ProvisionError
from provisioner.model import Plan, SecretChange
from provisioner.plan import imagined
from provisioner.receipt import Receipt
from provisioner.workflows.context import Context
from provisioner.workflows.users import reader
from provisioner.workflows.working import has_password


@dataclass(frozen=True)
class Run:
    """The ids of the receipts that one run takes away: all of them, and those whose turn is over.

    A dry run takes none away, so those are in force all the same.
    """

    going: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


ALONE = Run()


def others(context: Context, receipt: Receipt) -> list[Receipt]:
    """Other receipts that are in force."""
    # One that cannot be read is about another address, or `recover` had stopped, and so of other items.
    return [one for one in context.journal.in_force() if one.id != receipt.id]


def since(context: Context, receipt: Receipt) -> bool:
    """Another account was set up, or got another password, in one of the files since: as they were before,
    they lack that."""
    before = {record.path: record.before for record in receipt.files}
    return any(
        record.path in before and record.after != before[record.path]
        for one in others(context, receipt)
        if one.updated >= receipt.created
        for record in one.files
    )


def items(
    context: Context, receipt: Receipt, plan: Plan, run: Run = ALONE, *, force: bool = False
) -> tuple[tuple[SecretChange, ...], tuple[str, ...]]:
    """The keyring items that go after the plan: ours, and needed by no other client, whoever has set that up.
    And what the person is told of others.

    Raises ProvisionError (`keyring.*`); `force`: a keyring that is not there is left alone.
    """
    # Two addresses of one login may share an item under two labels.
    left = [one for one in others(context, receipt) if one.id not in run.gone]
    users: dict[object, list[Receipt]] = {}
    for other in filter(has_password, left):
        for used in other.secrets:
            users.setdefault(used.item.identity, []).append(other)
    after = imagined(context.host, [plan])
    # In a dry run they are still there.
    gone = {(one.client, one.where) for one in others(context, receipt) if one.id in run.gone}
    changes, notes = [], []
    for record in receipt.secrets:
        if not record.item.kept or (record.had_before and not record.item.ours):
            continue
        if receipt.adopted and record.had_before and not record.item.is_seal:
            continue  # as the account that reads it
        if using := users.get(record.item.identity):
            # What another client of this run uses goes with the last of them.
            names = list(dict.fromkeys(one.client for one in using if one.id not in run.going))
            if names and not record.item.is_seal:
                verb = "uses" if len(names) == 1 else "use"
                notes.append(f"The password stays in {record.item.place}: {', '.join(names)} {verb} it.")
            continue
        if not record.item.is_seal:
            if record.foreign:
                notes.append(f"The password stays in {record.item.place}, where it was before provisioner.")
                continue
            if name := reader(after, receipt.account, record.item, without=gone):
                notes.append(f"The password stays in {record.item.place}: {name} reads it.")
                continue
        try:
            value = context.host.secrets.get(record.item)
        except ProvisionError as error:
            if error.code != "keyring.none":
                raise
            if not force:
                hint = f"{error.hint} Or take out all but the password, with --force."
                raise ProvisionError(error.message, hint, code=error.code) from None
            notes.append(
                f"The keyring cannot be reached ({error.message.rstrip('.')}): if there is one, delete "
                f'"{record.item.label}" in it.'
            )
            continue
        if value is not None:
            changes.append(SecretChange(record.item, value, None))
    return tuple(changes), tuple(notes)
