"""The schema of `--json` names and describes every key that there is, and lets others be added."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, get_args, get_type_hints

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from provisioner import documents
from provisioner.cli import cli
from provisioner.model import Support
from provisioner.outcome import Note, Quota
from provisioner.report import (
    ChangeRow,
    CheckRow,
    ClientRow,
    ExportRow,
    GuideRow,
    ProviderRow,
    Report,
    Row,
    StatusRow,
    SupportRow,
)
from tests.schema import schema, validate
from tests.test_output import GOOD

KINDS = {
    CheckRow: "check",
    ChangeRow: "change",
    ClientRow: "client",
    StatusRow: "status",
    ExportRow: "export",
    GuideRow: "guide",
    SupportRow: "support",
    ProviderRow: "provider",
    Quota: "quota",
    Note: "note",
}


def objects(node: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield where, node
        for key, value in node.items():
            yield from objects(value, f"{where}/{key}")


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(schema())


def test_every_row_is_there() -> None:
    assert set(get_args(Row)) | {Quota, Note} == set(KINDS)
    assert {item["$ref"] for item in schema()["properties"]["results"]["items"]["anyOf"]} == {
        f"#/$defs/{KINDS[row]}" for row in get_args(Row)
    }


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_key_is_there_and_required(kind: type[Any]) -> None:
    fields = {field.name for field in dataclasses.fields(kind)} - set(documents.INTERNAL)
    known = schema()["$defs"][KINDS[kind]]
    assert set(known["properties"]) == set(known["required"]) == fields
    assert known["additionalProperties"] is True
    hints = get_type_hints(kind)
    for name, described in known["properties"].items():
        if isinstance(hints[name], type) and issubclass(hints[name], StrEnum):
            assert set(described["enum"]) == {str(member) for member in hints[name]}


def test_every_key_is_described() -> None:
    for where, node in objects(schema()):
        if where.rpartition("/")[0].endswith("/properties"):
            assert node.get("description"), where


def test_support_grades() -> None:
    assert schema()["$defs"]["support"]["properties"]["support"]["enum"] == [str(one) for one in Support]


@pytest.mark.parametrize("row", GOOD, ids=lambda row: type(row).__name__)
def test_every_type_of_row_is_valid_as_what_it_is(row: Row) -> None:
    found = msgspec.json.decode(
        msgspec.json.encode(documents.document(Report("x", rows=[row]))["results"][0])
    )
    only = {"$ref": f"#/$defs/{KINDS[type(row)]}", "$defs": schema()["$defs"]}
    jsonschema.Draft202012Validator(only).validate(found)
    validate(documents.document(Report("x")) | {"results": [found | {"new_key": 1}]})
    for key in found:
        with pytest.raises(jsonschema.ValidationError):
            validate(documents.document(Report("x")) | {"results": [found | {key: object}]})


@pytest.mark.parametrize("verb", ["clients", "providers", "guide", "status", "check", "setup"])
def test_documents_of_the_verbs(verb: str) -> None:
    more = {"guide": ["icloud"], "check": ["nobody"], "setup": ["nobody"]}.get(verb, [])
    validate(json.loads(CliRunner().invoke(cli, [verb, *more, "--json"]).stdout))
