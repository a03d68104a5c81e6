"""Values in OfflineIMAP's configuration file."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def offlineimap(value: str | int) -> Quoted:
    """A value as Python's ConfigParser reads it: the rest of the line, `%%` for `%` (CustomConfig.py).

    The parser takes white space off both ends: what may have some is written as a Python literal.
    """
    return Quoted(one_line(str(value), "OfflineIMAP").replace("%", "%%"))


def offlineimap_section(name: str) -> Quoted:
    """A section's name, in which `%` is a plain character. Raises ValueError for one with brackets."""
    if set(name) & set("[]"):
        raise ValueError("a section's name cannot hold brackets")
    return Quoted(one_line(name, "OfflineIMAP"))
