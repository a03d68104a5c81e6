"""The table of clients: one explicit row each. A module satisfies `base.Client`."""

from __future__ import annotations

import importlib
from typing import cast

from provisioner.clients.base import Client
from provisioner.errors import UsageError

_MODULES = {
    "thunderbird": "provisioner.clients.thunderbird",
    "apple-mail": "provisioner.clients.apple_mail",
}

CLIENT_IDS = tuple(_MODULES)


def get(client_id: str) -> Client:
    """The client with this ID. Raises UsageError that names the known ones."""
    client_id = client_id.lower()
    if client_id not in _MODULES:
        raise UsageError(
            f"There is no client {client_id!r} here.",
            f"Known clients: {', '.join(CLIENT_IDS)}.",
            code="client.unknown",
        )
    return cast(Client, importlib.import_module(_MODULES[client_id]))
