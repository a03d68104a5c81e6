"""Configurations in TOML with one table per account, `[accounts.NAME]`, each of ours a marked block."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from provisioner.clients.common import blockfile
from provisioner.clients.common.blockfile import BlockFile
from provisioner.errors import Conflict
from provisioner.model import FileChange

Tables = dict[str, dict[str, Any]]
"""Accounts by name."""


def accounts(text: str) -> Tables:
    """The accounts of a file; none if it is not TOML."""
    try:
        found = tomllib.loads(text).get("accounts", {})
    except tomllib.TOMLDecodeError:
        return {}
    tables = found.items() if isinstance(found, dict) else ()
    return {name: table for name, table in tables if isinstance(table, dict)}


def lines(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each account with the line of its head, from 1; the first line where that is not found."""
    heads = [(n, line.strip()) for n, line in enumerate(text.split("\n"), 1) if line.lstrip().startswith("[")]
    for name, table in accounts(text).items():
        head = re.compile(rf"""\[\s*accounts\s*\.\s*(["']?){re.escape(name)}\1\s*\]""")
        yield next((n for n, line in heads if head.match(line)), 1), table


def with_account(file: BlockFile, body: str, title: str) -> tuple[FileChange, ...]:
    """The change that makes `body` the account's block.

    Raises Conflict: `account.exists` for an account of that name that is not ours, `toml.unreadable` if the
    file would not be TOML, `block.edited`.
    """
    if file.key in accounts(file.others):
        raise blockfile.taken(file.path, f"an account {file.key}")
    try:
        tomllib.loads(f"{file.others}\n{body}")
    except tomllib.TOMLDecodeError as error:
        raise Conflict(
            f"{title} could not read {file.path} with an account more: {error}.",
            "Mend that file, with each account under a head [accounts.NAME]; then run the command again.",
            code="toml.unreadable",
        ) from None
    return file.with_block(body)


def text(value: object) -> str:
    """A value of a table, if it is a string."""
    return value if isinstance(value, str) else ""


def table(value: object, *names: str) -> dict[str, Any]:
    """A table within tables; empty if there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
