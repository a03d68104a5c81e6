"""Which clients `setup` is about: those that were named, or those found here, as the person chooses."""

from __future__ import annotations

from collections.abc import Sequence

from provisioner import clients
from provisioner.accounts import Candidate
from provisioner.clients.base import Client
from provisioner.errors import UsageError
from provisioner.model import Support
from provisioner.steps import ours
from provisioner.workflows.context import Context

Chosen = list[tuple[Client, frozenset[str]]]
"""Each client, and those that it belongs together with."""

ALL = "all"
"""A name for every client that is found here."""


NOT_YET = {"contacts.none"}
"""Codes of what a client needs and another one will fetch: no failure of one that nobody named."""


def unnamed(names: Sequence[str], chosen: Chosen) -> frozenset[str]:
    """The clients that were only found here."""
    meant = clients.expand([name for name in names if name.lower() != ALL])
    return frozenset(client.ID for client, _ in chosen if client.ID not in meant)


def named(context: Context, names: Sequence[str], candidate: Candidate) -> Chosen:
    """The clients that are meant; the names of bundles and `all` stand for several. Raises UsageError."""
    if ALL in (name.lower() for name in names):
        found = _found(context, candidate)
        names = [one for name in names for one in (found if name.lower() == ALL else [name])]
    return [
        (clients.get(one, candidate.address), together) for one, together in clients.expand(names).items()
    ]


def _found(context: Context, candidate: Candidate) -> list[str]:
    """The clients that are on this computer and can have the account. Raises UsageError if there is none."""
    account = candidate.account()
    ids = [
        client.ID
        for client in map(clients.get, clients.CLIENT_IDS)
        if client.SUPPORT is not Support.GUIDE
        and (not client.ABOUT.needs or any(getattr(account, one) for one in client.ABOUT.needs))
        and client.detect(context.host)
    ]
    if not ids:
        raise UsageError(
            "No mail client that can be set up was found on this computer.",
            "`provisioner clients` lists them; `provisioner export` makes a file for another device.",
            code="client.not_installed",
        )
    return ids


def offer(context: Context, candidate: Candidate) -> Chosen:
    """The clients to set up when none was named: those found here, as the person chooses."""
    ids = _found(context, candidate)
    if not context.ui.interactive:
        raise UsageError(
            f"No client was named; found here: {', '.join(ids)}.",
            f"Name what to set up, or `{ALL}`, for example:{ours('setup', candidate.address, ids[0])}",
            code="client.not_named",
        )
    bundles = [name for name, parts in clients.BUNDLES.items() if set(parts) <= set(ids)]
    choices = [*ids, *bundles]
    picked = ids if len(ids) == 1 else context.ui.choose("Set up which clients?", choices)
    return named(context, ids if picked == choices else picked, candidate)
