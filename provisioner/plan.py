"""What a plan would do: pruned of what is already true, and shown as a diff without secrets."""

from __future__ import annotations

import base64
import dataclasses
import difflib

from provisioner.model import FileChange, Plan, SecretChange
from provisioner.secret import MASK, Secret


def prune(plan: Plan) -> Plan:
    """The plan without changes that change nothing."""
    changes = tuple(change for change in plan.changes if change.before != change.after)
    return dataclasses.replace(plan, changes=changes)


def diff(plan: Plan) -> str:
    """A unified diff of every change, passwords masked; for people to read, not for patch."""
    files = "".join(_one(change, plan.secret) for change in plan.changes)
    return files + "".join(f"{line}\n" for change in plan.secrets for line in _keyring(change))


def _keyring(change: SecretChange) -> list[str]:
    if change.before == change.after:
        return []
    where = ", ".join(f"{key}={value}" for key, value in change.item.attributes)
    return [
        f"{sign} keyring item ({where}): {MASK}"
        for sign, value in (("-", change.before), ("+", change.after))
        if value is not None
    ]


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
