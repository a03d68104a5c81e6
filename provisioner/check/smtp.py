"""The SMTP side of the check (RFC 5321, 3207, 4954), by smtplib over our bounded connection.

A check stops at 235; only `send` sends a mail. AUTH is written here because smtplib's own cannot hold a
password outside ASCII and tries a rejected password again with the next method, which locks accounts.
"""

from __future__ import annotations

import base64
import contextlib
import re
import smtplib
from typing import Any, cast

from provisioner.check import evidence
from provisioner.check.diagnosis import Fault
from provisioner.check.timing import Timeouts
from provisioner.check.wire import Wire
from provisioner.model import MailboxNames
from provisioner.outcome import Contents
from provisioner.secret import Secret

PROTOCOL = "SMTP"
ACCEPTED = 235
_MAX_COMMAND = 500
"""Octets of a command line (RFC 5321, 4.5.3.1.4: 512); a longer initial response goes separately."""


class SmtpSession:
    """One connection to a submission server. Every method raises Fault."""

    def __init__(self, wire: Wire, timeouts: Timeouts) -> None:
        self.wire = wire
        self.timeouts = timeouts
        # Without a name smtplib looks up this computer's own, which can hang and tells it to the server.
        self._client = smtplib.SMTP(local_hostname="[127.0.0.1]")
        self._client.sock = self._client.file = cast(Any, wire)
        self.sent = 0
        self.offered = False
        """A mail may have been taken."""

    def greet(self) -> None:
        self.wire.enter("greeting", self.timeouts.greeting)
        self.wire.lines.clear()
        with contextlib.suppress(smtplib.SMTPException):
            self._client.getreply()
        text = b"".join(self.wire.lines)
        if fault := evidence.greeting(PROTOCOL, text):
            raise fault
        self._require_valid()

    def starttls(self) -> None:
        """Up to the point where the TLS handshake begins."""
        self._hello()
        if not self._client.has_extn("starttls"):
            raise evidence.starttls_missing(list(self._client.esmtp_features))
        code, text = self._command("STARTTLS")
        if code != 220:
            raise Fault("starttls.refused", text=f"{code} {text}")

    def login(
        self,
        user: str,
        secret: Secret,
        sends: int = 2,
        *,
        only_listed: bool = False,  # noqa: ARG002 - the same call as IMAP's; here nothing else exists
    ) -> None:
        """AUTH PLAIN where offered, else AUTH LOGIN; LOGIN also when PLAIN was not understood at all."""
        self._hello()
        methods = self._client.esmtp_features.get("auth", "").upper().split()
        if not {"PLAIN", "LOGIN"} & set(methods):
            raise evidence.no_way_in("smtp", methods)
        self.wire.require_private()
        code, text = 0, ""
        if "PLAIN" in methods:
            code, text = self._auth_plain(user, secret, sends)
        if "LOGIN" in methods and code in (0, 500, 501, 502, 503, 504) and self.sent < sends:
            code, text = self._auth_login(user, secret)
        if code != ACCEPTED:
            raise evidence.smtp_refusal(code, text)

    def mailboxes(
        self,
        names: MailboxNames | None,  # noqa: ARG002 - the same call as IMAP's
        *,
        send_id: bool = False,  # noqa: ARG002
        listing: bool = True,  # noqa: ARG002
    ) -> Contents:
        """A server for sending has none."""
        return Contents()

    def send(self, address: str, mail: bytes) -> None:
        """Sends one mail from and to `address`; after it the server has taken it."""
        self.wire.enter("send", self.timeouts.reply)
        for step, command in (("MAIL", f"MAIL FROM:<{address}>"), ("RCPT", f"RCPT TO:<{address}>")):
            code, text = self._command(command)
            if not 200 <= code < 300:
                raise evidence.send_refusal("MAIL" if step == "MAIL" else "RCPT", code, text)
        self.wire.enter("send", self.timeouts.reply)
        self.offered = True
        try:
            code, raw = self._client.data(mail)
        except smtplib.SMTPDataError as error:
            raise evidence.send_refusal("DATA", error.smtp_code, self._text(error.smtp_error)) from None
        except smtplib.SMTPException:
            raise self.wire.fail("garbled") from None
        text = self._text(raw)
        if not 200 <= code < 300:
            raise evidence.send_refusal("END", code, text)

    def close(self) -> None:
        """Says good-bye and does not wait for the answer."""
        with contextlib.suppress(Fault, smtplib.SMTPException):
            self._client.putcmd("QUIT")
        self.wire.close()

    def _hello(self) -> None:
        self.wire.enter("hello", self.timeouts.greeting)
        try:
            code, raw = self._client.ehlo()
        except smtplib.SMTPException:
            raise self.wire.fail("garbled") from None
        self._require_valid()
        if code != 250:
            raise evidence.hello_refusal(code, raw.decode("utf-8", "replace"))

    def _auth_plain(self, user: str, secret: Secret, sends: int) -> tuple[int, str]:
        self.wire.enter("login", self.timeouts.reply)
        response = base64.b64encode(f"\0{user}\0{secret.reveal()}".encode()).decode()
        command = f"AUTH PLAIN {response}"
        initial = len(command) <= _MAX_COMMAND
        self.sent += initial
        code, text = self._command(command if initial else "AUTH PLAIN")
        if code == 334 and self.sent < sends:  # some servers ask although they were told
            self.sent += 1
            return self._command(response)
        return code, text

    def _auth_login(self, user: str, secret: Secret) -> tuple[int, str]:
        """LOGIN (draft-murchison-sasl-login): the server asks twice, the user name first."""
        self.wire.enter("login", self.timeouts.reply)
        code, text = self._command("AUTH LOGIN")
        for value in (user, secret.reveal()):
            if code != 334:
                return code, text
            code, text = self._command(base64.b64encode(value.encode()).decode())
        self.sent += 1
        return code, text

    def _command(self, line: str) -> tuple[int, str]:
        try:
            code, raw = self._client.docmd(line)
        except smtplib.SMTPException:
            raise self.wire.fail("garbled") from None
        return code, self._text(raw)

    def _text(self, raw: bytes | str) -> str:
        """The words of the reply that was just read, on one line."""
        self._require_valid()
        first, *rest = (raw if isinstance(raw, str) else raw.decode("utf-8", "replace")).split("\n")
        # Enhanced status codes stand in every line of a reply (RFC 2034); one is enough.
        status = re.match(r"[245]\.\d{1,3}\.\d{1,3} ", first)
        return " ".join([first, *(line.removeprefix(status[0] if status else "") for line in rest)])

    def _require_valid(self) -> None:
        if not evidence.smtp_reply_valid(self.wire.lines):
            raise self.wire.fail("garbled")
