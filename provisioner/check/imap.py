"""The IMAP side of the check (RFC 3501, 9051): what is said, in which order, and what the answers mean."""

from __future__ import annotations

import base64
import contextlib
import imaplib
import re
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from provisioner.check import evidence
from provisioner.check.diagnosis import Fault
from provisioner.check.dialogue import Dialogue
from provisioner.check.timing import Timeouts
from provisioner.check.wire import Wire
from provisioner.model import MailboxNames
from provisioner.outcome import Contents
from provisioner.secret import Secret

if TYPE_CHECKING:
    from provisioner.check.client import Client
    from provisioner.check.mailboxes import Row

MAX_MAILBOX_LINES = 100_000
_TAKES_PASSWORD = re.compile(r"PLAIN|LOGIN|(CRAM|DIGEST)-\w+|SCRAM-(?!.*-PLUS$).*|APOP|X-?(PLAIN|CRAM).*")
"""Ways to log in (IANA, SASL mechanisms) for which a server has passwords to compare with."""


class Answer(NamedTuple):
    """A tagged answer. `complaints`: untagged NO and BAD since the command. `alerts`: any untagged line that
    a person is to see (RFC 9051, 7.1); it may be for everybody, as Cyrus' message of the day is."""

    status: str
    text: str
    complaints: str = ""
    alerts: str = ""


