"""Reads the file of `check --accounts`: many accounts, and where the password of each comes from.

YAML holds no password, only the command or the keyring item that gives it; CSV is what administrators
are handed, with the passwords in it, so it is read only if nobody else can.
"""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provisioner import passwords, strict
from provisioner.accounts import Wish, parse_address, parse_server
from provisioner.errors import UsageError
from provisioner.items import SecretItem, SecretStore
from provisioner.model import AppPassword, Security, Strict
from provisioner.secret import Secret

_EXAMPLE = "README.md, Many accounts, has an example."
PAPER = strict.Paper("list of accounts", "accounts", _EXAMPLE, max_size=16 * 1024 * 1024)


class Entry(Strict, frozen=True):
    """One account of a YAML file. `keyring`: the attributes of an item of the system's keyring.

    Without `password_command` and `keyring` it is the item that `setup` makes for command-line clients.
    """

    email: str
    provider: str | None = None
    login: str | None = None
    smtp_login: str | None = None
    imap: str | None = None
    imap_security: Security | None = None
    smtp: str | None = None
    smtp_security: Security | None = None
    password_command: str | None = None
    keyring: dict[str, str] | None = None


class _File(Strict, frozen=True):
    accounts: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """An account of the file; `where` is its place there, for messages. One of the last three is given."""

    where: str
    wish: Wish
    command: str | None = None
    item: SecretItem | None = None
    secret: Secret | None = field(default=None, repr=False)

    def password(self, keyring: SecretStore, rule: AppPassword | None) -> Secret:
        """Raises ProvisionError: the command fails, the keyring cannot be read or has no such item."""
        if self.secret is not None:
            return passwords.clean(self.secret.reveal(), rule)
        if self.command is not None:
            return passwords.from_command(self.command, rule)
        found = keyring.get(self.item) if self.item else None
        if found is None:
            raise UsageError(
                f"The keyring has no password for {self.wish.address}.",
                "Name where it is with `keyring` or `password_command` in the list of accounts.",
                code="accounts.no_password",
            )
        return found


def load(path: Path) -> list[Listed]:
    """The accounts of a YAML file, or of a CSV file if its name ends in `.csv`.

    Raises UsageError: `accounts.invalid` with all problems, `accounts.unreadable`, or `accounts.unsafe` for
    a file that others could have changed, or, with passwords in it, could read.
    """
    if path.suffix.lower() == ".csv":
        return _load_csv(path)

    def vet(found: os.stat_result) -> None:
        # Its commands are run, and its servers are given passwords.
        if os.name == "posix" and (found.st_uid not in (0, os.geteuid()) or found.st_mode & 0o022):
            raise _unsafe(path, "can be changed by others", f"chmod go-w {path}")

    file = strict.load(path, _File, _meaning, PAPER, vet)
    return [_listed(number, entry) for number, entry in enumerate(file.accounts)]


def _listed(number: int, entry: Entry) -> Listed:
    item = None
    if entry.keyring:
        item = SecretItem(f"Mail password of {entry.email}", tuple(entry.keyring.items()))
    elif entry.password_command is None:
        item = SecretItem.shared("@".join(parse_address(entry.email)))
    return Listed(f"accounts[{number}]", _wish(entry), command=entry.password_command, item=item)


def _wish(entry: Entry) -> Wish:
    return Wish(
        address=entry.email,
        provider=entry.provider,
        imap=entry.imap,
        imap_security=entry.imap_security,
        smtp=entry.smtp,
        smtp_security=entry.smtp_security,
        login=entry.login,
        smtp_login=entry.smtp_login,
    )


def _meaning(sound: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG001 - strict.load's
    entries = sound.get("accounts")
    if entries == ():
        yield "accounts: at least one account"
    for number, entry in enumerate(entries or ()):
        where = f"accounts[{number}]"
        yield from _problems(entry, where)
        if entry.password_command is not None and entry.keyring is not None:
            yield f"{where}: password_command and keyring exclude each other"
        if entry.keyring == {}:
            yield f"{where}.keyring: at least one attribute"


def _problems(entry: Entry, where: str) -> Iterator[str]:
    """What is wrong with an account, whatever the format of the file."""
    if not _reads(parse_address, entry.email):
        yield f"{where}.email: is not a mail address"
    for name, server in (("imap", entry.imap), ("smtp", entry.smtp)):
        if server is not None and not _reads(parse_server, server, name):
            yield f"{where}.{name}: is not a server; write HOST or HOST:PORT"


def _reads(parse: Callable[..., object], *values: str) -> bool:
    """What stands there is not quoted: if columns are swapped it is a password."""
    try:
        parse(*values)
    except UsageError:
        return False
    return True


_COLUMNS = ("email", "password", *(name for name in Entry.__struct_fields__[1:8]))


def _load_csv(path: Path) -> list[Listed]:
    def vet(found: os.stat_result) -> None:
        if os.name != "posix":
            raise _unsafe(path, "holds passwords, and who can read it cannot be told here", "")
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise _unsafe(path, "holds passwords, and others can read it or own it", f"chmod 600 {path}")

    text = strict.read(path, PAPER, vet).removeprefix("\ufeff")
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    problems: list[str] = []
    listed: list[Listed] = []
    rest, done = "", 1
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        problems += _header_problems(header)
        for row in () if problems else rows:
            if len(problems) >= strict.MAX_PROBLEMS:
                rest = f"{len(text.splitlines()) - done} more lines, not looked at"
                break
            done = rows.line_num
            if not row:
                continue
            where = f"line {rows.line_num}"
            if len(row) != len(header):
                problems.append(f"{where}: {len(row)} values, not {len(header)}")
                continue
            found = _csv_entry(dict(zip(header, row, strict=True)), where, problems)
            if found:
                listed.append(found)
    except csv.Error as error:  # its message might quote what stands there
        limit = csv.field_size_limit()
        long = str(error).startswith("field larger than")
        what = f"a value of more than {limit} characters" if long else "the quotes are not as CSV has them"
        problems.append(f"line {rows.line_num}: {what}")
    if not listed and not problems:
        problems.append("no account below the names of the columns")
    if problems:
        raise strict.invalid(path, replace(PAPER, places="lines"), problems, rest)
    return listed


def _header_problems(header: list[str]) -> Iterator[str]:
    """Never what stands there: without a header it would be a password."""
    if not {"email", "password"} <= set(header) or not set(header) <= set(_COLUMNS):
        yield f"line 1: must name the columns: email,password and any of {','.join(_COLUMNS[2:])}"
    elif len(set(header)) < len(header):
        yield "line 1: names a column twice"


def _csv_entry(row: dict[str, str], where: str, problems: list[str]) -> Listed | None:
    typed = row.pop("password")
    found = len(problems)
    values: dict[str, Any] = {name: value for name, value in row.items() if value}
    for name in ("imap_security", "smtp_security"):
        if name in values:
            if values[name] not in list(Security):
                problems.append(f"{where}.{name}: tls or starttls")
            values[name] = Security.TLS if values[name] == "tls" else Security.STARTTLS
    entry = Entry(**{"email": "", **values})
    problems += _problems(entry, where)
    try:
        secret = passwords.clean(typed, None)
    except UsageError as error:
        problems.append(f"{where}.password: {error.message}")
        return None
    return Listed(where, _wish(entry), secret=secret) if len(problems) == found else None


def _unsafe(path: Path, what: str, command: str) -> UsageError:
    hint = (
        f"If it is yours and as it should be: {command}" if command else "Use a YAML file without passwords."
    )
    return UsageError(f"{path} {what}; it was not read.", hint, code="accounts.unsafe")
