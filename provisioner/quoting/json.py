"""Values of JSON, which several programs read as such or in a comment of ours."""

from __future__ import annotations

import json as library
from typing import Any

from provisioner.quoting.base import Quoted


def json(value: Any) -> Quoted:
    """Any value on one line of printable ASCII (RFC 8259); YAML 1.2 reads it, too."""
    return Quoted(library.dumps(value))
