"""Shows a Report: as text while it grows, or as one JSON document at the end. Nothing else prints results."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click

from provisioner import documents, nagios, tables
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
from provisioner.text import clean, day, fold, glue, home, lay, mark, sign, width, wrap

CHANGES = {
    Change.FAILS: "does not work",
    Change.REVOKED: "worked before, and the password is rejected now",
    Change.OTHER: "does not work for another reason now",
    Change.WORKS: "works again",
    Change.ENDING: "the certificate ends soon",
    Change.RENEWED: "the certificate was renewed",
}
_NAME_WIDTH = 19
_INDEX_WIDTH = 22
_INDENT = " " * (_NAME_WIDTH + 3)


def print_json(report: Report) -> None:
    """The whole report as one document on standard output."""
    _write_bytes(documents.pretty(report))


def print_json_line(report: Report) -> None:
    """The report as a document on one line: for what never ends."""
    _write_bytes(documents.line(report))


def print_table(report: Report) -> None:
    """Many logins: a line for each account, then the causes."""
    for line in tables.lines(report):
        if line.ok is None:
            _echo(lay(clean(line.text), " " * line.indent) or [""])
        else:
            _marked(line.ok, clean(line.text))


def print_nagios(report: Report, cert_days: int) -> int:
    """One line for monitoring; its exit code."""
    health, line = nagios.judge(report, cert_days, datetime.now(UTC))
    click.echo(clean(line).replace("\n", " "))
    return int(health)


def print_end(report: Report) -> None:
    """What comes after the rows: notes about clients, what to do next, and errors on standard error."""
    _print_notes([row for row in report.rows if isinstance(row, ClientRow)])
    _echo(lay(clean(report.next)))
    for error in report.errors:
        print_error(error)


def _print_notes(rows: Sequence[ClientRow]) -> None:
    """Each note once, with the clients that it is about. Only at the end it is known who shares one."""
    about: dict[str, list[str]] = {}
    for row in rows:
        for note in row.notes:
            about.setdefault(clean(note), []).append(clean(row.title))
    if len(rows) == 1:
        for note in about:
            _wrapped(note)
    elif about:
        click.echo("Good to know:")
        for note, titles in about.items():
            first, *rest = f"{', '.join(dict.fromkeys(titles))}: {note}".splitlines()
            _echo(fold(first, "  - ", "    "))
            _echo(lay("\n".join(rest), "    "))


def print_error(error: ProvisionError) -> None:
    """One error, with what to do next, on standard error."""
    _marked(False, clean(error.message), err=True)
    _echo(lay(clean(error.hint), "  "), err=True)


def print_story(row: Row) -> None:
    """One row as text; of a login, how far it came, and the transcript if there is one."""
    print_row(row)
    if isinstance(row, CheckRow):
        steps = "  ".join(glue(f"{sign(ok)} {clean(step)}") for ok, step in tables.steps(row))
        for line in fold(steps, _INDENT):
            click.secho(line, dim=True)
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


def print_brief(row: Row) -> None:
    """One of many rows, on one line; the rest is shown where it is asked for alone."""
    if isinstance(row, SupportRow):
        first, *more = row.where or ("not found here",)
        also = f" (and {len(more)} more)" if more else ""
        found = clean(row.title if row.exported else home(first) + also)
        click.echo(f"{clean(row.client):<{_INDEX_WIDTH}} {row.support:<6} {found}")
    elif isinstance(row, GuideRow):
        click.echo(clean(f"{row.provider:<{_INDEX_WIDTH}} {row.title}: {row.term}"))
    else:
        print_row(row)


@functools.singledispatch
def _print(row: Row) -> None:
    raise TypeError(f"no text for {type(row).__name__}")


@_print.register
def _(row: CheckRow) -> None:
    mailboxes = f" {row.mailboxes} mailboxes." if row.mailboxes else ""
    _line(row.ok, row.host, row.message + mailboxes, f"{row.seconds:.1f} s")
    if row.clients:
        who = "" if row.transcript else f"{row.address}, "  # with a transcript it is fit for a report
        _wrapped(f"{who}as stored for {', '.join(row.clients)}")
    if not row.ok:
        _wrapped(_with_code(row.next, row.code))
    for note in row.notes:
        _wrapped(_with_code(f"{note.message} {note.next}", note.code))
    if (left := days_left(row.cert_expires, datetime.now(UTC))) is not None and left < CERT_DAYS:
        _wrapped(f"The certificate of {row.host} ends in {left} days ({row.cert_expires[:10]}).")


@_print.register
def _(row: ChangeRow) -> None:
    time = datetime.fromisoformat(row.time).astimezone()
    stored = f" ({', '.join(row.clients)})" if row.clients else ""
    login = f"{row.address}{stored} {row.service}"
    _marked(row.ok, f"{time:%Y-%m-%d %H:%M}  {login}: {CHANGES[row.change]}")
    _echo(fold(row.message, "  "))
    _echo(lay(_with_code(row.next, "" if row.ok or row.code == "ok" else row.code), "  "))


@_print.register
def _(row: ClientRow) -> None:
    good = row.ok and row.state not in (State.GONE, State.BY_HAND, State.LEFT_OUT)
    _line(good, row.title, row.message)
    if not good and row.next:
        _wrapped(row.next)
    for line in row.diff.splitlines():
        click.secho(line, fg={"+": "green", "-": "red", "@": "cyan"}.get(line[:1]))


@_print.register
def _(row: StatusRow) -> None:
    if not row.client:
        _marked(False, row.message)
    else:
        _marked(row.state is State.OK, f"{row.address}  in {row.title}: {row.message}")
        label = f'label "{row.label}", ' if row.label else ""
        since = f"set up {day(row.created)}{_changed(row)}, " if row.created else ""
        _echo(fold(f"{label}{since}{home(row.path)}", "  "))
    _echo(lay(row.next, "  "))


@_print.register
def _(row: ExportRow) -> None:
    if row.drawing:
        for line in row.content.splitlines():
            click.secho(line, fg="black", bg="bright_white")  # whatever the terminal's colours
    elif row.content:
        _write_bytes(row.content.encode())  # a file, whatever the terminal's encoding
    else:
        _line(True, row.client, f"written to {row.path}")
    _echo(lay(row.next), err=bool(row.content))


@_print.register
def _(row: GuideRow) -> None:
    click.secho(f"{row.title}: {row.term}", bold=True)
    _list("Before you start", row.conditions, "-")
    _list("Create it", row.create, "1")
    _list("Revoke it", row.revoke, "1")
    _list("Good to know", row.notes, "-")
    _echo(fold(f"The page: {row.create_url}"))


@_print.register
def _(row: SupportRow) -> None:
    places = (f"{found} in {home(where)}" for found, where in zip(row.found, row.where, strict=True))
    found = "by export" if row.exported else ", ".join(places) or "not found here"
    _named(row.client, f"{row.title}: {row.support}, {found}")
    _wrapped(f"Account: {row.account}. Password: {row.stored}.")
    _wrapped(f"{row.versions}: {row.proof} ({row.proven}).")


@_print.register
def _(row: ProviderRow) -> None:
    _named(row.provider, ": ".join(filter(None, (row.title, ", ".join(row.domains)))))
    _wrapped(f"imap {row.imap}, smtp {row.smtp}, {row.password}" if row.imap else row.password)


def _named(name: str, text: str) -> None:
    """A name, and what it is about in the column beside it."""
    first, *rest = fold(text, f"{name:<{len(_INDENT) - 1}} ", _INDENT)
    _echo([first, *rest])


def _line(ok: bool, name: str, message: str, right: str = "") -> None:
    room = width() - len(_INDENT)
    first, *rest = wrap(message, room - len(right) - 1) or [""]
    click.echo(f"{mark(ok)} {name:<{_NAME_WIDTH}} {first:<{room - len(right) - 1}} {right}".rstrip())
    _wrapped(" ".join(rest))


def _marked(ok: bool, text: str, *, err: bool = False) -> None:
    """Text behind a mark, folded below itself."""
    lines = [folded for line in text.splitlines() for folded in fold(line, "  ")]
    first, *rest = lines or [""]
    click.echo(f"{mark(ok)} {first[2:]}", err=err)
    _echo(rest, err=err)


def _wrapped(text: str) -> None:
    """Text in the column of messages."""
    _echo(lay(text, _INDENT))


def _with_code(text: str, code: str) -> str:
    """The code of the cause behind the first line."""
    first, *rest = text.split("\n", 1)
    return "\n".join([f"{first}  [{code}]".strip() if code else first, *rest])


def _echo(lines: Iterable[str], *, err: bool = False) -> None:
    for line in lines:
        click.echo(line, err=err)


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
        _echo(fold(line, f"  {mark} ", " " * (len(mark) + 3)))


def _changed(row: StatusRow) -> str:
    return f", password changed {day(row.rotated)}" if row.rotated else ""


def make_encodable() -> None:
    """A terminal that cannot show a character gets a substitute instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
