"""The way to a server: addresses side by side, the first that connects."""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from provisioner.check import Conditions, Target, Timeouts, check_service, reach
from provisioner.check.diagnosis import Fault
from provisioner.check.wire import Wire
from provisioner.model import Security
from provisioner.secret import Secret
from tests.servers import PASSWORD, Scenario, Server, client_context, full_backlog

V4, V6 = socket.AF_INET, socket.AF_INET6


def answers(monkeypatch: pytest.MonkeyPatch, *places: tuple[int, str, int]) -> None:
    """Makes every name have these addresses."""
    rows = [
        (family, socket.SOCK_STREAM, 6, "", (host, port, 0, 0) if family == V6 else (host, port))
        for family, host, port in places
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@contextmanager
def listeners(count: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        yield [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]


def port_of(listener: socket.socket) -> int:
    port: int = listener.getsockname()[1]
    return port


def connect(seconds: float = 20) -> Wire:
    return reach.connect("mail.example", 1, seconds=seconds, deadline=time.monotonic() + seconds)


def peer(wire: Wire) -> Any:
    name = wire._sock.getpeername()
    wire.close()
    return name[1]


def test_a_black_hole_on_ipv6_does_not_cost_the_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_backlog("::1") as hole, Server(Scenario("", "imap", "tls", "ok")) as server:
        answers(monkeypatch, (V6, "::1", hole), (V4, "127.0.0.1", server.port))
        result = check_service(
            "imap",
            Target("localhost", 1, Security.TLS, ("jane",)),
            Secret(PASSWORD),
            Conditions(timeouts=Timeouts(connect=40, total=60), context=client_context()),
        )
    assert result.ok, result.message
    assert result.seconds < 20  # the wait for the black hole would be 40
    assert set(result.layers) == {"dns", "tcp", "tls", "greeting", "login", "mailboxes"}
    assert all(seconds >= 0 for seconds in result.layers.values())


def test_the_families_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [reach.Address(V6, "a"), reach.Address(V6, "b"), reach.Address(V4, "c"), reach.Address(V6, "d")]
    assert [address.place for address in reach._in_turn(places)] == ["a", "c", "b", "d"]
    assert [address.place for address in reach._in_turn(places[2:])] == ["c", "d"]


def test_an_address_that_refuses_gives_way_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "HEAD_START", 1)
    with listeners(1) as [good], full_backlog() as hole:
        refusing = [(V6, "::1", closed_port())] + [(V4, "127.0.0.1", closed_port())] * 20
        refusing += [(V6, "fe80::1", 1)] * 20  # without its interface it fails before a packet is sent
        answers(monkeypatch, (V4, "127.0.0.1", hole), *refusing, (V4, "127.0.0.1", port_of(good)))
        assert peer(connect(10)) == port_of(good)


def test_the_first_that_connects_wins_and_the_others_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[socket.socket] = []
    real = socket.socket

    def opening(*args: Any) -> socket.socket:
        opened.append(real(*args))
        return opened[-1]

    with listeners(2) as [first, second], full_backlog() as hole:
        answers(
            monkeypatch,
            (V4, "127.0.0.1", hole),
            (V4, "127.0.0.1", port_of(first)),
            (V4, "127.0.0.1", port_of(second)),
        )
        monkeypatch.setattr(socket, "socket", opening)
        wire = connect()
        monkeypatch.setattr(socket, "socket", real)
        assert peer(wire) == port_of(first)
    assert len(opened) >= 2
    assert all(sock.fileno() == -1 for sock in opened)


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        ({errno.ECONNREFUSED: "", errno.ETIMEDOUT: ""}, "net.timeout"),
        ({errno.ECONNREFUSED: "", errno.ENETUNREACH: "no way"}, "net.refused"),
        ({errno.ENETUNREACH: "no way"}, "net.unreachable"),
        ({errno.ECONNRESET: "", errno.ETIMEDOUT: ""}, "greet.dropped"),
    ],
)
def test_silence_outranks_refusal(failed: dict[int, str], code: str) -> None:
    fault = reach._why(failed)
    assert fault.code == code
    assert fault.facts.get("text", "no way") == "no way"


def test_all_addresses_share_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with full_backlog() as hole:
        answers(monkeypatch, *[(V4, "127.0.0.1", hole)] * 3, (V4, "127.0.0.1", closed_port()))
        with pytest.raises(Fault) as caught:
            connect(1)
    assert caught.value.code == "net.timeout"
