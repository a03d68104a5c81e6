"""The table of clients: one row each. The type checker holds every module against `base.Client`."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from provisioner.clients.base import Client
from provisioner.errors import UsageError
from provisioner.nearby import did_you_mean
from provisioner.steps import ours

CLIENT_IDS = (
    "thunderbird",
    "apple-mail",
    "claws-mail",
    "sylpheed",
    "msmtp",
    "mbsync",
    "getmail",
    "mpop",
    "fetchmail",
    "imapfilter",
    "git-send-email",
    "offlineimap",
    "s-nail",
    "emacs",
    "curl",
    "mutt",
    "neomutt",
    "aerc",
    "notmuch",
    "mu",
    "alpine",
    "vdirsyncer",
    "khal",
    "khard",
    "mblaze",
    "himalaya",
    "meli",
    "goimapnotify",
    "evolution",
    "geary",
    "gnome-online-accounts",
    "kmail",
    "balsa",
)
"""In the order in which they are shown. The module of a client is its ID with `_` for `-`."""

BUNDLES = {"mutt-stack": ("mbsync", "msmtp", "neomutt", "notmuch")}
"""Names for clients that work together; each is told of the others by `Options.together`."""

ALIKE = {"mutt": ("neomutt",), "neomutt": ("mutt",)}
"""Clients that may read one and the same file: an account there is one of them all."""

LAST = ("goimapnotify",)
"""Clients that are set up after the others of a run: they look at what those have."""

if TYPE_CHECKING:
    from provisioner.clients import (
        aerc,
        alpine,
        apple_mail,
        balsa,
        claws_mail,
        curl,
        emacs,
        evolution,
        fetchmail,
        geary,
        getmail,
        git_send_email,
        gnome_online_accounts,
        goimapnotify,
        himalaya,
        imapfilter,
        khal,
        khard,
        kmail,
        mblaze,
        mbsync,
        meli,
        mpop,
        msmtp,
        mu,
        mutt,
        neomutt,
        notmuch,
        offlineimap,
        s_nail,
        sylpheed,
        thunderbird,
        vdirsyncer,
    )

    _CHECKED: tuple[Client, ...] = (
        thunderbird,
        apple_mail,
        claws_mail,
        sylpheed,
        msmtp,
        mbsync,
        getmail,
        mpop,
        fetchmail,
        imapfilter,
        git_send_email,
        offlineimap,
        s_nail,
        emacs,
        mutt,
        neomutt,
        curl,
        aerc,
        notmuch,
        mu,
        alpine,
        vdirsyncer,
        khal,
        khard,
        mblaze,
        himalaya,
        meli,
        goimapnotify,
        evolution,
        geary,
        gnome_online_accounts,
        kmail,
        balsa,
    )


def expand(names: Iterable[str]) -> dict[str, frozenset[str]]:
    """The clients that are named, bundles taken apart: ID -> the clients that it belongs together with.

    A name that is no bundle is kept as it is; `get` raises for it.
    """
    found: dict[str, frozenset[str]] = {}
    for name in names:
        for one in BUNDLES.get(name.lower(), ()):
            found.pop(one, None)  # in the order of the bundle: what the others work by comes first
            found[one] = frozenset(BUNDLES[name.lower()])
        if name.lower() not in BUNDLES:
            found.setdefault(name, frozenset())
    return found


def get(client_id: str, address: str = "EMAIL") -> Client:
    """The client with this ID, in any case; imported now, so that others cost nothing.

    Raises UsageError that names the known ones, or the command for `address` that makes it elsewhere.
    """
    known = client_id.lower()
    if known in BUNDLES:
        raise UsageError(
            f"{known} is several clients, and one is wanted here.",
            f"Name one of them: {', '.join(BUNDLES[known])}.",
            code="client.bundle",
        )
    if known not in CLIENT_IDS:
        from provisioner import exports  # it needs this table itself

        if known in exports.EXPORT_IDS:
            raise UsageError(
                f"{client_id} is not set up on this computer: it is made for use elsewhere.",
                f"Make it with:{ours('export', address, known)}",
                code="client.only_export",
            )
        raise UsageError(
            f"There is no client {client_id!r} here.",
            did_you_mean(
                client_id,
                (*CLIENT_IDS, *BUNDLES),
                f"Known clients: {', '.join(CLIENT_IDS)}. Several at once: {', '.join(BUNDLES)}.",
                "provisioner clients",
            ),
            code="client.unknown",
        )
    return cast(Client, importlib.import_module(f"provisioner.clients.{known.replace('-', '_')}"))


def holds_password(client_id: str) -> bool:
    """False for a client that works on what another program fetches; one of another version may hold one."""
    return client_id not in CLIENT_IDS or get(client_id).ABOUT.holds_password
