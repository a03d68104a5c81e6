"""Renders templates/CLIENT/FILE.j2 so that no value can change the meaning of a file.

A template cannot print a string unless a quoting filter of the target syntax made it safe:
`{{ name }}` is refused, `{{ name|mozpref }}` is not. Integers and booleans have filters, too.
"""

from __future__ import annotations

import functools
from typing import Any
from xml.sax import saxutils

import jinja2

from provisioner.errors import ProvisionError, UsageError
from provisioner.resources import data_dir


class Quoted(str):
    """Text that is safe in the target syntax."""

    __slots__ = ()


def mozpref(value: str | int | bool) -> Quoted:
    """A value as prefs.js writes it (modules/libpref: only `\\ " \\n \\r` are escaped, UTF-8 stays)."""
    if isinstance(value, bool):
        return Quoted("true" if value else "false")
    if isinstance(value, int):
        return Quoted(value)
    if "\0" in value:
        raise UsageError("A preference cannot hold a NUL character.", "Remove it from the name or address.")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return Quoted(f'"{escaped}"')


def xml(value: str | int) -> Quoted:
    """Text of an XML 1.0 element. Characters that XML cannot hold are refused."""
    text = str(value)
    for char in text:
        code = ord(char)
        if (code < 0x20 and char not in "\t\n") or 0xD800 <= code <= 0xDFFF or code in (0xFFFE, 0xFFFF):
            raise UsageError(
                f"The character U+{code:04X} cannot be written to an XML file.",
                "Remove it from the name or address.",
            )
    return Quoted(saxutils.escape(text))


MSMTP_BYTES = 470
"""Of one value: a line of msmtp's file has at most 500 bytes, the command in front of the value included."""
MBSYNC_BYTES = 900
"""Of one value: a line of mbsync's file has at most 1023 bytes."""


def msmtp(value: str | int) -> Quoted:
    """An argument in msmtp's file: what is between the first and the last `"` of the line (src/conf.c)."""
    return Quoted(f'"{_one_line(str(value), MSMTP_BYTES, "msmtp")}"')


def mbsync(value: str | int) -> Quoted:
    """An argument in mbsync's file: quoted, with `\\` before quotes and backslashes (mbsync(1), 1.4)."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{_one_line(escaped, MBSYNC_BYTES, "mbsync")}"')


def _one_line(text: str, limit: int, title: str) -> str:
    try:
        too_long = len(text.encode()) > limit
    except UnicodeEncodeError:
        too_long = True
    if too_long or any(char in text for char in "\r\n\0"):
        raise UsageError(
            f"The configuration of {title} can hold only values of one line, of at most {limit} bytes.",
            "Shorten the address, user name or path, and leave out line breaks.",
            code="value.unwritable",
        )
    return text


def _only_quoted(value: object) -> object:
    if isinstance(value, Quoted):
        return value
    raise jinja2.TemplateError(f"a template printed a {type(value).__name__} without a quoting filter")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(data_dir("templates")),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - stricter: _only_quoted refuses what no filter has quoted
        finalize=_only_quoted,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(mozpref=mozpref, xml=xml, msmtp=msmtp, mbsync=mbsync)
    return environment


def render(template: str, **values: Any) -> str:
    """The text of `template` (`CLIENT/FILE.j2`) with `values`.

    Raises ProvisionError for a faulty template and UsageError for a value that the syntax cannot hold.
    """
    try:
        return _environment().get_template(template).render(values)
    except jinja2.TemplateError as error:
        raise ProvisionError(f"The template {template} is faulty: {error}.", code="template") from error
