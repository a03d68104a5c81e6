"""The JSON Schema of `--json`, for whatever a test makes the program print."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema

import provisioner

FILE = Path(provisioner.__file__).parent / "schemas" / "report.schema.json"


@cache
def schema() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
    return found


@cache
def _validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema())


def validate(document: object) -> None:
    """Raises ValidationError unless it is a document as the schema has it."""
    _validator().validate(document)
