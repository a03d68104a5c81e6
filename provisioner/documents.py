"""A report as one JSON document, as `schemas/report.schema.json` describes it."""

from __future__ import annotations

import dataclasses
from typing import Any

from provisioner.report import Report, Row

SCHEMA = 1
"""Version of the document: keys are added, never renamed or removed, under the same number."""


def pretty(report: Report) -> bytes:
    """On many lines, for people, too."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(document(report)), indent=2) + b"\n"


def line(report: Report) -> bytes:
    """On one line."""
    import msgspec

    return msgspec.json.encode(document(report)) + b"\n"


def document(report: Report) -> dict[str, Any]:
    """The report as `schemas/report.schema.json` describes it."""
    return {
        "schema": SCHEMA,
        "command": report.command,
        "ok": report.ok,
        "results": [_json_row(row) for row in report.rows],
        "errors": [
            {"code": error.code, "message": error.message, "next": error.hint} for error in report.errors
        ],
        "next": report.next,
    }


INTERNAL = ("exit_code", "unaccepted")
"""What rows have for the program itself."""


def _json_row(row: Row) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(row).items() if key not in INTERNAL}
