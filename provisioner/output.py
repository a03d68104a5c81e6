"""Shows a Report: as text while it grows, or as one JSON document at the end. Nothing else prints results."""

from __future__ import annotations

import dataclasses
import functools
import sys
import textwrap
from datetime import UTC, datetime
from typing import Any

import click

from provisioner import nagios, tables
from provisioner.errors import ProvisionError
from provisioner.report import (
    CERT_DAYS,
    Change,
    ChangeRow,
    CheckRow,
    ClientRow,
    ExportRow,
    GuideRow,
    ProviderRow,
    Report,
    Row,
    State,
    StatusRow,
    SupportRow,
    days_left,
)
from provisioner.text import clean, day, fold, home, mark, sign, width

SCHEMA = 1
"""Version of the JSON document: keys are added, never renamed or removed, under the same number."""
CHANGES = {
    Change.FAILS: "does not work",
    Change.REVOKED: "worked before, and the password is rejected now",
    Change.OTHER: "does not work for another reason now",
    Change.WORKS: "works again",
    Change.ENDING: "the certificate ends soon",
    Change.RENEWED: "the certificate was renewed",
}
_GLUE = "\xa0"
"""Keeps the words of a step on one line while lines are folded."""
_NAME_WIDTH = 19
_INDENT = " " * (_NAME_WIDTH + 3)


def print_json(report: Report) -> None:
    """The whole report as one document on standard output."""
    import msgspec

    _write_bytes(msgspec.json.format(msgspec.json.encode(document(report)), indent=2) + b"\n")


def print_json_line(report: Report) -> None:
    """The report as a document on one line: for what never ends."""
    import msgspec

    _write_bytes(msgspec.json.encode(document(report)) + b"\n")


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


def print_table(report: Report) -> None:
    """Many logins: a line for each account, then the causes."""
    for line in tables.lines(report):
        if line.ok is None:
            for text in fold(clean(line.text), " " * line.indent) or [""]:
                click.echo(text)
        else:
            first, *rest = fold(clean(line.text), "  ") or [""]
            click.echo(f"{mark(line.ok)} {first.strip()}")
            for text in rest:
                click.echo(text)


def print_nagios(report: Report, cert_days: int) -> int:
    """One line for monitoring; its exit code."""
    health, line = nagios.judge(report, cert_days, datetime.now(UTC))
    click.echo(clean(line).replace("\n", " "))
    return int(health)


def _json_row(row: Row) -> dict[str, Any]:
    return {key: value for key, value in dataclasses.asdict(row).items() if key != "exit_code"}


def print_end(report: Report) -> None:
    """What comes after the rows: what to do next, and errors on standard error."""
    for line in clean(report.next).splitlines():
        # What is indented is a command to be copied: it stays in one piece.
        click.echo(line if line.startswith("  ") else "\n".join(fold(line)))
    for error in report.errors:
        print_error(error)


def print_error(error: ProvisionError) -> None:
    """One error, with what to do next, on standard error."""
    click.echo(f"{mark(False)} {clean(error.message)}", err=True)
    for line in fold(clean(error.hint), "  "):
        click.echo(line, err=True)


def print_story(row: Row) -> None:
    """One row as text; of a login, how far it came, and the transcript if there is one."""
    print_row(row)
    if isinstance(row, CheckRow):
        steps = "  ".join(f"{sign(ok)} {clean(step)}".replace(" ", _GLUE) for ok, step in tables.steps(row))
        for line in fold(steps, _INDENT):
            click.secho(line.replace(_GLUE, " "), dim=True)
        for line in row.transcript:
            click.secho(f"  {clean(line)}", dim=True)


def print_row(row: Row) -> None:
    """One row as text."""
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    exact = () if sys.stdout.isatty() else ("content",)  # a file that is piped is what it would be with -o
    _print(type(row)(**{name: value if name in exact else _cleaned(value) for name, value in values.items()}))


def _cleaned(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, State | Change):
        return clean(value)
    return tuple(map(_cleaned, value)) if isinstance(value, tuple) else value


@functools.singledispatch
def _print(row: Row) -> None:
    raise TypeError(f"no text for {type(row).__name__}")


@_print.register
def _(row: CheckRow) -> None:
    mailboxes = f" {row.mailboxes} mailboxes." if row.mailboxes else ""
    _line(row.ok, row.host, row.message + mailboxes, f"{row.seconds:.1f} s")
    if row.clients:
        _wrapped(f"{row.address}, as stored for {', '.join(row.clients)}")
    if not row.ok:
        _wrapped(f"{row.next}  [{row.code}]")
    for note in row.notes:
        _wrapped(f"{note.message} {note.next}  [{note.code}]")
    if (left := days_left(row.cert_expires, datetime.now(UTC))) is not None and left < CERT_DAYS:
        _wrapped(f"The certificate of {row.host} ends in {left} days ({row.cert_expires[:10]}).")


