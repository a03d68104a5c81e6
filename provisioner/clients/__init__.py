"""The table of clients: one row each. The type checker holds every module against `base.Client`."""

from __future__ import annotations

from collections.abc import Callable

from provisioner.clients.base import Client
from provisioner.errors import UsageError


def _thunderbird() -> Client:
    from provisioner.clients import thunderbird

    return thunderbird


def _apple_mail() -> Client:
    from provisioner.clients import apple_mail

    return apple_mail


def _msmtp() -> Client:
    from provisioner.clients import msmtp

    return msmtp


def _mbsync() -> Client:
    from provisioner.clients import mbsync

    return mbsync


_TABLE: dict[str, Callable[[], Client]] = {  # imported when asked for, so that others cost nothing
    "thunderbird": _thunderbird,
    "apple-mail": _apple_mail,
    "msmtp": _msmtp,
    "mbsync": _mbsync,
}

CLIENT_IDS = tuple(_TABLE)


def get(client_id: str) -> Client:
    """The client with this ID, in any case. Raises UsageError that names the known ones."""
    load = _TABLE.get(client_id.lower())
    if load is None:
        raise UsageError(
            f"There is no client {client_id!r} here.",
            f"Known clients: {', '.join(CLIENT_IDS)}.",
            code="client.unknown",
        )
    return load()
