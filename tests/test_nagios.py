"""The line for monitoring: which cause is which state, and the performance data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from provisioner import nagios
from provisioner.check.causes import CAUSES
from provisioner.errors import UsageError
from provisioner.nagios import Health, judge
from provisioner.report import CheckRow, ClientRow, Report, State

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def row(code: str = "ok", address: str = "ann@x.org", service: str = "imap", **more: Any) -> CheckRow:
    good = code in ("ok", "greet.slow")
    values = {
        "ok": good,
        "message": f"{code} happened",
        "next": "",
        "host": "h.x.org",
        "port": 1,
        "user": "u",
    }
    return CheckRow(service=service, code=code, address=address, **{"seconds": 0.5, **values, **more})


def test_it_works() -> None:
    rows = [row(cert_expires="2026-03-01T00:00:00Z"), row(service="smtp", seconds=1.25)]
    assert judge(Report("check", rows=[*rows]), 14, NOW) == (
        Health.OK,
        "MAIL OK - ann@x.org: imap 0.50 s, smtp 1.25 s | "
        "imap_time=0.500s;;;0 imap_cert_days=58;14:;; smtp_time=1.250s;;;0",
    )


@pytest.mark.parametrize(
    ("until", "days", "health"),
    [
        ("2026-01-15T11:59:59Z", 13, Health.WARNING),
        ("2026-01-15T12:00:00Z", 14, Health.OK),
        ("2026-01-01T13:00:00Z", 0, Health.WARNING),
    ],
)
def test_a_certificate_that_ends_soon(until: str, days: int, health: Health) -> None:
    found, line = judge(Report("check", rows=[row(cert_expires=until)]), 14, NOW)
    assert found is health
    assert f"imap_cert_days={days};14:;;" in line
    if health is Health.WARNING:
        assert f"- ann@x.org imap: the certificate of h.x.org ends in {days} days |" in line


@pytest.mark.parametrize(
    ("codes", "health"),
    [
        (["greet.slow"], Health.WARNING),
        (["auth.limit"], Health.WARNING),
        (["auth.bad_credentials"], Health.CRITICAL),
        (["net.dns"], Health.CRITICAL),
        (["keyring.locked"], Health.UNKNOWN),
        (["ok", "keyring.locked"], Health.UNKNOWN),
        (["keyring.locked", "auth.limit", "ok"], Health.WARNING),
        (["keyring.locked", "auth.limit", "tls.cert_expired"], Health.CRITICAL),
    ],
)
def test_the_worst_counts(codes: list[str], health: Health) -> None:
    assert judge(Report("check", rows=[row(code) for code in codes]), 14, NOW)[0] is health


def test_every_cause_in_the_table_exists() -> None:
    assert set(nagios.CAUSES) <= set(CAUSES)
    assert not [code for code in CAUSES if code.startswith(nagios._NO_LOGIN)]


def test_nothing_was_tried() -> None:
    assert judge(Report("check"), 14, NOW) == (Health.UNKNOWN, "MAIL UNKNOWN - nothing is set up here")
    wrong = Report("check", errors=[UsageError("No such\n| file.")])
    assert judge(wrong, 14, NOW) == (Health.UNKNOWN, "MAIL UNKNOWN - No such / file.")
    other = Report("check", rows=[ClientRow("c", "C", True, State.OK, "")])
    assert judge(other, 14, NOW)[0] is Health.UNKNOWN


def test_many() -> None:
    rows = [row("net.timeout", f"u{n}@x.org", seconds=float(n)) for n in range(5)] + [row(seconds=0.0)]
    health, line = judge(Report("check", rows=[*rows]), 14, NOW)
    assert health is Health.CRITICAL
    assert line == (
        "MAIL CRITICAL - u0@x.org imap: net.timeout happened [net.timeout]; "
        "u1@x.org imap: net.timeout happened [net.timeout]; "
        "u2@x.org imap: net.timeout happened [net.timeout]; "
        "and 2 more | accounts=6;;;0 failing=5;;;0;6 imap_time=4.000s;;;0"
    )
