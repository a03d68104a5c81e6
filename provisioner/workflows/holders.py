"""Which clients hold an account's password: by receipts, and by what the clients themselves have."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner import clients
from provisioner.accounts import Wish, parse_address
from provisioner.clients.base import Client, Found, Options, asks
from provisioner.deed import Deed
from provisioner.errors import Cancelled, Conflict, ProvisionError, UsageError
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, SecretChange
from provisioner.plan import imagined, prune
from provisioner.receipt import Receipt
from provisioner.report import ClientRow, State
from provisioner.secret import Secret
from provisioner.steps import ours
from provisioner.workflows import users, working
from provisioner.workflows.context import Context, at_receipt, find_candidate, is_at
from provisioner.workflows.in_use import Password
from provisioner.workflows.stored import labelled


@dataclass(frozen=True)
class Holder:
    """A client that has the password, in one place; `receipt` is of what we have set up."""

    client: Client
    account: Account
    options: Options
    where: str
    receipt: Receipt | None = None
    item: SecretItem | None = None
    """It reads this keyring item: then a new password needs no change of its files."""
    note: str = ""
    adopted: bool = False
    """There is no receipt of it."""

    @property
    def label(self) -> str:
        """Of the password that we gave it; empty if it was set up by hand."""
        return self.receipt.label if self.receipt else ""

    def plan(self, context: Context, secret: Secret) -> Plan:
        if self.item is None:
            return prune(self.client.plan(context.host, self.account, secret, self.options))
        before = context.host.secrets.get(self.item)
        return Plan(
            client=self.client.ID,
            title=self.client.TITLE,
            where=self.where,
            changes=(),
            secrets=(SecretChange(self.item, before, secret),),
            done=f"reads the new password from {self.item.place}",
            notes=(self.note,) if self.note else (),
            adopted=self.adopted,
            secret=secret,
        )

    def deed(self, context: Context, plan: Plan, label: str, secret: Secret) -> Deed:
        """The plan for this password, which has this label."""
        other = asks(self.client) or self.stored(context) != secret
        return Deed(plan, self.account, label, adopted=self.adopted, replaces=other)

    def passwords(self, context: Context, by: Secret) -> Iterator[Password]:
        """The one that bears its label, and the one that it has now if that is another, before `by` takes
        their place."""
        named = labelled(context.host, self.receipt, self.options) if self.receipt else None
        if self.label:
            yield Password(self.account, self.label, named if named != by else None, by=by)
        stored = self.stored(context)
        if not self.label or stored not in (None, named, by):
            yield Password(self.account, "", stored if stored != by else None, by=by)

    def stored(self, context: Context) -> Secret | None:
        if self.item is not None:
            return context.host.secrets.get(self.item)
        return self.client.stored_secret(context.host, self.account, self.options)


@dataclass
class Holders:
    """`accounts`: all with the login. `gone`: receipts of accounts that someone has taken out of the client
    since. `by_hand`: what holds the password, too, and only the person can change."""

    accounts: Sequence[Account] = ()
    holders: list[Holder] = field(default_factory=list)
    gone: list[Receipt] = field(default_factory=list)
    by_hand: list[tuple[Client, Found]] = field(default_factory=list)
    without: list[Receipt] = field(default_factory=list)
    """Set up in clients that could hold it, but work by others."""

    def add_by_hand(self, client: Client, found: Found) -> None:
        """Once, for a file that several clients read."""
        if found not in [one for _, one in self.by_hand]:
            self.by_hand.append((client, found))

    def rows(self) -> Iterator[ClientRow]:
        """What is to be said of those that are not changed."""
        for receipt in self.without:
            client = clients.get(receipt.client)
            message = working.by(receipt)
            yield ClientRow(client.ID, client.TITLE, True, State.UNCHANGED, message, path=receipt.where)
        for receipt in self.gone:
            client = clients.get(receipt.client)
            remove = ["provisioner", "remove", receipt.address, client.ID, "--client-profile", receipt.where]
            yield ClientRow(
                client=client.ID,
                title=client.TITLE,
                ok=True,
                state=State.GONE,
                message=f"the account is gone from {receipt.where}, so nothing was written there",
                next=f"Set it up again with:{ours('setup', receipt.address, client.ID)}\n"
                f"or forget it with:\n  {shlex.join(remove)}",
                path=receipt.where,
            )
        for client, found in self.by_hand:
            yield ClientRow(
                client=client.ID,
                title=client.TITLE,
                ok=True,
                state=State.BY_HAND,
                message=found.advice,
                path=found.where,
            )


def search(
    context: Context, wish: Wish, client_ids: Sequence[str], options: Options, profile_file: str | None
) -> Holders:
    """All that hold the password of an address, in the named clients and place or everywhere; other addresses
    with its login, too.

    Raises ProvisionError if a place that we set up, or that was named, cannot be read; UsageError
    (`client.no_password`) for a named client that holds none.
    """
    for client in (clients.get(name) for name in client_ids if name.lower() not in clients.BUNDLES):
        if not client.ABOUT.holds_password:
            raise _without(client)
    wanted = users.holding(clients.expand(client_ids) or clients.CLIENT_IDS)
    address = "@".join(parse_address(wish.address))
    accounts = [one.account for one in context.journal.receipts(address)]
    accounts = accounts or [find_candidate(context, wish, profile_file).account()]
    known = users.receipts(context, *accounts)
    accounts = users.distinct([*accounts, *(one.account for one in known)])
    result = Holders(accounts)
    for receipt in known:
        if receipt.client not in {client.ID for client in wanted} or not is_at(receipt, options.profile):
            continue
        if not working.has_password(receipt):
            result.without.append(receipt)
        else:
            _add_receipt(context, result, receipt, known, at_receipt(options, receipt))
    named = {name.lower() for name in client_ids}
    if result.without and not result.holders and named == {one.client for one in result.without}:
        raise _without(clients.get(result.without[0].client))
    strict = bool(client_ids) or not options.profile  # a place of one client is unknown to all others
    for client, found in users.unrecorded(context, accounts, known, wanted, options, strict=strict):
        _add_found(context, result, client, found, options)
    return result


def _without(client: Client) -> UsageError:
    return UsageError(
        f"{client.TITLE} has no password that could be replaced.",
        "Name the program that fetches its mail, or none for all that hold the password.",
        code="client.no_password",
    )


def _add_receipt(
    context: Context, result: Holders, receipt: Receipt, known: Sequence[Receipt], place: Options
) -> None:
    client = clients.get(receipt.client)
    try:
        found = client.find(context.host, receipt.account, place)
    except ProvisionError as error:
        if error.code != "profile.unknown":
            raise
        found = ()
    # Another address of the login may be all that is left there.
    others = {
        one.account.key
        for one in known
        if (one.client, one.where) == (receipt.client, receipt.where) and one.id != receipt.id
    }
    usable = [one for one in found or () if one.account and one.account.key not in others]
    if found is None or usable:
        item, note = next(((one.item, one.note) for one in usable if one.item or one.note), (None, ""))
        holder = Holder(client, receipt.account, place, receipt.where, receipt, item, note)
        result.holders.append(holder)
    elif not any(one.account is None for one in found or ()):
        result.gone.append(receipt)


def _add_found(context: Context, result: Holders, client: Client, found: Found, options: Options) -> None:
    """A holder only if there is a password: an account without one is asked for it by its client."""
    if found.account is None:
        result.add_by_hand(client, found)
        return
    place = dataclasses.replace(options, profile=found.where)
    holder = Holder(client, found.account, place, found.where, adopted=True, item=found.item, note=found.note)
    try:
        stored = holder.stored(context)
    except Cancelled:
        raise
    except ProvisionError as error:
        if options.profile is not None:
            raise
        advice = f"{found.where} has it, too, and cannot be changed now: {error.message} {error.hint}"
        result.by_hand.append((client, Found(found.where, advice=advice)))
        return
    if stored is not None:
        result.holders.append(holder)


def planned(context: Context, holders: Sequence[Holder], secret: Secret) -> list[Plan]:
    """Every holder's plan. Raises Conflict that names the client, and how to leave it out."""
    plans = []
    for holder in holders:
        try:
            plans.append(holder.plan(context, secret))
        except UsageError as error:
            if error.code != "profile.unknown":
                raise
            raise Conflict(
                f"{holder.client.TITLE}: {holder.where} is not there any more.",
                "Nothing was written; run the command again.",
                code="drift",
            ) from None
        except Conflict as error:
            others = dict.fromkeys(one.client.ID for one in holders if one.client.ID != holder.client.ID)
            title, hint = holder.client.TITLE, error.hint
            if others:
                chosen = [word for client_id in others for word in ("--client", client_id)]
                hint += f"\nWithout {title}:{ours('rotate', holder.account.address, *chosen)}"
            raise Conflict(f"{title}: {error.message}", hint, code=error.code) from None
    return plans


