"""Which stored passwords go with a receipt: ours, and needed by no other client."""

from __future__ import annotations

from provisioner.errors import ProvisionError
from provisioner.model import SecretChange
from provisioner.receipt import Receipt, ReceiptState
from provisioner.workflows.context import Context


def others(context: Context, receipt: Receipt) -> list[Receipt]:
    """Other receipts that are in force."""
    # One that cannot be read is about another address, or `recover` had stopped, and so of other items.
    readable = context.journal.readable()
    return [one for one in readable if one.id != receipt.id and one.state is ReceiptState.DONE]


def items(
    context: Context, receipt: Receipt, *, force: bool = False
) -> tuple[tuple[SecretChange, ...], tuple[str, ...]]:
    """The keyring items that go: ours, and needed by no other client. And what the person is told of others.

    Raises ProvisionError (`keyring.*`); `force`: a keyring that is not there is left alone.
    """
    # Two addresses of one login may share an item under two labels.
    needed = {r.item.identity: one.client for one in others(context, receipt) for r in one.secrets}
    changes, notes = [], []
    for record in receipt.secrets:
        if not record.item.kept or (record.had_before and not record.item.ours):
            continue
        if receipt.adopted and record.had_before and not record.item.is_seal:
            continue  # as the account that reads it
        if record.item.identity in needed:
            if not record.item.is_seal:
                notes.append(
                    f"The password stays in {record.item.place}: {needed[record.item.identity]} uses it."
                )
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
