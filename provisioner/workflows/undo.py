"""What a removal changes: the exact undo, else our part taken out, else, with --force, what still can be."""

from __future__ import annotations

import contextlib
import dataclasses
import stat
from dataclasses import dataclass
from pathlib import Path

from provisioner import clients
from provisioner.archive import digest
from provisioner.clients.base import Client, Options
from provisioner.clients.common.shared import KEY
from provisioner.edits import block
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.model import FileChange, Plan, Support
from provisioner.plan import prune
from provisioner.receipt import FileRecord, Receipt
from provisioner.workflows import moved, unmarked, unneeded, users
from provisioner.workflows.context import Context
from provisioner.workflows.unneeded import ALONE, Run


@dataclass(frozen=True)
class Removal:
    """A plan, and what of it goes beyond undoing what we wrote."""

    plan: Plan
    forced: str = ""
    """What --force does here, as in `With --force, provisioner ...`."""
    keep: tuple[FileChange, ...] = ()
    """Changes of what someone else has written: that is kept aside first."""


def removal(
    context: Context, receipt: Receipt, options: Options, run: Run = ALONE, *, force: bool
) -> Removal:
    """What to change so that the account of a receipt is gone.

    Raises Conflict if someone's changes are in the way: it names them, what was there before, and what
    `force` would do. Raises other ProvisionErrors if the client or the keyring cannot be asked.
    """
    options = dataclasses.replace(options, sharing=users.sharing(context, receipt))
    try:
        return _with_items(context, receipt, _gentle(context, receipt, options), options, run, force=force)
    except Conflict as error:
        if error.code.startswith(("keyring.", "client.running")):
            raise
        problem = error
    forced, problem = _forced(context, receipt, options, problem)
    if forced is None or not force:
        raise _explained(context, receipt, problem, forced)
    return _with_items(context, receipt, forced, options, run, force=True)


def untouched(context: Context, receipt: Receipt) -> bool:
    """Every file is still exactly what we wrote, and what was there before is at hand."""
    return all(
        record.exact and digest(context.host.read(Path(record.path))) == record.after
        for record in receipt.files
    )


def _client(receipt: Receipt) -> Client:
    try:
        return clients.get(receipt.client)
    except UsageError:
        raise Conflict(
            f"{receipt.address} was set up in {receipt.client}, which this provisioner does not know.",
            "Use the version that set it up.",
            code="client.unknown",
        ) from None


def _gentle(context: Context, receipt: Receipt, options: Options) -> Removal:
    """Undoes what we did and nothing else. Raises Conflict."""
    if receipt.replaced:
        return Removal(_left(receipt))
    # What the user imported by hand is not undone by restoring a file: the client says what else to do.
    if not _imported(receipt) and untouched(context, receipt) and not unneeded.since(context, receipt):
        try:
            return Removal(restored(context, receipt))
        except ProvisionError as error:
            if error.code != "backup.damaged":
                raise
    moved.refuse(context, receipt)
    return Removal(prune(_client(receipt).unplan(context.host, receipt, options)))


def _forced(
    context: Context, receipt: Receipt, options: Options, problem: Conflict
) -> tuple[Removal | None, Conflict]:
    """What --force does, None if nothing can be done; and the problem, seen as closely as that shows it."""
    date = receipt.created[:10]
    forced: Removal | None = None
    if problem.code in ("client.unknown", "receipt.moved"):
        plan = _forgotten(context, receipt)
        forced = Removal(plan, forced="changes no file and forgets that it has set this up")
    else:
        try:
            force = dataclasses.replace(options, force=True)
            plan = prune(_client(receipt).unplan(context.host, receipt, force))
            keep = _overwritten(plan, receipt)
            forced = Removal(plan, "takes the account out together with those changes", keep)
        except Conflict as error:
            problem = error
            # A file with blocks is mended by hand in a minute; the old one may hold accounts that are gone.
            exact = all(record.exact for record in receipt.files)
            if error.code.startswith("block."):
                exact = exact and _made_by_us(context, receipt)
            if exact and not _imported(receipt):
                with contextlib.suppress(ProvisionError):
                    plan = restored(context, receipt, notes=_undone_besides(context, receipt))
                    keep = tuple(change for change in plan.changes if change.before is not None)
                    # All of them: one may be of no use without another (logins.json without key4.db).
                    forced = Removal(plan, f"puts back every file as it was before {date}", keep)
    return forced, problem


def _made_by_us(context: Context, receipt: Receipt) -> bool:
    """Each file that is not as we wrote it is one that we made, and no other account is in it."""
    shared = {record.path for one in unneeded.others(context, receipt) for record in one.files}
    for record in receipt.files:
        data = context.host.read(Path(record.path))
        if digest(data) == record.after:
            continue
        ours = block.only(data or b"", receipt.account.key, KEY)
        if record.before is not None or record.path in shared or not ours:
            return False
    return True


