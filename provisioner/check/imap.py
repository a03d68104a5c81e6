"""The IMAP side of the check (RFC 3501, 9051): few round trips, all of them bounded.

The dialogue is our own because a library hides what tells causes apart, and costs round trips: it asks
CAPABILITY although the greeting said it, sends no initial SASL response and cannot send commands together.
"""

from __future__ import annotations

import base64
import contextlib
import re
from typing import NamedTuple

from provisioner.check import evidence
from provisioner.check.diagnosis import Fault
from provisioner.check.mailboxes import FLAGS, Row, parse, resolve
from provisioner.check.timing import Timeouts
from provisioner.check.wire import Wire
from provisioner.model import Mailboxes, MailboxNames
from provisioner.secret import Secret

PROTOCOL = "IMAP"
MAX_MAILBOX_LINES = 100_000
_LITERAL = re.compile(rb"\{(\d{1,10})\+?\}\r?\n\Z")
_CAPABILITY = re.compile(rb"(?:\A|\[)CAPABILITY ([^\]\r\n]*)", re.I)
_OAUTH = {"AUTH=XOAUTH2", "AUTH=OAUTHBEARER"}


class Answer(NamedTuple):
    """A tagged answer and the untagged ones (text and literals in turn) since the command."""

    status: str
    text: str
    untagged: list[list[bytes]]


