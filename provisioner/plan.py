"""What a plan would do: pruned of what is already true, and shown as a diff without secrets."""

from __future__ import annotations

import base64
import dataclasses
import difflib

from provisioner.model import FileChange, Plan
from provisioner.secret import MASK, Secret


def prune(plan: Plan) -> Plan:
    """The plan without changes that change nothing."""
    changes = tuple(change for change in plan.changes if change.before != change.after)
    return dataclasses.replace(plan, changes=changes)


def diff(plan: Plan) -> str:
    """A unified diff of every change, passwords masked; for people to read, not for patch."""
    return "".join(_one(change, plan.secret) for change in plan.changes)


def _one(change: FileChange, secret: Secret | None) -> str:
    old, new = change.shown or (_text(change.before), _text(change.after))
    lines = difflib.unified_diff(
        masked(old, secret).splitlines(),
        masked(new, secret).splitlines(),
        "/dev/null" if change.before is None else str(change.path),
        "/dev/null" if change.after is None else str(change.path),
        lineterm="",
    )
    return "".join(f"{line}\n" for line in lines)


def _text(data: bytes | None) -> str:
    if data is None:
        return ""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return f"(binary, {len(data)} bytes)"


def masked(text: str, secret: Secret | None) -> str:
    """`text` without the password, nor its base64 form."""
    if not secret:
        return text
    encoded = base64.b64encode(secret.reveal().encode()).decode()
    return secret.redact(text).replace(encoded, MASK)