def _overwritten(plan: Plan, receipt: Receipt) -> tuple[FileChange, ...]:
    """Changes of files that are not as we wrote them."""
    written = {record.path: record.after for record in receipt.files}
    return tuple(
        change
        for change in plan.changes
        if change.before is not None and written.get(str(change.path)) != digest(change.before)
    )


def _imported(receipt: Receipt) -> bool:
    try:
        return clients.get(receipt.client).SUPPORT is Support.IMPORT
    except UsageError:
        return False


# --- the plans ---


def restored(context: Context, receipt: Receipt, notes: tuple[str, ...] = ()) -> Plan:
    """Every file as it was before the first setup, newest first. Raises ProvisionError (`backup.damaged`)."""
    changes = []
    for record in reversed(receipt.files):
        path = Path(record.path)
        before = context.journal.backup(receipt, record)
        mode = record.mode or stat.S_IRUSR | stat.S_IWUSR
        changes.append(FileChange(path, before=context.host.read(path), after=before, mode=mode))
    return Plan(
        client=receipt.client,
        title=_title(receipt),
        where=receipt.where,
        changes=tuple(changes),
        locks=tuple(Path(path) for path in receipt.locks),
        done=f"{_STAYS}; every file is as it was before"
        if receipt.adopted
        else f"{receipt.address} removed, every file is as it was before",
        notes=notes,
    )


_STAYS = "the account was there before provisioner and stays"


def _left(receipt: Receipt) -> Plan:
    """For an account that we did not make and whose password we replaced: the old one may be revoked."""
    label = (f'Its password is the one with the label "{receipt.label}".',) if receipt.label else ()
    done = f"{_STAYS}, with the present password"
    return Plan(receipt.client, _title(receipt), receipt.where, (), done=done, notes=label)


def _title(receipt: Receipt) -> str:
    try:
        return clients.get(receipt.client).TITLE
    except UsageError:
        return receipt.client


def _undone_besides(context: Context, receipt: Receipt) -> tuple[str, ...]:
    """What the person must know who puts whole files back."""
    paths = {record.path for record in receipt.files}
    sharing = (
        one for one in unneeded.others(context, receipt) if paths & {record.path for record in one.files}
    )
    others = dict.fromkeys(f"{one.address} was set up in the same files: set it up again." for one in sharing)
    date = receipt.created[:10]
    return (
        f"All that was changed in these files since {date} is undone, by whomever it was changed.",
        *others,
    )


def _forgotten(context: Context, receipt: Receipt) -> Plan:
    """Nothing is changed but our own memory (and the keyring); the notes say what is left where."""
    done = f"{receipt.address} is forgotten here, no file is changed"
    notes = moved.left(context, receipt)
    return Plan(receipt.client, _title(receipt), receipt.where, (), done=done, notes=notes)


# --- the keyring ---


def _with_items(
    context: Context, receipt: Receipt, found: Removal, options: Options, run: Run, *, force: bool
) -> Removal:
    changes, notes = unneeded.items(context, receipt, found.plan, run, force=force)
    plan = dataclasses.replace(found.plan, secrets=changes, notes=(*found.plan.notes, *notes))
    with contextlib.suppress(ProvisionError):  # restored files are news to running programs, too
        own = _client(receipt).unplan(context.host, receipt, options)
        left, stays = ((), ()) if receipt.adopted else (own.left, own.stays)
        plan = dataclasses.replace(plan, tell=own.tell, left=left, stays=stays)
    return dataclasses.replace(found, plan=unmarked.told(context, receipt, plan))


# --- what is said ---


def _explained(context: Context, receipt: Receipt, problem: Conflict, forced: Removal | None) -> Conflict:
    """The problem with both versions named, and how to go on."""
    lines = [_versions(context, receipt, record) for record in receipt.files]
    if forced is not None:
        kept = ", after keeping a copy of what is there now" if forced.keep else ""
        lines += [f"With --force, provisioner {forced.forced}{kept}."]
        lines += [f"By hand: {problem.hint.removeprefix('Nothing was written. ')}"]
    else:
        lines += [problem.hint]
    return Conflict(problem.message, "\n".join(filter(None, lines)), code=problem.code)


def _versions(context: Context, receipt: Receipt, record: FileRecord) -> str:
    """Where a file that has been changed since is now, and as it was before; empty if it has not been."""
    path = Path(record.path)
    with contextlib.suppress(ProvisionError):  # what cannot be read is somehow changed
        data = context.host.read(path)
        if digest(data) == record.after and record.exact:
            return ""
    now = f"As it is now: {path}" if moved.exists(path) else f"{path} is gone."
    date = receipt.created[:10]
    copy = context.journal.backup_directory(receipt) / (record.backup or "")
    if record.exact and record.before is None:
        before = f"Before {date} there was no such file."
    elif record.exact and record.backup and moved.exists(copy):
        before = f"As it was before {date}: {copy}"
    else:
        before = f"There is no copy of it from before {date}."
    return f"{now}\n{before}"
