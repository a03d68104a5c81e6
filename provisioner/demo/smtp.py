"""The demo's SMTP side: aiosmtpd as a submission server (RFC 6409) for one user.

Importing this module needs the `demo` extra.
"""

from __future__ import annotations

import asyncio
import hmac
import ssl
from collections.abc import Awaitable, Callable

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from provisioner.secret import Secret


class Submission:
    """Who may log in, for whom mail is taken, and where it goes.

    `deliver` gets each mail; `record` is told the user name and outcome of each login.
    """

    def __init__(
        self,
        address: str,
        password: Secret,
        deliver: Callable[[bytes], Awaitable[None]],
        record: Callable[[str, bool], None],
    ) -> None:
        self._address = address
        self._password = password
        self._deliver = deliver
        self._record = record

    def change_password(self, password: Secret) -> None:
        """From the next login on, only this one is right."""
        self._password = password

    def connection(self, host: str, tls: ssl.SSLContext) -> Connection:
        """The protocol for one connection: nothing before STARTTLS, no mail before the login."""
        return Connection(
            self,
            hostname=host,
            ident="provisioner demo",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=self._authenticate,
            enable_SMTPUTF8=True,
            loop=asyncio.get_running_loop(),
        )

    def _authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: object
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        user = data.login.decode(errors="replace")
        right = hmac.compare_digest(data.password, self._password.reveal().encode())
        ok = right and user.lower() == self._address.lower()
        self._record(user, ok)
        return AuthResult(success=ok, handled=False)

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """aiosmtpd's hook: nothing leaves this computer, and nothing is dropped silently."""
        if address.lower() != self._address.lower():
            return f"550 5.7.1 The demo sends no mail out; write to {self._address}"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        """aiosmtpd's hook: the mail is here."""
        await self._deliver(envelope.content if isinstance(envelope.content, bytes) else b"")
        return "250 2.0.0 Delivered"


class Connection(SMTP):
    """aiosmtpd's protocol; `abort` ends it at once."""

    _first: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._first = self._first or transport  # STARTTLS calls again, with a wrapper of the first
        super().connection_made(transport)

    def abort(self) -> None:
        if isinstance(self._first, asyncio.WriteTransport):
            self._first.abort()
