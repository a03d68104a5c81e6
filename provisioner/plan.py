"""What a plan would do: pruned of what is already true, and shown as a diff without secrets."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.host import Host
from provisioner.model import FileChange, Plan, SecretChange
from provisioner.secret import MASK, Secret
from provisioner.shown import Shown, shown

CONTEXT = 3
"""Lines around a change that are shown with it."""


def prune(plan: Plan) -> Plan:
    """The plan without changes that change nothing."""
    changes = tuple(change for change in plan.changes if change.before != change.after)
    return dataclasses.replace(plan, changes=changes)


def imagined(host: Host, plans: Iterable[Plan]) -> Host:
    """The host as it would be after the plans: other files, as far as `Host.read` reads them."""
    files = dict(host.files) if isinstance(host, _Imagined) else {}
    files |= {change.path: change.after for plan in plans for change in plan.changes}
    known = {one.name: getattr(host, one.name) for one in dataclasses.fields(Host)}
    return _Imagined(**known, files=files)


@dataclass(frozen=True)
class _Imagined(Host):
    files: Mapping[Path, bytes | None] = field(default_factory=dict, repr=False)

    def read(self, path: Path) -> bytes | None:
        return self.files[path] if path in self.files else super().read(path)


def diff(plan: Plan) -> str:
    """A unified diff of every change, passwords masked; for people to read, not for patch.

    A line of which only what is masked has changed is shown as changed.
    """
    known = [plan.secret, *(value for change in plan.secrets for value in (change.before, change.after))]
    secrets = [secret for secret in known if secret]
    lines = [line for change in plan.changes for line in _file(change, secrets)]
    lines += [line for change in plan.secrets for line in _keyring(change)]
    return "".join(f"{line}\n" for line in lines)


def _keyring(change: SecretChange) -> list[str]:
    if change.before == change.after or not change.item.kept:
        return []
    where = ", ".join(f"{key}={value}" for key, value in change.item.attributes)
    return [
        f"{sign} {change.item.store} item ({where}): {MASK}"
        for sign, value in (("-", change.before), ("+", change.after))
        if value is not None
    ]


def _file(change: FileChange, secrets: Sequence[Secret]) -> list[str]:
    old, new = (shown(change.path, data, secrets) for data in (change.before, change.after))
    return [
        f"--- {change.path if change.before is not None else '/dev/null'}",
        f"+++ {change.path if change.after is not None else '/dev/null'}",
        *(
            _hunks(old, new)
            or (["(what changes in it is not shown)"] if change.before and change.after else [])
        ),
    ]


def _hunks(old: Shown, new: Shown) -> list[str]:
    """As difflib.unified_diff has them, but lines are compared as they are and printed masked."""
    a_lines, b_lines = ([line for line, _ in side.lines] for side in (old, new))
    compared = difflib.SequenceMatcher(None, a_lines, b_lines)
    lines = []
    for group in compared.get_grouped_opcodes(0 if old.summary or new.summary else CONTEXT):
        _, old_start, _, new_start, _ = group[0]
        _, _, old_end, _, new_end = group[-1]
        lines.append(f"@@ -{_range(old_start, old_end)} +{_range(new_start, new_end)} @@")
        for tag, a, b, c, d in group:
            if tag == "equal":
                lines += _printed(" ", old, a, b)
            else:
                lines += _printed("-", old, a, b)
                lines += _printed("+", new, c, d)
    return lines


def _printed(sign: str, side: Shown, start: int, end: int) -> list[str]:
    lines = []
    for line, masked in side.lines[start:end]:
        lines.append(sign + masked)
        if not side.summary and not line.endswith("\n"):
            lines.append("\\ No newline at end of file")
    return lines


def _range(start: int, end: int) -> str:
    """Line numbers of a hunk: `first`, or `first,count` if that is not 1; from 0 if it is empty."""
    count = end - start
    first = start + 1 if count else start
    return f"{first}" if count == 1 else f"{first},{count}"
