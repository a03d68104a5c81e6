"""What a run that was killed left behind is finished or taken back, and what is still to do is said."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from provisioner import apply
from provisioner.errors import Cancelled
from provisioner.receipt import Receipt, ReceiptState
from provisioner.refusals import NEXT
from provisioner.workflows.context import Context
from provisioner.workflows.guide import revoke_hints
from provisioner.workflows.in_use import Password
from provisioner.workflows.stored import if_readable, present


def recover(context: Context, address: str | None = None, *, wait: bool = False) -> frozenset[str]:
    """Puts back what a killed run left, or finishes it, and says so, with what that run did not come to say.

    Returns the lines about labels to revoke, so that they need not be said again. Parameters and errors are
    those of `apply.recover`.
    """
    kept = context.journal.kept()
    drafts = [draft.path for draft in context.journal.drafts() if os.path.lexists(draft.path)]
    taken_back, finished = apply.recover(context.host, context.journal, address, wait=wait)
    for receipt in taken_back:
        context.ui.warn(f"{_run(receipt)} was stopped half-way; its changes were taken back.")
    for item in {one.identity: one for one in context.journal.spared}.values():
        context.ui.warn(
            f"Someone has stored another password in {item.place} since then; it stays there: {item.label}"
        )
    for receipt in finished:
        context.ui.warn(f"{_run(receipt)} was stopped when its changes were complete; they stay.")
    for copy in sorted(context.journal.kept() - kept):
        context.ui.warn(f"The copy of what was there until then: {copy}")
    for draft in drafts:
        if not os.path.lexists(draft):
            context.ui.warn(f"An export was stopped half-way; what it left was deleted: {draft}")
    if hints := revoke_hints(context, list(_passwords(context, finished))):
        context.ui.warn(hints)
    return frozenset(hints.splitlines())


def stopped(context: Context) -> Cancelled:
    """What is true when the person stops a command that writes: what is done, what is left, what is next.

    Raises Conflict (`state.unsafe`).
    """
    journal = context.journal
    made = [f"{one.client} ({one.address})" for one in journal.made]
    left = [receipt for receipt in journal.readable() if receipt.state is ReceiptState.OPEN]
    halfway = [receipt for receipt in left if not journal.committed(receipt)]
    hint = revoke_hints(context, _passwords(context, journal.made)).splitlines()
    if halfway:
        hint.append(NEXT)
    elif left:
        hint.append("The next setup, rotate or remove finishes the run.")
    if made:
        message = f"Stopped when all changes for {', '.join(dict.fromkeys(made))} were made; they stay."
        hint.append("If anything is left to do, the same command does it.")
    elif left:
        message = "Stopped half-way."
    elif journal.settled:
        message = "Stopped; nothing was changed but what an earlier run had left half-way."
    else:
        message = "Stopped; nothing was changed."
    return Cancelled(message, "\n".join([*hint, "`provisioner status` shows what is set up."]))


def _run(receipt: Receipt) -> str:
    return f"A run for {receipt.address} ({receipt.client}) of {receipt.updated}"


def _passwords(context: Context, finished: Iterable[Receipt]) -> Iterator[Password]:
    """Those whose labels those runs would have named."""
    for receipt in finished:
        if receipt.goal is ReceiptState.REMOVED and not receipt.replaced:
            if receipt.label:
                yield Password.of(receipt, receipt.label)
        elif receipt.previous:  # its keyring items have the new password now
            by = if_readable(present, context.host, receipt)
            yield Password(receipt.account, receipt.previous, by=by)
