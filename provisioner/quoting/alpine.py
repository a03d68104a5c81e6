"""Values in alpine's configuration files."""

from __future__ import annotations

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted, one_line


def alpine(value: str) -> Quoted:
    """A value in double quotes, which alpine takes off (pith/conf.c).

    Raises UsageError (`value.unwritable`) for `"`, backslashes and `$` (a variable of the environment).
    """
    if set(value) & set('"\\$'):
        raise UsageError(
            'alpine cannot have a double quote, a backslash or a dollar sign in a name, as in "$x".',
            "Leave them out of the name, or set this account up in another client.",
            code="value.unwritable",
        )
    return Quoted(f'"{one_line(value, "alpine")}"')


def alpinefolder(value: str) -> Quoted:
    """The same without quotes, for what stands between words of alpine's own."""
    return Quoted(alpine(value)[1:-1])
