"""Values in curl's configuration files (`curl -K`)."""

from __future__ import annotations

from provisioner.quoting.base import Quoted, one_line


def curl(value: str) -> Quoted:
    """What stands for `value` between double quotes (curl(1), -K: backslashes and quotes are escaped)."""
    return Quoted(one_line(value.replace("\\", "\\\\").replace('"', '\\"'), "curl"))
