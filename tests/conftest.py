"""For all tests: every JSON document that is printed in this process must be as the schema says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from provisioner import documents
from provisioner.report import Report
from tests.schema import validate


@pytest.fixture(autouse=True)
def _documents_are_valid(monkeypatch: pytest.MonkeyPatch) -> None:
    document = documents.document

    def validated(report: Report) -> dict[str, Any]:
        made = document(report)
        validate(msgspec.json.decode(msgspec.json.encode(made)))
        return made

    monkeypatch.setattr(documents, "document", validated)
