"""Words of shell commands, and of programs that read their configuration as a shell does."""

from __future__ import annotations

import shlex

from provisioner.quoting.base import Quoted, one_line


def shell(value: str | int) -> Quoted:
    """One word (POSIX.1-2017, Shell Command Language, 2.2): in single quotes nothing is special.

    s-nail reads words in the same way (s-nail(1), Shell-style argument quoting).
    """
    return Quoted(shlex.quote(one_line(str(value), "a shell")))
