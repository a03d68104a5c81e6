"""Many logins as a table: one line for each account, then each cause once with what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.errors import Cancelled
from provisioner.report import CheckRow, Report

EXAMPLES = 3
"""Accounts that are named for one cause."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line with a mark (None: without one), to be folded below itself."""

    ok: bool | None
    text: str
    indent: int = 0


def lines(report: Report) -> Iterator[Line]:
    """The table, the causes by how many have them, and how many accounts work."""
    accounts: dict[tuple[str, tuple[str, ...]], list[CheckRow]] = {}
    for row in report.rows:
        if isinstance(row, CheckRow):
            accounts.setdefault((row.address, row.clients), []).append(row)
    width = min(max((len(address) for address, _ in accounts), default=0), 40)
    for (address, clients), rows in accounts.items():
        cells = "  ".join(f"{row.service} {_cell(row)}" for row in rows)
        stored = f"  ({', '.join(clients)})" if clients else ""
        yield Line(all(row.ok for row in rows), f"{address:<{width}}  {cells}{stored}")
    causes: dict[tuple[str, str, str], list[CheckRow]] = {}
    for rows in accounts.values():
        for row in rows:
            if not row.ok:
                causes.setdefault((row.service, row.host, row.code), []).append(row)
    for (service, _, code), rows in sorted(causes.items(), key=lambda item: -len(item[1])):
        names = [row.address for row in rows[:EXAMPLES]]
        more = f" and {len(rows) - EXAMPLES} more" if len(rows) > EXAMPLES else ""
        yield Line(None, "")
        yield Line(False, f"{service}: {rows[0].message}  [{code}]")
        steps = dict.fromkeys(line for row in rows[:EXAMPLES] for line in row.next.splitlines())
        if steps:  # what is the same for all, and a command for each
            yield Line(None, "\n".join(steps), 2)
        if len(accounts) > 1:
            yield Line(None, f"({', '.join(names)}{more})", 2)
    if accounts:
        working = sum(all(row.ok for row in rows) for rows in accounts.values())
        yield Line(None, "")
        stopped = sum(any(row.code == Cancelled.code for row in rows) for rows in accounts.values())
        late = f"; {stopped} not finished" if stopped else ""
        yield Line(None, f"{counted(working, len(accounts), 'account')}{late}.")


def counted(working: int, total: int, what: str) -> str:
    """`1 of 1 account works`, `2 of 3 accounts work`."""
    verb = "works" if 1 in (working, total) else "work"
    return f"{working} of {total} {what if total == 1 else what + 's'} {verb}"


_STEPS = {
    "dns": "name",
    "tcp": "connection",
    "tls": "TLS",
    "greeting": "greeting",
    "login": "login",
    "mailboxes": "inbox",
    "send": "sent",
    "arrival": "arrived",
    "deletion": "deleted",
}
"""The layers of a login (check/timing.py) as a person would say them."""
NOTEWORTHY = 1.0
"""Seconds from which on a layer's time is said."""


def steps(row: CheckRow) -> Iterator[tuple[bool, str]]:
    """The layers of a login in turn; what failed, if anything did, is the last."""
    layers = {
        layer: took for layer, took in row.layers.items() if (row.service, layer) != ("smtp", "mailboxes")
    }
    for number, (layer, took) in enumerate(layers.items(), 1):
        failed = not row.ok and number == len(layers)
        text = _STEPS.get(layer, layer)
        if layer == "tls" and not failed and row.cert_expires:
            text += f" ({row.cert_issuer}, until {row.cert_expires[:10]})"
        if took >= NOTEWORTHY:
            text += f" {took:.1f} s"
        yield not failed, text


def _cell(row: CheckRow) -> str:
    return f"{row.seconds:.1f} s" if row.ok else row.code
