"""What holds for every quoting filter, whatever its syntax; its meaning: tests/live/test_syntax*."""

from __future__ import annotations

import pytest

from provisioner.errors import UsageError
from provisioner.quoting import FILTERS
from provisioner.quoting.base import Quoted


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_no_filter_lets_a_line_end_or_nul_through_as_it_is(name: str, value: str) -> None:
    try:
        quoted = FILTERS[name](value)
    except UsageError:
        return
    assert isinstance(quoted, Quoted)
    if name not in WITH_LINES:
        assert value[1] not in quoted


WITH_LINES = {"xml"}
"""Texts in which a line end is a character like any other."""
