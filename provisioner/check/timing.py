"""How long the check waits, and how long each layer took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

Layer = Literal["dns", "tcp", "tls", "greeting", "login", "mailboxes", "send", "arrival", "deletion"]


class timed:
    """Adds the seconds of its block to `timings`, also if the block fails."""

    __slots__ = ("_layer", "_started", "_timings")

    def __init__(self, timings: dict[str, float], layer: Layer) -> None:
        self._timings, self._layer = timings, layer

    def __enter__(self) -> None:
        self._started = time.monotonic()

    def __exit__(self, *_: object) -> None:
        spent = time.monotonic() - self._started
        self._timings[self._layer] = self._timings.get(self._layer, 0.0) + spent


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. Dovecot was seen to hold back its answer to repeated wrong logins for 17 s."""

    connect: float = 10
    """The name look-up, and again all addresses together."""
    greeting: float = 15
    """TLS, the greeting, and each answer before the login."""
    reply: float = 30
    """The answer to the login, and the mailboxes."""
    total: float = 60
    """One service, every connection and user name included."""
    arrival: float = 60
    """Until a test mail has come back."""
    slow: float = 5
    """A greeting later than this is worth a remark."""

    @classmethod
    def of(cls, total: float | None) -> Timeouts:
        """The usual ones, for one service as a whole `total` seconds if that is given."""
        return cls() if total is None else cls(total=total)
