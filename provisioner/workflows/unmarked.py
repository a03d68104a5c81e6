"""Lines that we wrote and no longer know: somebody has deleted the marks around them, and they count."""

from __future__ import annotations

import contextlib
import dataclasses
from pathlib import Path

from provisioner.clients.base import was_gone
from provisioner.edits import block
from provisioner.errors import ProvisionError
from provisioner.model import Plan
from provisioner.plan import imagined
from provisioner.receipt import Receipt
from provisioner.workflows.context import Context


def told(context: Context, receipt: Receipt, plan: Plan) -> Plan:
    """The plan of a removal. Where it finds nothing of ours, but the account is still named, it says so."""
    if plan.done != was_gone(receipt):
        return plan
    after = imagined(context.host, [plan])
    left = []
    for path in dict.fromkeys(Path(record.path) for record in receipt.files):
        with contextlib.suppress(ProvisionError):
            if receipt.account.key.encode() in _outside(after.read(path) or b"", path).lower():
                left.append(str(path))
    if not left:
        return plan
    note = (
        f"Lines about it without provisioner's marks are still in {' and in '.join(left)}: delete them by "
        "hand, unless you want to keep them as your own."
    )
    done = f"{receipt.address} is forgotten here, but still named in its files"
    return dataclasses.replace(plan, done=done, notes=(*plan.notes, note))


def _outside(data: bytes, path: Path) -> bytes:
    """What is in none of our blocks; another address may share our login. Raises Conflict."""
    for one in block.blocks(data, path):
        data = block.remove(data, one.name, path)
    return data
