"""rotate: one new password into every client that has the old one; all of them, or none."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

from provisioner import providers, seals
from provisioner.accounts import Wish, check_label, parse_address
from provisioner.clients.base import Options, asks
from provisioner.clients.common import hook
from provisioner.errors import ProvisionError, UsageError
from provisioner.model import Account, Plan, Provider
from provisioner.plan import prune
from provisioner.receipt import Receipt
from provisioner.report import ClientRow, Report, State
from provisioner.secret import Secret
from provisioner.steps import ours
from provisioner.workflows import labels, users, working
from provisioner.workflows.context import (
    PLACEHOLDER,
    AskPassword,
    Context,
    ask_app_password,
    carry_out,
    refuse_running,
    undisturbed,
    wait_until_closed,
)
from provisioner.workflows.guide import announce, default_label, revoke_hints
from provisioner.workflows.holders import Holder, Holders, planned, search, together
from provisioner.workflows.in_use import Password
from provisioner.workflows.login import Login, prove
from provisioner.workflows.recovery import recover


def rotate(
    context: Context,
    wish: Wish,
    client_ids: Sequence[str],
    ask: AskPassword,
    options: Options,
    *,
    label: str | None = None,
    prompted: bool = False,
    wait: bool = False,
    timeout: float | None = None,
    profile_file: str | None = None,
) -> None:
    """Asks for the new password, proves it, writes it everywhere, and logs in with what is stored.

    Raises ProvisionError if any client cannot be written or does not work afterwards; then every client
    has the old password again. The old one is never needed, it may have been revoked already.
    """
    address = "@".join(parse_address(wish.address))
    said = recover(context, address, wait=wait)
    with undisturbed(context, wait=wait):
        found = search(context, wish, client_ids, options, profile_file)
        seen = users.receipts(context, *found.accounts)
        holders = found.holders
        # What asks for the password need not be closed for a new one.
        first = [plan for plan in planned(context, holders, PLACEHOLDER) if not plan.empty]
        if not wait:
            for plan in first:
                refuse_running(context, plan)
    if not holders:
        for row in found.rows():
            if row.client not in {one.client for one in found.without}:
                context.report.add(row)
        for receipt in found.without:
            if lost := working.missing(context, receipt):
                raise working.needs(receipt, lost)
        raise UsageError(
            f"{wish.address} is not set up in any client here{' any more' if found.gone else ''}.",
            f"Set it up with:{ours('setup', wish.address)}",
            code="account.not_set_up",
        )
    provider = providers.find(context.host, holders[0].account.provider)
    titles = [holder.client.TITLE for holder in holders]
    new_label = label or labels.fresh(
        labels.dated(default_label(context.host, titles)),
        labels.taken(seen),
    )
    check_label(new_label)
    printed = _printed(context, holders) if prompted else None
    if prompted and printed is None:
        announce(context, provider, new_label)
    secret = printed or ask_app_password(context, provider, ask)
    if not _works(context.report, holders, secret, provider, timeout):
        context.report.next = "Nothing was changed: every client still has the old password."
        return
    if wait:
        for plan in first:
            wait_until_closed(context, plan)
    with undisturbed(context, wait=wait):  # until now the client, or another provisioner, may have written
        now = users.receipts(context, *found.accounts)
        if _places(now) != _places(seen):
            raise labels.changed(address)
        if now != seen:  # other labels, or other passwords
            found = search(context, wish, client_ids, options, profile_file)
            holders = found.holders
        plans = planned(context, holders, secret)
        known = labels.known(context, found.accounts, secret)
        if not label and not known and new_label in labels.taken(now):
            raise labels.changed(address)
        label = label or known or new_label
        changed, typed = [], []
        for holder, plan in zip(holders, plans, strict=True):
            # Put in by hand: the label and the seal are still those of the password before.
            if not plan.empty or seals.broken(plan.secrets, context.host.secrets):
                changed.append((holder, plan))
            elif asks(holder.client) and not (known and holder.label == known):
                typed.append((holder, dataclasses.replace(plan, locks=())))
        written = (*together(context, changed, secret), *typed)
        old = [one for holder, _ in written for one in holder.passwords(context, secret)]
        deeds = [holder.deed(context, plan, label, secret) for holder, plan in written]
        if deeds:
            deeds += labels.sharers(context, deeds, secret, label)
            verify = functools.partial(_verify, context, holders, secret, provider, timeout)
            carry_out(context, deeds, wait=wait, verify=verify if changed else lambda: None)
    for holder, plan in zip(holders, plans, strict=True):
        context.report.add(_row(holder, plan, address))
        if plan.open:
            context.ui.open(str(plan.open))
    for row in found.rows():
        context.report.add(row)
    if deeds:
        context.report.next = _next(context, found, old)
    elif printed:
        context.report.next = _ELSEWHERE
    else:
        hints = _before(context, holders, secret).splitlines()
        context.report.next = "\n".join(line for line in hints if line not in said)


def _places(receipts: Iterable[Receipt]) -> list[tuple[str, str, Account]]:
    """Where each address of the login is set up, and with which servers."""
    return sorted(((one.client, one.where, one.account) for one in receipts), key=repr)


_ELSEWHERE = (
    "The password comes from your own command, and what that prints works. To change it: put the new one "
    "where the command reads it, then run this again."
)


def _printed(context: Context, holders: Sequence[Holder]) -> Secret | None:
    """What the user's own command prints, if all holders have their password from there."""
    (*others, item) = [holder.item for holder in holders if not asks(holder.client)] or [None]
    if item is None or item.kept or any(other != item for other in others):
        return None
    context.ui.say(_ELSEWHERE.partition(", and")[0] + "; it is run now.")
    return context.host.secrets.get(item)


