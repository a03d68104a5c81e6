"""What nobody has touched since we wrote it, but that would be written differently now."""

from __future__ import annotations

import contextlib
import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.archive import digest
from provisioner.clients.base import Client, Options
from provisioner.clients.common import hook
from provisioner.clients.common.shared import KEY
from provisioner.edits import block
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.model import FileChange, Plan
from provisioner.plan import imagined, prune
from provisioner.receipt import Receipt
from provisioner.stores import command
from provisioner.workflows.context import PLACEHOLDER, Context


@dataclass(frozen=True)
class Outdated:
    """Why it would be written differently, and whether the client still works with what is there."""

    message: str
    works: bool
    hook: str = ""
    """The command for the password that is in the file, if it is another one now."""


def outdated(
    context: Context, host: Host, client: Client, receipt: Receipt, options: Options, plan: Plan
) -> Outdated | None:
    """What has become of it; None if somebody has changed the files. `plan`: what is different now.

    `host`: one with a keyring that may be asked for anything. Raises ProvisionError as `Client.plan`.
    """
    if not receipt.files or not plan.changes or not _untouched(context, host, client, receipt, options, plan):
        return None
    if plan.dated:
        return Outdated(plan.dated.message, plan.dated.works)
    if written := _hook(host, client, receipt, options):
        return _other_hook(host, receipt, written)
    return Outdated(
        f"as it was set up; it would be written differently now, for {client.TITLE}, provisioner or what "
        "they use here has changed since, and whether it still works is not known",
        works=True,
    )


def _untouched(
    context: Context, host: Host, client: Client, receipt: Receipt, options: Options, plan: Plan
) -> bool:
    """Our part of each file is as it was written, and no lines of the user's own call for another."""
    written = {(record.path, record.after) for one in context.journal.in_force() for record in one.files}
    alone: list[FileChange] = []
    for record in receipt.files:
        path = Path(record.path)
        data = host.read(path)
        if (record.path, digest(data)) in written:
            continue
        ours = _blocks(data or b"", path, receipt.account.key)
        if not ours:
            return False
        alone.append(FileChange(path, data, ours))
    if not alone:
        return True
    without = imagined(host, [dataclasses.replace(plan, changes=tuple(alone))])
    again = prune(client.plan(without, receipt.account, PLACEHOLDER, options))
    return _parts(again, receipt.account.key) == _parts(plan, receipt.account.key)


def _blocks(data: bytes, path: Path, name: str) -> bytes:
    """A file's blocks of ours alone; empty if the named one is not there, or not as we wrote it."""
    try:
        found = block.blocks(data, path)
    except Conflict:
        return b""
    own = [one for one in found if one.name in (name, KEY)]
    if all(one.name != name for one in own) or any(one.edited for one in own):
        return b""
    return b"".join(data[one.start : one.end] for one in found)


def _parts(plan: Plan, name: str) -> Mapping[Path, object]:
    """What each file would have for the account: its blocks, or all of a file without."""
    found: dict[Path, object] = {}
    for change in plan.changes:
        blocks = block.blocks(change.after or b"", change.path)
        bodies = {one.name: one.body for one in blocks if one.name in (name, KEY)}
        found[change.path] = bodies or change.after
    return found


def _hook(host: Host, client: Client, receipt: Receipt, options: Options) -> str:
    """The command in the file: the one with which planning again changes nothing. Empty if none is found."""
    account = receipt.account
    if all(one.item.identity != account.item.identity for one in receipt.secrets):
        return ""
    for line in hook.lines(host, account):
        other = dataclasses.replace(account, source=command.item(account.address, line))
        with contextlib.suppress(ProvisionError):
            if not prune(client.plan(host, other, PLACEHOLDER, options)).changes:
                return line
    return ""


def _other_hook(host: Host, receipt: Receipt, line: str) -> Outdated:
    program = shlex.split(line)[0]
    if host.which(program) is None:
        return Outdated(f"its command for the password needs {program}, which is not there now", works=False)
    now = hook.command(host, receipt.account)
    return Outdated(
        f"as it was set up; written now, it would get the password by `{now}`", works=True, hook=line
    )
