"""The way to a server: its addresses, and the first of them that connects.

Happy eyeballs (RFC 8305) with threads and a selector: asyncio has it too, but takes longer to import than
a check may cost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, Literal, NamedTuple

from provisioner.check.diagnosis import Fault
from provisioner.check.timing import timed
from provisioner.check.wire import Transcript, Wire

HEAD_START = 0.25
"""Seconds that an address has for itself before the next is tried beside it (RFC 8305, section 5)."""
_UNDER_WAY = (errno.EINPROGRESS, errno.EWOULDBLOCK, getattr(errno, "WSAEWOULDBLOCK", errno.EINPROGRESS))


class Address(NamedTuple):
    family: int
    place: Any
    """What `socket.connect` takes: host, port and, for IPv6, flow and scope."""


class Addresses:
    """What look-ups gave, kept for one run of many logins; a name that was not found is asked for again."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], list[Address]] = {}

    def of(self, host: str, port: int, until: float) -> list[Address]:
        """As `look_up`."""
        if (host, port) not in self._found:
            self._found[host, port] = look_up(host, port, until)
        return self._found[host, port]


def connect(
    host: str,
    port: int,
    *,
    seconds: float,
    deadline: float,
    transcript: Transcript | None = None,
    timings: dict[str, float] | None = None,
    addresses: Addresses | None = None,
) -> Wire:
    """Connects to the first address that answers; all of them share `seconds`. Raises Fault `net.*`."""
    timings = {} if timings is None else timings
    until = min(deadline, time.monotonic() + seconds)
    with timed(timings, "dns"):
        found = (addresses or Addresses()).of(host, port, until)
    with timed(timings, "tcp"):
        sock, address = _first(_in_turn(found), until)
    with contextlib.suppress(OSError):  # some systems refuse it once the peer has gone
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire = Wire(sock, deadline, transcript, timings)
    if transcript:
        wire.note("*", f"connected to {host} ({address.place[0]}) port {port}".encode())
    return wire


def look_up(host: str, port: int, until: float) -> list[Address]:
    """The addresses of `host`. Raises Fault `net.dns`; its fact `answer` is `no` if there is no such name."""
    found = resolve(host, port, until)
    if isinstance(found, str):
        raise Fault("net.dns", answer=found)
    return [Address(row[0], row[4]) for row in found]


def resolve(host: str, port: int, until: float, flags: int = 0) -> list[Any] | Literal["no", "none"]:
    """What getaddrinfo gives; `no`: there is no such name, `none`: no answer came.

    The system's resolver knows no time limit, so it runs beside us.
    """
    answer: queue.SimpleQueue[list[Any] | Literal["no", "none"]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags) if host else "no")
        except socket.gaierror as error:
            answer.put("none" if error.errno == socket.EAI_AGAIN else "no")
        except (OSError, ValueError):  # ValueError: not a name at all (UnicodeError, NUL)
            answer.put("no")

    threading.Thread(target=ask, daemon=True, name="look-up").start()
    try:
        return answer.get(timeout=max(0.0, until - time.monotonic())) or "no"
    except queue.Empty:
        return "none"


def _in_turn(addresses: list[Address]) -> Iterator[Address]:
    """The families in turn, beginning with the one that the system prefers (RFC 8305, section 4)."""
    first = [address for address in addresses if address.family == addresses[0].family]
    rest = [address for address in addresses if address.family != addresses[0].family]
    for pair in zip_longest(first, rest):
        yield from filter(None, pair)


def _first(addresses: Iterable[Address], until: float) -> tuple[socket.socket, Address]:
    """A socket to the first address that connects; all others are closed."""
    waiting = deque(addresses)
    if len(waiting) == 1:
        return _only(waiting[0], until)
    failed: dict[int, str] = {}
    with selectors.DefaultSelector() as selector, contextlib.ExitStack() as others:
        next_start = 0.0
        while waiting or selector.get_map():
            now = time.monotonic()
            if now >= until:
                failed[errno.ETIMEDOUT] = ""
                break
            if waiting and (now >= next_start or not selector.get_map()):
                address = waiting.popleft()
                next_start = now + HEAD_START
                if error := _begin(address, selector, others):
                    failed[error.errno or 0] = error.strerror or str(error)
                    next_start = now
                continue
            for key, _ in selector.select((min(next_start, until) if waiting else until) - now):
                sock: Any = key.fileobj
                if not (number := sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)):
                    selector.unregister(sock)
                    return sock.dup(), key.data  # the original is closed with the others
                failed[number] = os.strerror(number)
                selector.unregister(sock)
                next_start = 0.0
    raise _why(failed)


def _only(address: Address, until: float) -> tuple[socket.socket, Address]:
    """As `_first`, for one address: with nothing to choose from, the plain way is quicker."""
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(max(0.001, until - time.monotonic()))
        sock.connect(address.place)
    except OSError as error:
        sock.close()
        number = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno or 0
        raise _why({number: error.strerror or str(error)}) from None
    return sock, address


def _begin(
    address: Address, selector: selectors.BaseSelector, opened: contextlib.ExitStack
) -> OSError | None:
    try:
        sock = opened.enter_context(socket.socket(address.family, socket.SOCK_STREAM))
        sock.setblocking(False)
        number = sock.connect_ex(address.place)
    except OSError as error:
        return error
    if number and number not in _UNDER_WAY:
        return OSError(number, os.strerror(number))
    selector.register(sock, selectors.EVENT_WRITE, address)
    return None


def _why(failed: dict[int, str]) -> Fault:
    """Silence outranks a refusal: something on the way may be dropping the connection."""
    if errno.ECONNRESET in failed:  # it was accepted, and reset before we looked
        return Fault("greet.dropped")
    if errno.ETIMEDOUT in failed:
        return Fault("net.timeout")
    if errno.ECONNREFUSED in failed:
        return Fault("net.refused")
    return Fault("net.unreachable", text=next(iter(failed.values()), ""))
