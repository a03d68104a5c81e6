"""How many passwords one account may still be sent: several wrong ones in a row lock it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from provisioner.accounts import Target

MAX_SENDS = 2
"""How often one service is given a password, under whatever names and methods: more can lock the account."""


class Tries:
    """Of one run with many logins: what was not accepted, whichever logins it came from.

    Two logins are of one account if they go to one server and share the likeliest form of the user name, or
    one with an @. A local part that comes second may be somebody else's: many domains have an `info`.
    """

    def __init__(self) -> None:
        self._refused: Counter[tuple[str, str, str]] = Counter()
        self._lock = threading.Lock()

    def left(self, service: str, target: Target) -> int:
        """How often this login may still be tried."""
        if not self._refused:
            return MAX_SENDS
        with self._lock:
            most = max(self._refused[key] for key in _keys(service, target, _names(target)))
        return max(0, MAX_SENDS - most)

    def refuse(self, service: str, target: Target, tried: Iterable[str], times: int) -> None:
        """A password was sent so many times and not accepted, under the user names in `tried`."""
        with self._lock:
            for key in _keys(service, target, {*_names(target), *tried}):
                self._refused[key] += times


def _names(target: Target) -> set[str]:
    first, *others = target.usernames
    return {first, *(name for name in others if "@" in name)}


def _keys(service: str, target: Target, names: Iterable[str]) -> set[tuple[str, str, str]]:
    return {(service, target.host.lower(), name.lower()) for name in names}
