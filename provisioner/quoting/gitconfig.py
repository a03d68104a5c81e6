"""Values and subsection names in git's configuration files."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def gitconfig(value: str | int) -> Quoted:
    """A string in double quotes, as a value or in `[section "..."]` (git-config(1), Syntax)."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return Quoted(f'"{one_line(escaped, "git")}"')
