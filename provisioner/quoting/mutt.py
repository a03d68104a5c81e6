"""Words in the configuration of mutt and NeoMutt."""

from __future__ import annotations

import re

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted, one_line


def mutt(value: str | int) -> Quoted:
    """One word, in double quotes, where `\\` takes the meaning of the next character (muttrc(5), QUOTING).

    Inside quotes only a backslash, a quote, `$` (a variable) and a backtick (a command) mean anything. The
    result can be quoted again: commands of hooks are read twice.
    """
    return Quoted('"' + re.sub(r'([\\"$`])', r"\\\1", one_line(str(value), "mutt")) + '"')


def muttcommand(command: str) -> Quoted:
    """A word that is the first line of what a shell command prints, whatever that line holds.

    Raises UsageError (`value.unwritable`) for a backtick in the command, which nothing can escape, and for
    backslashes and `$`, which NeoMutt replaces (unlike mutt) before the shell sees them.
    """
    if any(char in command for char in "`\\$"):
        raise UsageError(
            "mutt cannot run a command that has a backtick, a backslash or a dollar sign in it.",
            "Set this address up in another client, or move `keyring` to a path without them.",
            code="value.unwritable",
        )
    return Quoted(f'"`{one_line(command, "mutt")}`"')
