"""The D-Bus of the desktop session, over which keyrings are reached; nothing waits without an end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from jeepney.bus import get_bus
from jeepney.io.blocking import DBusConnection, prep_socket

from provisioner.errors import ProvisionError

ANSWER_SECONDS = 15.0
"""How long the service may take when it can ask nobody."""
PROMPT_SECONDS = 120.0
"""How long a person may take to answer what the service asks on the screen."""
HEADLESS = "Where nobody logs in to a desktop, set command-line clients up with `--password-store pass`."
"""What helps where no keyring will ever be open: servers, cron, a login over SSH."""


class BoundedConnection(DBusConnection):  # type: ignore[misc]
    """A connection that never waits longer than `seconds` for one answer; then it raises TimeoutError."""

    def __init__(self, sock: Any, seconds: float) -> None:
        self._seconds = seconds
        super().__init__(sock)

    def send_and_get_reply(self, message: Any, *, timeout: float | None = None) -> Any:
        return super().send_and_get_reply(message, timeout=self._seconds if timeout is None else timeout)

    def recv_until_filtered(self, queue: Any, *, timeout: float | None = None) -> Any:
        return super().recv_until_filtered(queue, timeout=self._seconds if timeout is None else timeout)


def has_screen(env: Mapping[str, str]) -> bool:
    """Someone can be asked something."""
    return bool(env.get("DISPLAY") or env.get("WAYLAND_DISPLAY"))


@contextlib.contextmanager
def connect(env: Mapping[str, str]) -> Iterator[BoundedConnection]:
    """A connection that ends with the block. Raises ProvisionError (`keyring.none`) without a session."""
    try:
        sock = prep_socket(_address(env))
    except (OSError, ValueError, RuntimeError):
        sock = None
    if sock is None:
        raise ProvisionError(
            "There is no D-Bus session here, so no keyring can be reached.",
            f"Run this in a terminal of your desktop session. {HEADLESS}",
            code="keyring.none",
        )
    with sock, BoundedConnection(sock, PROMPT_SECONDS if has_screen(env) else ANSWER_SECONDS) as bus:
        yield bus


def _address(env: Mapping[str, str]) -> str:
    """The socket of the session bus; without a variable where GLib, so `secret-tool`, looks for it."""
    if address := env.get("DBUS_SESSION_BUS_ADDRESS"):
        return str(get_bus(address))
    return env.get("XDG_RUNTIME_DIR", "/nonexistent") + "/bus"
