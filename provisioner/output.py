"""Shows a Report: as text while it grows, or as one JSON document at the end. Nothing else prints results."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
import sys
import textwrap
import unicodedata
from pathlib import Path
from typing import Any

import click

from provisioner import marks
from provisioner.errors import ProvisionError
from provisioner.report import (
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
)

SCHEMA = 1
"""Version of the JSON document: keys are added, never renamed or removed, under the same number."""
_NAME_WIDTH = 19
_INDENT = " " * (_NAME_WIDTH + 3)


def print_json(report: Report) -> None:
    """The whole report as one document on standard output."""
    import msgspec

    document: dict[str, Any] = {
        "schema": SCHEMA,
        "command": report.command,
        "ok": report.ok,
        "results": [_json_row(row) for row in report.rows],
        "errors": [
            {"code": error.code, "message": error.message, "next": error.hint} for error in report.errors
        ],
        "next": report.next,
    }
    _write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


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
    click.echo(f"{_mark(False)} {clean(error.message)}", err=True)
    for line in fold(clean(error.hint), "  "):
        click.echo(line, err=True)


def print_row(row: Row) -> None:
    """One row as text."""
    values = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    _print(type(row)(**{name: _cleaned(value) for name, value in values.items()}))


def clean(text: str) -> str:
    """Without control characters, and invisible ones as escapes (marks.py).

    What a server, a file or a name says must not steer the terminal, nor look like something else.
    """
    return marks.escape(
        "".join(char for char in text if char in "\n\t" or unicodedata.category(char) != "Cc")
    )


def _cleaned(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, State):
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
        click.echo(f"{_mark(False)} {row.message}")
    else:
        good = row.state is State.OK
        click.echo(f"{_mark(good)} {row.address}  in {row.title}: {row.message}")
        click.echo(f'  label "{row.label}", set up {_day(row.created)}{_changed(row)}, {_home(row.path)}')
    for line in fold(row.next, "  "):
        click.echo(line)


@_print.register
def _(row: ExportRow) -> None:
    if row.content:
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
    found = ", ".join(row.found) or "not found here"
    click.echo(f"{row.client:<{_NAME_WIDTH}} {row.title:<20} {row.support:<7} {found}")
    _wrapped(f"Account: {row.account}. Password: {row.stored}.")
    _wrapped(f"{row.versions}: {row.proof} ({row.proven}).")


@_print.register
def _(row: ProviderRow) -> None:
    click.echo(f"{row.provider:<{_NAME_WIDTH}} {row.title:<20} {', '.join(row.domains)}")
    servers = f"imap {row.imap}, smtp {row.smtp}, " if row.imap else ""
    click.echo(f"{'':<{_NAME_WIDTH}} {servers}{row.password}")


def _line(ok: bool, name: str, message: str, right: str = "") -> None:
    width = _width() - len(_INDENT)
    first, *rest = textwrap.wrap(
        message, width - len(right) - 1, break_long_words=False, break_on_hyphens=False
    ) or [""]
    click.echo(f"{_mark(ok)} {name:<{_NAME_WIDTH}} {first:<{width - len(right) - 1}} {right}".rstrip())
    _wrapped(" ".join(rest))


def _wrapped(text: str) -> None:
    """Text in the column of messages."""
    for paragraph in text.splitlines():
        for line in fold(paragraph, _INDENT):
            click.echo(line)


def fold(text: str, indent: str = "", hang: str | None = None) -> list[str]:
    """The text in lines no longer than the terminal; the second and later begin with `hang`."""
    return textwrap.wrap(
        text,
        _width(),
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_long_words=False,
        break_on_hyphens=False,
    )


def _width() -> int:
    return min(max(shutil.get_terminal_size().columns, 40), 100)


def _home(path: str) -> str:
    """The path with `~` for the home."""
    home = str(Path.home())
    return f"~{path[len(home) :]}" if path.startswith(home + os.sep) else path


def _mark(ok: bool) -> str:
    sign, plain, colour = ("✓", "ok", "green") if ok else ("✗", "x", "red")
    return click.style(sign if _can_show(sign) else plain, fg=colour)


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


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


def _day(time: str) -> str:
    return time.partition("T")[0]


def _changed(row: StatusRow) -> str:
    return f", password changed {_day(row.rotated)}" if row.rotated else ""


def make_encodable() -> None:
    """A terminal that cannot show a character gets a substitute instead of a crash."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
