"""A submission server as iCloud's: port 587, STARTTLS, then a login with the full address; keeps the mail."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.live.lab import Lab


@dataclass
class Submission:
    """`passwords`: address -> password, read at every login, so a change counts at once."""

    lab: Lab
    passwords: Mapping[str, str]
    logins: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    mails: list[EmailMessage] = field(default_factory=list)
    deliver: Callable[[str, bytes], None] | None = None
    """Takes each recipient and the mail on its way to the mailbox; without it the mail is only kept."""
    log: list[str] = field(default_factory=list)
    _controller: Controller | None = None

    def __enter__(self) -> Submission:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.lab.certificate)
        self._controller = Controller(
            self,
            hostname="127.0.0.1",
            port=587,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            auth_require_tls=True,
            authenticator=self._authenticate,
            ident="submission",
            server_hostname="smtp.mail.me.com",
        )
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._controller is not None:
            self._controller.stop()

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: object
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user, password = data.login.decode(), data.password.decode()
        good = session.ssl is not None and "@" in user and self.passwords.get(user) == password
        (self.logins if good else self.failures).append(user)
        self.log.append(f"{time.strftime('%T')} {'login' if good else 'rejected login'} {user}")
        return AuthResult(success=good, handled=good)

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.log.append(f"{time.strftime('%T')} EHLO {'over TLS' if session.ssl else 'in clear'}")
        return responses

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = (
            envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        )
        message = message_from_bytes(content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append(message)
        self.log.append(f"{time.strftime('%T')} message {message['Subject']!r}")
        for recipient in envelope.rcpt_tos if self.deliver else ():
            await asyncio.to_thread(self.deliver, recipient, content)  # type: ignore[arg-type]
        return "250 2.6.0 kept"
