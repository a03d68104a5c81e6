"""Values in OfflineIMAP's configuration file."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def offlineimap(value: str | int) -> Quoted:
    """A value as Python's ConfigParser reads it: the rest of the line, `%%` for `%` (CustomConfig.py).

    The parser takes white space off both ends: what may have some is written as a Python literal.
    """
    return Quoted(one_line(str(value), "OfflineIMAP").replace("%", "%%"))