def together(
    context: Context, changed: Sequence[tuple[Holder, Plan]], secret: Secret
) -> list[tuple[Holder, Plan]]:
    """The plans so that all can be carried out at once: where accounts share a file, each is made on top of
    those before it, and all of them have the file as it is in the end.
    """
    done: list[tuple[Holder, Plan]] = []
    first: dict[Path, bytes | None] = {}
    for holder, alone in changed:
        plan = alone
        if any(change.path in first for change in alone.changes):
            after = imagined(context.host, [one for _, one in done])
            there = holder.plan(dataclasses.replace(context, host=after), secret)
            held = {path for _, one in done for path in one.locks}
            locks = tuple(path for path in alone.locks if path not in held)
            plan = dataclasses.replace(alone, changes=there.changes, seal=there.seal, locks=locks)
        for change in plan.changes:
            first.setdefault(change.path, change.before)
        done.append((holder, plan))
    last = {change.path: change.after for _, plan in done for change in plan.changes}
    return [(holder, _all_of(plan, first, last)) for holder, plan in done]


def _all_of(plan: Plan, first: Mapping[Path, bytes | None], last: Mapping[Path, bytes | None]) -> Plan:
    changes = (
        dataclasses.replace(change, before=first[change.path], after=last[change.path])
        for change in plan.changes
    )
    return dataclasses.replace(plan, changes=tuple(changes))