class ImapSession:
    """One connection to an IMAP server. Every method raises Fault."""

    def __init__(self, wire: Wire, timeouts: Timeouts) -> None:
        self.wire = wire
        self.timeouts = timeouts
        self.capabilities: list[str] | None = None
        self._takes_id = False
        self._password = Secret("")
        self._count = 0

    def greet(self) -> None:
        self.wire.enter("greeting", self.timeouts.greeting)
        line = self.wire.readline()
        if fault := evidence.greeting(PROTOCOL, line):
            raise fault
        self._learn(line)

    def starttls(self) -> None:
        """Up to the point where the TLS handshake begins."""
        self.wire.enter("hello", self.timeouts.greeting)
        if "STARTTLS" not in (offered := self._ask_capabilities()):
            raise evidence.starttls_missing(offered)
        answer = self._run(b"STARTTLS")
        if answer.status != "OK":
            raise Fault("starttls.refused", text=answer.text)

    def login(self, user: str, secret: Secret) -> None:
        """AUTHENTICATE PLAIN where offered, else LOGIN; LOGIN also when PLAIN was not understood at all."""
        self.wire.enter("hello", self.timeouts.greeting)
        offered = self._ask_capabilities()
        methods = [word for word in offered if word.startswith("AUTH=")]
        may_login = "LOGINDISABLED" not in offered and not (methods and set(methods) <= _OAUTH)
        if "AUTH=PLAIN" not in methods and not may_login:
            if methods:
                raise Fault("auth.no_common_method", methods=", ".join(word[5:] for word in methods))
            raise Fault("auth.disabled_plain")
        self.wire.require_private()
        self._password = secret
        self._takes_id = "ID" in offered
        self.capabilities = None  # they change with the login
        self.wire.enter("login", self.timeouts.reply)
        if "AUTH=PLAIN" in methods:
            answer = self._authenticate_plain(user, secret, initial="SASL-IR" in offered)
            if not _unjudged(answer) or not may_login:
                return self._finish_login(answer)
            self.wire.enter("login", self.timeouts.reply)
        return self._finish_login(self._plain_login(user, secret))

    def mailboxes(self, names: MailboxNames | None) -> tuple[Mailboxes | None, int]:
        """Opens INBOX read-only and lists the mailboxes, all asked for in one go."""
        self.wire.enter("mailboxes", self.timeouts.reply, lines=MAX_MAILBOX_LINES)
        commands = [b"EXAMINE INBOX", _list_command(self.capabilities or [])]
        if self._takes_id:
            # Some providers (163.com, 126.com) open no mailbox before a program says its name (RFC 2971).
            commands.insert(0, b'ID ("name" "provisioner")')
        if self.capabilities is None:
            commands.insert(0, b"CAPABILITY")
        tags = self._send(*commands)
        answers = [self._answer(tag) for tag in tags]
        opened, listed = answers[-2], answers[-1]
        if opened.status != "OK":
            raise Fault("box.no_inbox", text=opened.text)
        rows = _rows(answers)
        late = _list_command(self.capabilities or [])
        if listed.status != "OK" or (
            late != commands[-1] and not any(row.flags & FLAGS.keys() for row in rows)
        ):
            retry = self._run(late if listed.status == "OK" else _list_command([]))
            rows = _rows([retry]) or rows
        # A name that is the password would end up in a client's settings, in clear.
        rows = [row for row in rows if self._password.redact(row.name) == row.name]
        return resolve(rows, names) if rows else (None, 0)

    def close(self) -> None:
        """Says good-bye and does not wait for the answer."""
        with contextlib.suppress(Fault):
            self._send(b"LOGOUT")
        self.wire.close()

    def _authenticate_plain(self, user: str, secret: Secret, *, initial: bool) -> Answer:
        """SASL PLAIN (RFC 4616, UTF-8), with the initial response (RFC 4959) where it is understood."""
        response = base64.b64encode(f"\0{user}\0{secret.reveal()}".encode())
        if initial:
            [tag] = self._send(b"AUTHENTICATE PLAIN " + response)
        else:
            [tag] = self._send(b"AUTHENTICATE PLAIN")
        return self._answer(tag, [response])

    def _plain_login(self, user: str, secret: Secret) -> Answer:
        """LOGIN. What a quoted string cannot hold goes as a literal, piece by piece as the server asks."""
        pieces = [b"LOGIN "]
        for value in (user.encode(), secret.reveal().encode()):
            if re.fullmatch(rb"[ -~]*", value):
                pieces[-1] += b'"' + re.sub(rb'(["\\])', rb"\\\1", value) + b'" '
            else:
                pieces[-1] += b"{%d}" % len(value)
                pieces.append(value + b" ")
        pieces[-1] = pieces[-1][:-1]
        [tag] = self._send(pieces[0])
        return self._answer(tag, pieces[1:])

    def _finish_login(self, answer: Answer) -> None:
        if answer.status == "OK":
            return
        notices = [
            parts[0].decode("utf-8", "replace") for parts in answer.untagged if parts[0][:3].upper() == b"NO "
        ]
        raise evidence.imap_refusal(answer.status, answer.text, " ".join(notices))

    def _ask_capabilities(self) -> list[str]:
        """In capitals; asked for only if nothing has told them yet."""
        if self.capabilities is None:
            self._run(b"CAPABILITY")
        return self.capabilities or []

    def _learn(self, line: bytes) -> None:
        if found := _CAPABILITY.search(line):
            self.capabilities = found[1].decode("ascii", "replace").upper().split()

    def _run(self, command: bytes) -> Answer:
        [tag] = self._send(command)
        return self._answer(tag)

    def _send(self, *commands: bytes) -> list[bytes]:
        """Sends commands in one write; their tags."""
        tags = []
        for _ in commands:
            self._count += 1
            tags.append(b"P%d" % self._count)
        self.wire.sendall(b"".join(b"%s %s\r\n" % pair for pair in zip(tags, commands, strict=True)))
        return tags

    def _answer(self, tag: bytes, continuations: list[bytes] | None = None) -> Answer:
        """Reads up to the tagged answer, giving `continuations` one by one when the server asks."""
        waiting = list(continuations or [])
        untagged: list[list[bytes]] = []
        bye: str | None = None
        while True:
            try:
                parts = self._response()
            except Fault:
                if bye is None:
                    raise
                raise evidence.imap_bye(bye, self.wire.stage) from None
            mark, _, rest = parts[0].partition(b" ")
            word, _, text = rest.partition(b" ")
            if mark == b"*":
                if word.upper() == b"BYE" and bye is None:
                    bye = text.decode("utf-8", "replace")
                    self.wire.hurry(2)  # for the tagged answer that may still come
                parts[0] = rest
                untagged.append(parts)
                self._learn(rest)
            elif mark == b"+" and waiting:
                self.wire.sendall(waiting.pop(0) + b"\r\n")
            elif mark == tag and word.upper() in (b"OK", b"NO", b"BAD"):
                self._learn(text)
                return Answer(word.upper().decode(), text.decode("utf-8", "replace"), untagged)
            else:
                raise self.wire.fail("garbled")

    def _response(self) -> list[bytes]:
        """One response: text and literals in turn, line ends taken away."""
        parts: list[bytes] = []
        while True:
            line = self.wire.readline()
            if b"\0" in line:
                raise self.wire.fail("garbled")
            literal = _LITERAL.search(line)
            if not literal:
                parts.append(line.rstrip(b"\r\n"))
                return parts
            parts += [line[: literal.start()], self.wire.read(int(literal[1]))]


def _unjudged(answer: Answer) -> bool:
    """The server did not look at the password, so another command may be tried."""
    return answer.status == "BAD" or (
        answer.status == "NO" and evidence.response_code(answer.text) == "CANNOT"
    )


def _list_command(capabilities: list[str]) -> bytes:
    """LIST of everything; with the special uses where they must be asked for (RFC 6154, RFC 5258)."""
    extended = "SPECIAL-USE" in capabilities and "LIST-EXTENDED" in capabilities
    return b'LIST "" "*" RETURN (SPECIAL-USE)' if extended else b'LIST "" "*"'


def _rows(answers: list[Answer]) -> list[Row]:
    return [row for answer in answers for parts in answer.untagged if (row := parse(parts))]
