"""The table of exports: what `export` makes beside the files of clients. Nothing here is detected or planned.

The type checker holds every module against `base.Export`.
"""

from __future__ import annotations

import importlib
import shlex
from typing import TYPE_CHECKING, cast

from provisioner import clients
from provisioner.clients.base import no_export
from provisioner.errors import UsageError
from provisioner.exports.base import Export, Holds, Made
from provisioner.nearby import did_you_mean
from provisioner.steps import ours

MODULE_IDS = ("outlook", "thunderbird-android", "thunderbird-policies", "autoconfig", "autodiscover")
"""The module of an export is its ID with `_` for `-`."""
CARD_IDS = (
    "card",
    "outlook-new",
    "windows-mail",
    "spark",
    "canary",
    "em-client",
    "ios-mail",
    "gmail-android",
    "k9-mail",
    "fairemail",
    "samsung-email",
)
"""Each is a file templates/card/ID.yaml."""
EXPORT_IDS = MODULE_IDS + CARD_IDS
"""In the order in which they are shown."""

if TYPE_CHECKING:
    from provisioner.exports import (
        autoconfig,
        autodiscover,
        outlook,
        thunderbird_android,
        thunderbird_policies,
    )

    _CHECKED: tuple[Export, ...] = (
        outlook,
        thunderbird_android,
        thunderbird_policies,
        autoconfig,
        autodiscover,
    )


def get(what: str, address: str = "EMAIL") -> Export:
    """The export with this ID, in any case, else what the client with this ID exports.

    Raises UsageError: `export.unknown` with what there is, or `client.no_export`; both with the next command
    for `address`.
    """
    known = what.lower()
    if known in MODULE_IDS:
        return cast(Export, importlib.import_module(f"provisioner.exports.{known.replace('-', '_')}"))
    if known in CARD_IDS:
        from provisioner.exports import card

        return card.load(known)
    if known not in clients.CLIENT_IDS:
        raise UsageError(
            f"There is nothing called {what!r} to export.",
            did_you_mean(
                what,
                (*clients.CLIENT_IDS, *EXPORT_IDS),
                f"Known here: apple-mail, {', '.join(EXPORT_IDS)}; `card` suits any other client.",
                shlex.join(("provisioner", "export", address)),
            ),
            code="export.unknown",
        )
    client = clients.get(known)
    if client.export is no_export:
        raise UsageError(
            f"{client.TITLE} cannot be set up by a file.",
            f"Set it up on the computer itself:{ours('setup', address, client.ID)}",
            code="client.no_export",
        )
    return Made(client.ID, client.TITLE, client.SUPPORT, client.ABOUT, Holds.FILE, client.export)
