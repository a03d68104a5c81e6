"""An IMAP and SMTP server inside this process, on loopback only, for `provisioner demo` and for tests.

It behaves as iCloud does where that matters for setting up a client: IMAP over TLS takes the local part or
the full address as user name, SMTP submission insists on STARTTLS and takes the full address only, the
mailboxes have iCloud's names and SPECIAL-USE (RFC 6154) is not offered.

Importing this module raises ProvisionError (`demo.extra`) if the libraries of the extra are missing.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from asyncio import StreamReader, StreamWriter
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import NamedTuple
from weakref import WeakSet

from provisioner.errors import ProvisionError
from provisioner.secret import Secret

try:
    from provisioner.demo.certificate import HOST, Certificate
    from provisioner.demo.imap import Imap
    from provisioner.demo.smtp import Connection, Submission
except ImportError as error:
    raise ProvisionError(
        f"The demo needs a mail server that is not installed (no module {error.name}).",
        "pip install 'mail-provisioner[demo]', or in a checkout: pip install '.[demo]'",
        code="demo.extra",
    ) from error

_INTERFACE = "127.0.0.1"
_SETTLE = 0.01
"""Seconds for a few turns of the event loop."""
_NOISY = ("asyncio", "mail", "pymap")
_log = logging.getLogger(__name__)


class LoginAttempt(NamedTuple):
    """One login that a client tried; `service` is `imap` or `smtp`."""

    service: str
    user: str
    ok: bool


class DemoServer:
    """A context manager: inside it `address` with `password` can log in to IMAP and SMTP on `localhost`.

    `directory` gets one file, `ca_file`: the certificate (PEM) of the authority that signed the server's.
    Raises ProvisionError (`demo.server`) if it cannot start.
    """

    host = HOST

    def __init__(self, address: str, password: Secret, directory: Path) -> None:
        self.address = address
        self.ca_file = directory / "demo-ca.pem"
        self.certificate = Certificate()
        self.imap_port = 0
        self.smtp_port = 0
        self._password = password
        self._logins: list[LoginAttempt] = []
        # The libraries log what clients send, passwords included, and each hang-up: not while we run them.
        self._levels = {logger: logger.level for logger in map(logging.getLogger, _NOISY)}
        self._ports: Future[tuple[int, int]] = Future()
        self._thread = threading.Thread(target=self._run, name="demo mail server", daemon=True)
        self._services: tuple[Imap | Submission, ...] = ()
        self._stop: asyncio.Event
        self._loop: asyncio.AbstractEventLoop

    @property
    def logins(self) -> tuple[LoginAttempt, ...]:
        """The logins tried so far, oldest first."""
        return tuple(self._logins)

    def cert_override(self) -> str:
        """The content of a Thunderbird profile's `cert_override.txt` that trusts this server alone."""
        return self.certificate.override(self.imap_port, self.smtp_port)

    def change_password(self, password: Secret) -> None:
        """The account gets a new app-specific password and the old one is revoked."""
        for service in self._services:
            service.change_password(password)

    def __enter__(self) -> DemoServer:
        for logger in self._levels:
            logger.setLevel(logging.CRITICAL)
        try:
            self.certificate.write_authority(self.ca_file)
            self._thread.start()
            self.imap_port, self.smtp_port = self._ports.result()
        except OSError as error:
            self._restore_logging()
            raise ProvisionError(
                f"The demo server cannot start: {error.strerror or error}.",
                f"Check that {self.ca_file.parent} can be written to and that {_INTERFACE} works.",
                code="demo.server",
            ) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._restore_logging()

    def _restore_logging(self) -> None:
        for logger, level in self._levels.items():
            logger.setLevel(level)

    def _record(self, service: str, user: str, ok: bool) -> None:
        self._logins.append(LoginAttempt(service, user, ok))

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ports.done():
                raise
            self._ports.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        # A client that hangs up half-way is no news.
        self._loop.set_exception_handler(lambda _, context: _log.debug("%s", context.get("message")))
        connections: WeakSet[asyncio.WriteTransport | Connection] = WeakSet()
        tls = self.certificate.context()
        imap = await Imap.create(self.address, self._password, functools.partial(self._record, "imap"))
        submission = Submission(
            self.address, self._password, imap.deliver, functools.partial(self._record, "smtp")
        )
        self._services = (imap, submission)

        async def imap_client(reader: StreamReader, writer: StreamWriter) -> None:
            connections.add(writer.transport)
            await imap(reader, writer)

        def smtp_client() -> Connection:
            connection = submission.connection(HOST, tls)
            connections.add(connection)
            return connection

        imap_server = await asyncio.start_server(imap_client, _INTERFACE, 0, ssl=tls)
        smtp_server = await self._loop.create_server(smtp_client, _INTERFACE, 0)
        try:
            self._ports.set_result((_port(imap_server), _port(smtp_server)))
            await self._stop.wait()
        finally:
            imap_server.close()
            smtp_server.close()
            # First the tasks, for they may say goodbye; then whatever connection is still open.
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in list(connections):
                connection.abort()
            await asyncio.sleep(_SETTLE)  # each protocol is told that its connection is lost


def _port(server: asyncio.Server) -> int:
    port: int = server.sockets[0].getsockname()[1]
    return port