class ImapSession:
    """One connection to an IMAP server. Every method raises Fault."""

    def __init__(self, wire: Wire, timeouts: Timeouts) -> None:
        self.wire = wire
        self.timeouts = timeouts
        self._dialogue: Any = Dialogue(wire)
        self._takes_id = self._tells_quota = False
        self._password = Secret("")
        self.sent = 0

    @cached_property
    def client(self) -> Client:
        """For all that is more than a login; it takes longer to load than a login may take."""
        from provisioner.check.client import Client

        return Client(self._dialogue)

    def greet(self) -> None:
        self.wire.enter("greeting", self.timeouts.greeting)
        self.read(self._dialogue._get_response)

    def starttls(self) -> None:
        """Up to the point where the TLS handshake begins."""
        self.wire.enter("hello", self.timeouts.greeting)
        if "STARTTLS" not in (offered := self._ask_capabilities()):
            raise evidence.starttls_missing(offered)
        answer = self._run("STARTTLS")
        self._blame_bye()  # a server may say OK all the same, and then close
        if answer.status != "OK":
            raise Fault("starttls.refused", text=answer.text)

    def login(self, user: str, secret: Secret, sends: int = 2, *, only_listed: bool = False) -> None:
        """AUTHENTICATE PLAIN where offered, else LOGIN; LOGIN also when PLAIN was not understood at all.

        LOGIN needs no offer (RFC 9051, 6.2.3), and servers that list only OAuth (NetEase, Aliyun), GSSAPI or
        NTLM take it. `only_listed`: this one means what it lists; without a way for passwords it gets none.
        """
        self.wire.enter("hello", self.timeouts.greeting)
        offered = self._ask_capabilities()
        methods = [word[5:] for word in offered if word.startswith("AUTH=")]
        doubtful = bool(methods) and not any(map(_TAKES_PASSWORD.fullmatch, methods))
        may_login = "LOGINDISABLED" not in offered and not (doubtful and only_listed)
        if not may_login and not {"PLAIN", "LOGIN"} & set(methods):
            raise evidence.no_way_in("imap", methods)
        self.wire.require_private()
        self._password = secret
        self._takes_id, self._tells_quota = "ID" in offered, "QUOTA" in offered
        self._dialogue.untagged_responses.pop("CAPABILITY", None)  # they change with the login
        self.wire.enter("login", self.timeouts.reply)
        if "PLAIN" in methods:
            answer = self._authenticate_plain(user, secret, sends, initial="SASL-IR" in offered)
            if not _unjudged(answer) or not may_login or self.sent >= sends:
                return self._finish_login(answer)
            self.wire.enter("login", self.timeouts.reply)
        if not may_login:
            return self._finish_login(self._authenticate_login(user, secret))
        return self._finish_login(self._plain_login(user, secret), methods if doubtful else [])

    def mailboxes(
        self, names: MailboxNames | None, *, send_id: bool = False, listing: bool = True
    ) -> Contents:
        """Opens INBOX read-only and, if `listing`, lists the mailboxes, all asked for in one go.

        `send_id`: this server wants the program's name (RFC 2971), even if it does not say so. Where only
        the inbox is opened, others that take a name get it once they refuse without one.
        """
        self.wire.enter("mailboxes", self.timeouts.reply, lines=MAX_MAILBOX_LINES)
        who = [("ID", '("name" "provisioner")')] if self._takes_id or send_id else []
        self._dialogue.inbox_only = not listing
        if not listing:
            opened = self._open_inbox(who if send_id else [])
            if opened.status == "NO" and who and not send_id:
                opened = self._open_inbox(who)
            if opened.status != "OK":
                raise evidence.inbox_refusal(opened.status, opened.text)
            return Contents()
        from provisioner.check.mailboxes import FLAGS, fullest, resolve  # loads imapclient

        asked = _listing(self._capabilities())
        tells_quota = self._tells_quota or "QUOTA" in self._capabilities()
        commands = [
            *([] if self._capabilities() else [("CAPABILITY",)]),
            *who,
            *([("GETQUOTAROOT", "INBOX")] if tells_quota else []),
            ("EXAMINE", "INBOX"),
            asked,
        ]
        tags = [self._send(*command) for command in commands]
        *_, opened, listed = [self._answer(tag) for tag in tags]
        if opened.status != "OK":
            raise evidence.inbox_refusal(opened.status, opened.text)
        found = self._listed()
        late = _listing(self._capabilities())
        if listed.status != "OK" or (late != asked and not any(row.flags & FLAGS.keys() for row in found)):
            self._run(*(late if listed.status == "OK" else _listing([])))
            found = self._listed() or found
        # A name that is the password would end up in a client's settings, in clear.
        found = [row for row in found if self._password.redact(row.name) == row.name]
        quota = fullest(self._dialogue.untagged_responses.get("QUOTA", []))
        mailboxes, count = resolve(found, names) if found else (None, 0)
        return Contents(mailboxes, count, quota)

    def _open_inbox(self, before: list[tuple[str, str]]) -> Answer:
        """EXAMINE, sent together with the commands that come `before` it."""
        tags = [self._send(*command) for command in (*before, ("EXAMINE", "INBOX"))]
        *_, opened = [self._answer(tag) for tag in tags]
        return opened

    def close(self) -> None:
        """Says good-bye and does not wait for the answer."""
        with contextlib.suppress(Fault):
            self._send("LOGOUT")
            self._dialogue.flush()
        self.wire.close()

    def _authenticate_plain(self, user: str, secret: Secret, sends: int, *, initial: bool) -> Answer:
        """SASL PLAIN (RFC 4616, UTF-8), with the initial response (RFC 4959) where it is understood."""
        response = base64.b64encode(f"\0{user}\0{secret.reveal()}".encode())
        waiting = [response] if sends > initial else []  # some servers ask although they were told
        asked = len(waiting)
        try:
            return self._run("AUTHENTICATE", "PLAIN", response if initial else None, asked_for=waiting)
        finally:
            self.sent += initial + asked - len(waiting)

    def _plain_login(self, user: str, secret: Secret) -> Answer:
        """LOGIN. What a quoted string cannot hold goes as a literal, piece by piece as the server asks."""
        pieces = [b""]
        for value in (user.encode(), secret.reveal().encode()):
            if re.fullmatch(rb"[ -~]*", value):
                pieces[-1] += b'"' + re.sub(rb'(["\\])', rb"\\\1", value) + b'" '
            else:
                pieces[-1] += b"{%d}" % len(value)
                pieces.append(value + b" ")
        pieces[-1] = pieces[-1][:-1]
        first, *waiting = pieces
        try:
            return self._run("LOGIN", first, asked_for=waiting)
        finally:
            self.sent += not waiting

    def _authenticate_login(self, user: str, secret: Secret) -> Answer:
        """SASL LOGIN (draft-murchison-sasl-login), where the command LOGIN is not allowed."""
        waiting = [base64.b64encode(value.encode()) for value in (user, secret.reveal())]
        try:
            return self._run("AUTHENTICATE", "LOGIN", asked_for=waiting)
        finally:
            self.sent += not waiting

    def _finish_login(self, answer: Answer, others: Sequence[str] = ()) -> None:
        """`others`: what the server offers instead of passwords, if it offers nothing for these."""
        if answer.status != "OK":
            raise evidence.imap_refusal(
                answer.status, answer.text, answer.alerts, others, complaints=answer.complaints
            )
        self._dialogue.state = "AUTH"

    def _capabilities(self) -> list[str]:
        """What the server has said of itself, in capitals."""
        said = self._dialogue.untagged_responses.get("CAPABILITY", [b""])[-1]
        return _text(said).upper().partition("]")[0].split()

    def _ask_capabilities(self) -> list[str]:
        """Asked for only if nothing has told them yet."""
        if not self._capabilities():
            self._run("CAPABILITY")
        return self._capabilities()

    def _listed(self) -> list[Row]:
        from provisioner.check.mailboxes import rows

        return rows(self._dialogue.untagged_responses.pop("LIST", []))

    def _run(self, name: str, *args: str | bytes | None, asked_for: list[bytes] | None = None) -> Answer:
        self._dialogue.asked_for = asked_for or []
        self._dialogue.literal = self._dialogue.give
        try:
            return self._answer(self.read(self._dialogue._command, name, *args))
        finally:
            self._dialogue.asked_for = []

    def _send(self, name: str, *args: str) -> bytes:
        """The tag of a command that goes out with the next ones."""
        tag: bytes = self._dialogue._command(name, *args)
        return tag

    def _answer(self, tag: bytes) -> Answer:
        status, [text] = self.read(self._dialogue._get_tagged_response, tag)
        said = self._dialogue.untagged_responses
        lines = {kind: [*map(_text, said.get(kind, []))] for kind in ("OK", "NO", "BAD")}
        alerts = [line for kind in lines.values() for line in kind if evidence.is_alert(line)]
        complaints = [line for line in (*lines["NO"], *lines["BAD"]) if not evidence.is_alert(line)]
        return Answer(status, _text(text), " ".join(complaints), " ".join(alerts))

    def read(self, read: Any, *args: object) -> Any:
        """Calls what waits for the server, and gives a reason if nothing comes of it."""
        try:
            return read(*args)
        except Fault:
            self._blame_bye()
            raise
        except (imaplib.IMAP4.error, ValueError):  # ValueError: a size of thousands of digits
            self._blame_bye()
            raise self.wire.fail("garbled") from None

    def _blame_bye(self) -> None:
        if bye := self._dialogue.untagged_responses.get("BYE"):
            raise evidence.imap_bye(_text(bye[0]), self.wire.stage) from None


def _text(said: bytes | tuple[bytes, bytes]) -> str:
    """A text of the server's; its beginning only where a literal follows."""
    return (said if isinstance(said, bytes) else said[0]).decode("utf-8", "replace")


def _unjudged(answer: Answer) -> bool:
    """The server did not look at the password, so another command may be tried."""
    return answer.status == "BAD" or (
        answer.status == "NO" and evidence.response_code(answer.text) == "CANNOT"
    )


def _listing(capabilities: list[str]) -> tuple[str, ...]:
    """LIST of everything; with the special uses where they must be asked for (RFC 6154, RFC 5258)."""
    extended = "SPECIAL-USE" in capabilities and "LIST-EXTENDED" in capabilities
    return ("LIST", '""', '"*"', *(["RETURN (SPECIAL-USE)"] if extended else []))