@_print.register
def _(row: ChangeRow) -> None:
    time = datetime.fromisoformat(row.time).astimezone()
    stored = f" ({', '.join(row.clients)})" if row.clients else ""
    click.echo(
        f"{mark(row.ok)} {time:%Y-%m-%d %H:%M}  {row.address}{stored} {row.service}: {CHANGES[row.change]}"
    )
    for line in fold(row.message, "  "):
        click.echo(line)
    for line in fold(f"{row.next}  [{row.code}]" if not row.ok and row.code != "ok" else row.next, "  "):
        click.echo(line)


@_print.register
def _(row: ClientRow) -> None:
    good = row.ok and row.state not in (State.GONE, State.BY_HAND)
    _line(good, row.title, row.message)
    if not good and row.next:
        _wrapped(row.next)
    for note in row.notes:
        _wrapped(note)
    for line in row.diff.splitlines():
        click.secho(line, fg={"+": "green", "-": "red", "@": "cyan"}.get(line[:1]))


@_print.register
def _(row: StatusRow) -> None:
    if not row.client:
        click.echo(f"{mark(False)} {row.message}")
    else:
        good = row.state is State.OK
        click.echo(f"{mark(good)} {row.address}  in {row.title}: {row.message}")
        label = f'label "{row.label}", ' if row.label else ""
        click.echo(f"  {label}set up {day(row.created)}{_changed(row)}, {home(row.path)}")
    for line in fold(row.next, "  "):
        click.echo(line)


@_print.register
def _(row: ExportRow) -> None:
    if row.drawing:
        for line in row.content.splitlines():
            click.secho(line, fg="black", bg="bright_white")  # whatever the terminal's colours
    elif row.content:
        _write_bytes(row.content.encode())  # a file, whatever the terminal's encoding
    else:
        _line(True, row.client, f"written to {row.path}")
    for line in fold(row.next):
        click.echo(line, err=bool(row.content))


@_print.register
def _(row: GuideRow) -> None:
    click.secho(f"{row.title}: {row.term}", bold=True)
    _list("Before you start", row.conditions, "-")
    _list("Create it", row.create, "1")
    _list("Revoke it", row.revoke, "1")
    _list("Good to know", row.notes, "-")
    click.echo(f"The page: {row.create_url}")


@_print.register
def _(row: SupportRow) -> None:
    found = "by export" if row.exported else ", ".join(row.found) or "not found here"
    click.echo(f"{row.client:<{_NAME_WIDTH}} {row.title:<20} {row.support:<7} {found}")
    _wrapped(f"Account: {row.account}. Password: {row.stored}.")
    _wrapped(f"{row.versions}: {row.proof} ({row.proven}).")


@_print.register
def _(row: ProviderRow) -> None:
    click.echo(f"{row.provider:<{_NAME_WIDTH}} {row.title:<20} {', '.join(row.domains)}")
    servers = f"imap {row.imap}, smtp {row.smtp}, " if row.imap else ""
    click.echo(f"{'':<{_NAME_WIDTH}} {servers}{row.password}")


def _line(ok: bool, name: str, message: str, right: str = "") -> None:
    room = width() - len(_INDENT)
    first, *rest = textwrap.wrap(
        message, room - len(right) - 1, break_long_words=False, break_on_hyphens=False
    ) or [""]
    click.echo(f"{mark(ok)} {name:<{_NAME_WIDTH}} {first:<{room - len(right) - 1}} {right}".rstrip())
    _wrapped(" ".join(rest))


def _wrapped(text: str) -> None:
    """Text in the column of messages."""
    for paragraph in text.splitlines():
        for line in fold(paragraph, _INDENT):
            click.echo(line)


def _write_bytes(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def _list(title: str, lines: tuple[str, ...], bullet: str) -> None:
    if not lines:
        return
    click.echo(f"{title}:")
    for number, line in enumerate(lines, 1):
        mark = f"{number}." if bullet == "1" else bullet
        for text in fold(line, f"  {mark} ", " " * (len(mark) + 3)):
            click.echo(text)


def _changed(row: StatusRow) -> str:
    return f", password changed {day(row.rotated)}" if row.rotated else ""


def make_encodable() -> None:
    """A terminal that cannot show a character gets a substitute instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