def _previous(context: Context, holder: Holder) -> str:
    """The label of the password that the present one took the place of, if that is known."""
    receipts = context.journal.receipts(holder.account.address, holder.client.ID)
    return next((one.previous for one in receipts if one.where == holder.where), "")


def _works(
    report: Report,
    holders: Sequence[Holder],
    secret: Secret,
    provider: Provider | None,
    timeout: float | None,
) -> bool:
    """Logs in at every distinct pair of servers and user names that the holders have."""
    distinct = {(holder.account.imap, holder.account.smtp): holder.account for holder in holders}
    results = [
        result
        for account in distinct.values()
        for result in prove(Login.stored(account, provider), secret, report, timeout=timeout).values()
    ]
    return all(result.ok for result in results)


def _verify(
    context: Context,
    holders: Sequence[Holder],
    secret: Secret,
    provider: Provider | None,
    timeout: float | None,
) -> None:
    """Each client now has the new password, and what it has works. Raises ProvisionError."""
    for holder in holders:
        stored = holder.stored(context)
        left = holder.plan(context, secret)
        if not left.empty or stored not in (None, secret):
            raise ProvisionError(
                f"{holder.client.TITLE} did not keep the new password.",
                "Every client has the old one again; please report this.",
                code="verify.failed",
            )
        _read_by_hook(context, holder, left, secret)
    again = Report("rotate")
    if not _works(again, holders, secret, provider, timeout):
        raise ProvisionError(
            "The new password worked a moment ago and does not any more.",
            "Every client has the old one again; run the command again in some minutes.",
            code="verify.failed",
        )


def _read_by_hook(context: Context, holder: Holder, left: Plan, secret: Secret) -> None:
    """What it runs for the password prints the new one. Raises ProvisionError (`hook.failed`)."""
    try:
        if holder.item:  # then nothing was planned but the item
            left = prune(holder.client.plan(context.host, holder.account, secret, holder.options))
    except ProvisionError:  # lines of the user's own, whose command is not known
        return
    hook.prove(context.host, holder.account, left, secret, "Every client has the old password again.")


def _row(holder: Holder, plan: Plan, address: str) -> ClientRow:
    """`address`: the one that was asked for; another one is named."""
    changed, account = not plan.empty, holder.account
    state, message = State.UNCHANGED, "has this password already, nothing to do"
    if asks(holder.client):
        state, message = State.BY_HAND, holder.note
    elif changed:
        state, message = State.CHANGED, plan.done
    return ClientRow(
        client=holder.client.ID,
        title=plan.title,
        ok=True,
        state=state,
        message=message if account.key == address.lower() else f"{account.address}: {message}",
        next=plan.next if changed and plan.open else "",
        path=plan.where,
        notes=plan.notes if changed else (),
    )


def _next(context: Context, found: Holders, old: Sequence[Password]) -> str:
    """Which label to revoke, once no client uses it any more."""
    gone = {receipt.id for receipt in found.gone}
    told = {one.advice for _, one in found.by_hand}
    first = ["First change the old password by hand where that is said above."] if found.by_hand else []
    return "\n".join([*first, revoke_hints(context, old, without=gone, told=told)])


def _before(context: Context, holders: Sequence[Holder], secret: Secret) -> str:
    """The same when nothing was left to change: an earlier run may have ended before it could say so."""
    return revoke_hints(
        context,
        [
            Password(holder.account, label, by=secret)
            for holder in holders
            if (label := _previous(context, holder))
        ],
    )
