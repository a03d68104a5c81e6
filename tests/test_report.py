"""Exit codes follow from the rows, and rows become stable JSON."""

from __future__ import annotations

import pytest

from provisioner.errors import Cancelled, Conflict, UsageError
from provisioner.report import CheckRow, ClientRow, Report, State


def check(code: int) -> CheckRow:
    return CheckRow("imap", code == 0, "ok", "", "", "h", 1, "u", 0.1, exit_code=code)


def client(code: int) -> ClientRow:
    return ClientRow("c", "C", code == 0, State.CHANGED if code == 0 else State.FAILED, "", exit_code=code)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], 0),
        ([check(0), check(0)], 0),
        ([check(0), check(3)], 3),
        ([check(4), check(4)], 4),
        ([check(3), check(4)], 3),
        ([check(1), check(4)], 1),
        ([check(3), check(1)], 3),
        ([check(4), check(1), check(3), check(0)], 3),
        ([check(5), check(2), check(4)], 4),
        ([check(5), check(2)], 2),
        ([client(5)], 5),
        ([client(0), client(5)], 1),
        ([client(5), client(1)], 1),
        ([check(0), check(0), client(5)], 5),
    ],
)
def test_exit_code(rows: list[CheckRow | ClientRow], expected: int) -> None:
    report = Report("setup")
    for row in rows:
        report.add(row)
    assert report.exit_code == expected
    assert report.ok == (expected == 0)


def test_an_interruption_outweighs_what_was_known_before() -> None:
    report = Report("check", rows=[check(3), check(0)], errors=[Cancelled("Stopped.")])
    assert report.exit_code == 130


def test_errors_count_too() -> None:
    report = Report("setup")
    report.errors.append(UsageError("x"))
    assert report.exit_code == 2
    report.errors.append(Conflict("y"))
    assert report.exit_code == 1


def test_the_listener_hears_each_row_at_once() -> None:
    heard: list[object] = []
    report = Report("check", heard.append)
    report.add(check(0))
    assert heard == report.rows
