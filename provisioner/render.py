"""Renders templates/CLIENT/FILE.j2 so that no value can change the meaning of a file.

A template cannot print a string unless a quoting filter of the target syntax made it safe:
`{{ name }}` is refused, `{{ name|mozpref }}` is not (quoting/). Integers and booleans have filters, too.
"""

from __future__ import annotations

import functools
from typing import Any

import jinja2

from provisioner.errors import ProvisionError
from provisioner.quoting import FILTERS
from provisioner.quoting.base import Quoted
from provisioner.resources import data_dir


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
    environment.filters.update(FILTERS)
    return environment


def render(template: str, **values: Any) -> str:
    """The text of `template` (`CLIENT/FILE.j2`) with `values`.

    Raises ProvisionError for a faulty template and UsageError for a value that the syntax cannot hold.
    """
    try:
        return _environment().get_template(template).render(values)
    except jinja2.TemplateError as error:
        raise ProvisionError(f"The template {template} is faulty: {error}.", code="template") from error
