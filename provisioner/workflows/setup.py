"""setup: prove the login, write the account into each client, read it back, remember a receipt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner import clients, keyring_changes, seals
from provisioner.accounts import Candidate, Wish, check_label
from provisioner.clients.base import Client, Options, asks
from provisioner.clients.common import hook
from provisioner.deed import Deed
from provisioner.errors import ProvisionError
from provisioner.items import SecretItem
from provisioner.model import Account, Plan
from provisioner.outcome import CheckResult
from provisioner.plan import diff, prune
from provisioner.receipt import Receipt
from provisioner.report import ClientRow, Row, State
from provisioner.secret import Secret
from provisioner.steps import ours
from provisioner.stores.command import refuse_revealing
from provisioner.workflows import alike, choice, labels, sources, users, working
from provisioner.workflows.context import (
    PLACEHOLDER,
    AskPassword,
    Context,
    ask_app_password,
    carry_out,
    find_candidate,
    refuse_running,
    undisturbed,
    wait_until_closed,
)
from provisioner.workflows.guide import announce, default_label
from provisioner.workflows.login import Login, prove
from provisioner.workflows.recovery import recover

if TYPE_CHECKING:
    from provisioner.check import Service


@dataclass(frozen=True)
class SetupOptions:
    """`check`: log in before anything is written. `timeout`: seconds for the check."""

    label: str | None = None
    check: bool = True
    dry_run: bool = False
    wait: bool = False
    timeout: float | None = None
    prompted: bool = False
    """The password will be typed, so it is worth saying where it comes from."""
    profile_file: str | None = None
    client: Options = dataclasses.field(default_factory=Options)
    store: str | None = None
    """Where clients that run a command for the password get it: a `Store`; None: as before, or keyring."""
    password_command: str | None = None
    """The command that prints it, if `store` is that."""


def setup(
    context: Context, wish: Wish, client_ids: Sequence[str], ask: AskPassword, options: SetupOptions
) -> None:
    """Leaves each named client with a working account, or says why not; fills the report.

    Raises ProvisionError for what stops all of it; what concerns one client becomes its row.
    """
    candidate = find_candidate(context, wish, options.profile_file)
    chosen = choice.named(context, client_ids, candidate) or choice.offer(context, candidate)
    chosen.sort(key=lambda one: one[0].ID in clients.LAST)
    if not options.dry_run:
        recover(context, candidate.address, wait=options.wait)
    asked = sources.wanted(candidate.address, options.store, options.password_command)
    sources.refuse_unused(asked, [client for client, _ in chosen])
    _preflight(context, chosen, candidate, asked, options)
    holding = [
        client
        for client, together in chosen
        if working.will_hold(
            context, client, candidate.account(), dataclasses.replace(options.client, together=together)
        )
    ]
    if not holding:  # then there is nothing to prove either
        options = dataclasses.replace(options, check=False)
    titles = [client.TITLE for client in holding or (client for client, _ in chosen)]
    before = [] if options.dry_run else users.receipts(context, candidate.account())
    label = options.label or labels.unused(default_label(context.host, titles), before)
    check_label(label)
    needed = options.check or not all(asks(client) for client in holding)
    if not needed or (options.dry_run and not options.check):
        secret = PLACEHOLDER
    else:
        if options.prompted:
            announce(context, candidate.provider, label)
        secret = ask_app_password(context, candidate.provider, _printed(context, asked) or ask)
        if asked:
            refuse_revealing(asked, secret)
    have = {receipt.client for receipt in context.journal.receipts(candidate.address)}
    beside = have | {client.ID for client, _ in chosen}
    account = candidate.account()
    if options.check:
        results = prove(Login.of(candidate), secret, context.report, timeout=options.timeout)
        if not all(result.ok for result in results.values()):
            context.report.next = "Nothing was written."
            return
        account = _proven(candidate, results)
    old = labels.Before(context)
    for client, together in chosen:
        given = label if client in holding else ""
        row = _one(context, client, account, asked, secret, given, _among(options, together, beside), old)
        if not row.ok:
            beside -= {client.ID} - have
        if client.ID in choice.unnamed(client_ids, chosen) and row.code in choice.NOT_YET:
            said = f"left out: {row.message}"
            row = dataclasses.replace(row, ok=True, state=State.LEFT_OUT, message=said, exit_code=0)
        context.report.add(row)
    hints = "" if options.dry_run else old.replaced(context, account, secret)
    context.report.next = "\n".join(filter(None, (hints, _next(account, context.report.rows, options))))


def _next(account: Account, rows: Sequence[Row], options: SetupOptions) -> str:
    changed = [row for row in rows if isinstance(row, ClientRow) and row.state is State.CHANGED]
    done = [row for row in rows if isinstance(row, ClientRow) and row.state is not State.LEFT_OUT]
    lines = [row.next for row in done if row.ok and row.next]
    if changed:
        place = ["--client-profile", changed[0].path] if options.client.profile else []
        undo = ours("remove", account.address, *(row.client for row in changed), *place)
        lines.append(f"To undo it:{undo}")
    return "\n".join(lines)


def _proven(candidate: Candidate, results: Mapping[Service, CheckResult]) -> Account:
    imap, smtp = results["imap"], results["smtp"]
    return candidate.account(imap.user, smtp.user, imap.mailboxes)


def _among(options: SetupOptions, together: frozenset[str], beside: set[str]) -> SetupOptions:
    client = dataclasses.replace(options.client, together=together, beside=frozenset(beside))
    return dataclasses.replace(options, client=client)


def _preflight(
    context: Context,
    chosen: choice.Chosen,
    candidate: Candidate,
    asked: SecretItem | None,
    options: SetupOptions,
) -> None:
    """Finds out what would fail before the person is asked for a password. A single client stops here."""
    if len(chosen) != 1:
        return
    client, account = chosen[0][0], candidate.account()
    account = dataclasses.replace(account, source=sources.source(context, client, account, asked))
    with undisturbed(context, wait=options.wait, dry_run=options.dry_run):
        # With the password that is there already: if that changes nothing, there may be nothing to do.
        stored = client.stored_secret(context.host, account, options.client)
        plan = prune(client.plan(context.host, account, stored or PLACEHOLDER, options.client))
        keyring_changes.vet(plan.secrets, context.host.secrets)
        if not plan.empty and not options.wait and not options.dry_run:
            refuse_running(context, plan)


def _printed(context: Context, asked: SecretItem | None) -> AskPassword | None:
    """What the command prints, exactly as mail programs will take it."""
    if asked is None or asked.kept:
        return None
    return lambda prompt, rule: context.host.secrets.get(asked) or Secret("")


def _one(
    context: Context,
    client: Client,
    account: Account,
    asked: SecretItem | None,
    secret: Secret,
    label: str,
    options: SetupOptions,
    before: labels.Before,
) -> ClientRow:
    plan: Plan | None = None

    def verify() -> None:
        left = prune(client.plan(context.host, account, secret, options.client))
        if not left.empty:
            raise ProvisionError(
                f"{client.TITLE} did not keep what was written.",
                "Everything is as it was before; please report this.",
                code="verify.failed",
            )
        hook.prove(context.host, account, left, secret, "Everything is as it was before.")

    try:
        account = dataclasses.replace(account, source=sources.source(context, client, account, asked))
        if secret is PLACEHOLDER:  # a dry run is not about the password: take the one that is there
            secret = client.stored_secret(context.host, account, options.client) or secret
        if options.wait and not options.dry_run:
            with undisturbed(context, wait=True):
                plan = prune(client.plan(context.host, account, secret, options.client))
            wait_until_closed(context, plan)
        with undisturbed(context, wait=options.wait, dry_run=options.dry_run):
            plan = prune(client.plan(context.host, account, secret, options.client))
            working.refuse_lost(client, plan, account, options.client)
            keyring_changes.vet(plan.secrets, context.host.secrets)
            if options.dry_run:
                return _row(client, plan, State.UNCHANGED if plan.empty else State.PLANNED, diff=diff(plan))
            plan = dataclasses.replace(plan, works_by=working.needed(client, plan, options.client.beside))
            done = plan.empty and seals.complete(plan.secrets, context.host.secrets)
            holds = working.takes_password(plan)
            if holds and not label:  # it did not, a moment ago, and nobody was asked
                raise labels.changed(account.address)
            before.look(context, account)
            known = _label(context, client, plan, account, secret, options) if holds else ""
            if holds and not known:
                before.refuse_taken(label, account.address)
            label = (known or label) if holds else ""
            earlier = _earlier(context, client, account, plan)
            twin = alike.set_up(context.journal.receipts(account.address), client.ID, plan.where)
            if done:
                hook.prove(context.host, account, plan, secret)
            if not done:
                had = client.stored_secret(context.host, account, options.client)
                other = holds and had not in (None, secret)
                shared = plan.adopted and users.made(context, account, client.ID, plan.where)
                adopted = had is not None and twin is None and not shared
                plan = dataclasses.replace(plan, adopted=plan.adopted and not shared)
                deeds = [Deed(plan, account, label, adopted=adopted, replaces=other, lost=had is None)]
                if holds:
                    deeds += labels.sharers(context, deeds, secret, label, options.client)
                carry_out(context, deeds, wait=options.wait, verify=verify)
            elif holds and options.label and earlier and earlier.label != label:
                deeds = [labels.renamed(earlier, label)]
                deeds += labels.sharers(context, deeds, secret, label, options.client)
                carry_out(context, deeds, wait=options.wait)
        _open(context, plan)
        done_by = _DONE if holds or not client.ABOUT.holds_password else f"{_DONE}; it {working.by(plan)}"
        if twin:
            done_by = (
                f"{alike.said(client, twin)}: nothing to do; `status` and `remove` know it as {twin.client}"
            )
        return _row(client, plan, State.UNCHANGED if done else State.CHANGED, unchanged=done_by)
    except ProvisionError as error:
        title, where = (plan.title, plan.where) if plan else (client.TITLE, "")
        return ClientRow.failed(client.ID, title, where, error)


def _label(
    context: Context, client: Client, plan: Plan, account: Account, secret: Secret, options: SetupOptions
) -> str:
    """The label that the password has already, here or in another client. A given one replaces it."""
    earlier = _earlier(context, client, account, plan)
    if earlier and not options.label:
        had = client.stored_secret(context.host, account, options.client)
        seal = client.stored_seal(context.host, account, options.client)
        if asks(client) or labels.stays(context, plan, earlier, seal, had, secret):
            return earlier.label
    return options.label or labels.known(context, [account], secret)


def _earlier(context: Context, client: Client, account: Account, plan: Plan) -> Receipt | None:
    receipts = context.journal.receipts(account.address, client.ID)
    return next((receipt for receipt in receipts if receipt.where == plan.where), None)


def _open(context: Context, plan: Plan) -> None:
    if plan.open:
        context.ui.open(str(plan.open))


_DONE = "already set up, nothing to do"


def _row(client: Client, plan: Plan, state: State, diff: str = "", unchanged: str = _DONE) -> ClientRow:
    message = {State.UNCHANGED: unchanged, State.PLANNED: "would change:"}.get(state, plan.done)
    return ClientRow(
        client=client.ID,
        title=plan.title,
        ok=True,
        state=state,
        message=message,
        next=plan.next if state is State.CHANGED or plan.open else "",
        path=plan.where,
        notes=plan.notes if state is not State.UNCHANGED else (),
        diff=diff,
    )
