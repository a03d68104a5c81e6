"""Names of sections and values in ConfigObj files, which khal and khard read."""

from __future__ import annotations

import re

from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted


def vdirsection(text: str) -> Quoted:
    """A name or path of letters and signs that mean only themselves. Raises UsageError for any other."""
    if not re.fullmatch(r"[A-Za-z0-9@+=~%/*._-]+", text):
        raise UsageError(
            f"khal and khard cannot have {text!r} as a name or path.",
            "Set this address up in another client.",
            code="value.unwritable",
        )
    return Quoted(text)
