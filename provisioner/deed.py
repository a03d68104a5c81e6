"""A plan with its reason, and the receipt that it gets before anything is changed."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner import attributes, directories, keyring_changes
from provisioner.archive import SCHEMA, digest
from provisioner.journal import Journal, new_id, now
from provisioner.model import Account, FileChange, Plan, SecretChange
from provisioner.receipt import FileRecord, Receipt, ReceiptState

Places = Mapping[Path, Path]
"""Path of a change or a lock -> where that really is. Links are followed once: what was vetted is written."""


@dataclass(frozen=True)
class Deed:
    """A plan, and why: `account` under which `label`; `ends` is the receipt that a removal ends.

    `adopted`: the client has the account with a password, though there is no receipt of it. `replaces`: it
    has another password than the plan's. `lost`: it has none any more, so which one it was is not known.
    """

    plan: Plan
    account: Account
    label: str
    ends: Receipt | None = None
    adopted: bool = False
    replaces: bool = False
    lost: bool = False
    keep: Collection[Path] = ()
    """Files of the plan of which a copy stays, as they are now."""


def receipt_of(
    deed: Deed,
    items: Sequence[SecretChange],
    journal: Journal,
    group: str,
    absent: Collection[Path],
    places: Places,
) -> Receipt:
    """The open receipt of a deed of this group. `items`: all changes of the keyring, seals included.

    `absent`: lock files that are not there yet. Raises ProvisionError if earlier receipts cannot be read.
    """
    plan, account = deed.plan, deed.account
    earlier = deed.ends or next(
        (one for one in journal.receipts(account.address, plan.client) if one.where == plan.where), None
    )
    written = [change for change in plan.changes if change.after is not None]
    files = tuple(_record(change, number, places[change.path]) for number, change in enumerate(plan.changes))
    kept = [one.backup for one, change in zip(files, plan.changes, strict=True) if change.path in deed.keep]
    time = now()
    another = _is_another(deed, items, earlier)
    rotated = earlier.rotated if earlier else ""
    return Receipt(
        schema=SCHEMA,
        id=new_id(),
        state=ReceiptState.OPEN,
        goal=ReceiptState.REMOVED if deed.ends else ReceiptState.DONE,
        group=group,
        address=account.address,
        client=plan.client,
        where=plan.where,
        provider=account.provider,
        label=deed.label,
        previous=_previous(deed, earlier, another=another),
        created=time,
        updated=time,
        rotated=time if another else rotated,
        account=account,
        seal=plan.seal,
        adopted=plan.adopted or deed.adopted if earlier is None else earlier.adopted,
        replaced=_replaced(deed, earlier),
        secrets=keyring_changes.records(items, journal.in_force()),
        wrote_password=plan.wrote_password or (earlier is not None and earlier.wrote_password),
        files=files,
        keep=tuple(name for name in kept if name is not None),
        locks=tuple(str(path) for path in plan.locks),
        new_locks=tuple(str(places[path]) for path in plan.locks if path in absent),
        directories=directories.around([places[one.path] for one in written], plan.directories, journal),
        works_by=plan.works_by,
        supersedes=earlier.id if earlier else None,
    )


def _replaced(deed: Deed, earlier: Receipt | None) -> bool:
    if earlier is None:
        return deed.adopted and deed.plan.wrote_password
    had_it = earlier.adopted and not earlier.wrote_password
    return earlier.replaced or (had_it and deed.plan.wrote_password)


def _is_another(deed: Deed, items: Sequence[SecretChange], earlier: Receipt | None) -> bool:
    """Another password takes the place of one that the client had."""
    if earlier is None or deed.ends:
        return deed.ends is None and deed.adopted and deed.replaces
    plan = deed.plan
    written = any(change.before != change.after for change in plan.secrets)
    # Someone else may have stored it: then only the seal changes. One that is new says nothing.
    resealed = any(change.before not in (None, change.after) for change in items if change.item.is_seal)
    return resealed or (not deed.lost and (deed.replaces or written or plan.seal != earlier.seal))


def _previous(deed: Deed, earlier: Receipt | None, *, another: bool) -> str:
    if earlier is None or not another:
        return earlier.previous if earlier else ""
    return earlier.label if earlier.label != deed.label else ""


def _record(change: FileChange, number: int, place: Path) -> FileRecord:
    mode = None
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        mode = attributes.plain_mode(place)
    return FileRecord(
        path=str(change.path),
        before=digest(change.before),
        after=digest(change.after),
        mode=mode,
        backup=None if change.before is None else f"{number}-{change.path.name}",
    )


def backups_of(plan: Plan, receipt: Receipt) -> dict[str, bytes]:
    """The files as they are before the deed, by the names that the receipt gives them."""
    return {
        record.backup: change.before
        for change, record in zip(plan.changes, receipt.files, strict=True)
        if record.backup is not None and change.before is not None
    }
