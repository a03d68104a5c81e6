"""A check as one line for monitoring: state, text, performance data (Monitoring Plugins guidelines)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import IntEnum

from provisioner.report import CheckRow, Report, days_left

PREFIX = "MAIL"


class Health(IntEnum):
    """The exit codes of the guidelines (2.3, plugin return codes)."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


_ORDER = (Health.OK, Health.UNKNOWN, Health.WARNING, Health.CRITICAL)
"""Of several logins the last of these counts: what is known to be broken outweighs what is not known."""

CAUSES = {
    "ok": Health.OK,
    "send.arrived": Health.OK,
    "greet.slow": Health.WARNING,
    "greet.bye": Health.WARNING,
    "greet.busy": Health.WARNING,
    "auth.limit": Health.WARNING,
    "auth.in_use": Health.WARNING,
    "auth.unavailable": Health.WARNING,
    "auth.skipped": Health.WARNING,
    "auth.not_tried": Health.WARNING,
    "box.unavailable": Health.WARNING,
    "send.later": Health.WARNING,
}
"""What works but slowly, or is expected to pass by itself. Every other cause of a failed login is CRITICAL,
the look-up of a name and a time-out included (guidelines, 2.3)."""
_NO_LOGIN = (
    "usage",
    "password.",
    "accounts.",
    "client.",
    "keyring.",
    "store.",
    "profile.",
    "bug",
    "cancelled",
)
"""Beginnings of codes that mean: nothing was tried, so nothing is known."""


def judge(report: Report, cert_days: int, now: datetime) -> tuple[Health, str]:
    """The state of all logins and the line to print; WARNING for a certificate that ends in `cert_days`."""
    rows = [row for row in report.rows if isinstance(row, CheckRow)]
    healths = [_health(row, cert_days, now) for row in rows]
    healths += [Health.UNKNOWN] * bool(report.errors or not rows)
    worst = max(healths, key=_ORDER.index)
    bad = [(row, health) for row, health in zip(rows, healths, strict=False) if health is not Health.OK]
    said = [error.message for error in report.errors]
    bad.sort(key=lambda one: -_ORDER.index(one[1]))
    said += [_say(row, now) for row, _ in bad[:3]]
    if len(bad) > 3:
        said.append(f"and {len(bad) - 3} more")
    if not said:
        said = [_good(rows)] if rows else ["nothing is set up here"]
    text = " ".join("; ".join(said).replace("|", "/").split())
    return worst, f"{PREFIX} {worst.name} - {text}{_performance(rows, cert_days, now)}"


def _health(row: CheckRow, cert_days: int, now: datetime) -> Health:
    if not row.ok and row.code.startswith(_NO_LOGIN):
        return Health.UNKNOWN
    health = CAUSES.get(row.code, Health.CRITICAL)
    left = days_left(row.cert_expires, now)
    if health is Health.OK and left is not None and left < cert_days:
        return Health.WARNING
    return health


def _say(row: CheckRow, now: datetime) -> str:
    who = f"{row.address} {row.service}".strip()
    if row.code == "ok":
        return f"{who}: the certificate of {row.host} ends in {days_left(row.cert_expires, now)} days"
    return f"{who}: {row.message} [{row.code}]"


def _good(rows: Sequence[CheckRow]) -> str:
    if len({row.address for row in rows}) == 1:
        return f"{rows[0].address}: " + ", ".join(f"{row.service} {row.seconds:.2f} s" for row in rows)
    return f"{len({(row.address, row.clients) for row in rows})} accounts work"


def _performance(rows: Sequence[CheckRow], cert_days: int, now: datetime) -> str:
    """Seconds of each service and days of its certificate; of many logins the longest and the fewest."""
    tried = [row for row in rows if row.seconds]
    found = []
    many = len({(row.address, row.clients) for row in rows}) > 1
    if many:
        failing = {(row.address, row.clients) for row in rows if not row.ok}
        total = len({(row.address, row.clients) for row in rows})
        found += [f"accounts={total};;;0", f"failing={len(failing)};;;0;{total}"]
    for service in dict.fromkeys(row.service for row in tried):
        own = [row for row in tried if row.service == service]
        found.append(f"{service}_time={max(row.seconds for row in own):.3f}s;;;0")
        days = [left for row in own if (left := days_left(row.cert_expires, now)) is not None]
        if days:
            found.append(f"{service}_cert_days={min(days)};{cert_days}:;;")
    return f" | {' '.join(found)}" if found else ""
