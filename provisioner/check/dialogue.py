"""imaplib, on which imapclient stands, over our bounded connection, without habits that a check cannot have.

It keeps its tags, commands, literals and parsers. What it would do on its own is replaced: reads without
bound, a line of log for every command, CAPABILITY although the greeting said it, one round trip for each
command, and no initial SASL response.
"""

from __future__ import annotations

import imaplib
import re
from typing import Any

from provisioner.check import evidence
from provisioner.check.wire import Wire

PROTOCOL = "IMAP"
imaplib.Commands["ID"] = ("NONAUTH", "AUTH", "SELECTED")  # RFC 2971, which imaplib does not know


_TAGGED = re.compile(rb"(?P<tag>P\d+) (?P<type>OK|NO|BAD) (?P<data>.*)", re.DOTALL)
_AS_WANTED = re.compile(rb"(?:\*|P\d+) (?:OK|NO|BAD) [^\0\r\n]*[^\0\r\n}]\r\n")
_OF_INBOX = re.compile(
    rb"\* (?:\d+ (?:EXISTS|RECENT)|FLAGS \([^()\0\r\n]*\)|"
    rb"OK \[(?:UNSEEN|UID\w+|HIGHESTMODSEQ|PERMANENTFLAGS)[^\]\0\r\n]*\][^\0\r\n{}]*)\r\n"
)
"""What comes with EXAMINE in any case (RFC 9051, 6.3.3)."""


class Dialogue(imaplib.IMAP4):
    """imaplib's commands and answers through a Wire. Commands are sent together once an answer is awaited."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._outgoing = bytearray()
        self._in_response = False
        self.inbox_only = False
        """Nothing is wanted of a mailbox but that it opens."""
        self.asked_for: list[bytes] = []
        """What goes out, piece by piece, when the server asks for more."""
        super().__init__()

    def open(self, *_: object, **__: object) -> None:
        """The connection is there already."""

    def _connect(self) -> None:
        """Instead of reading a greeting, which does not come after STARTTLS, and asking CAPABILITY."""
        self.tagpre: Any = b"P"
        self.tagre: Any = _TAGGED
        self.tagnum = 1
        self.state = "NONAUTH"
        self.is_readonly = True  # no change of the mailbox is meant

    def send(self, data: Any) -> None:
        self._outgoing += data

    def flush(self) -> None:
        if self._outgoing:
            data = bytes(self._outgoing)
            self._outgoing.clear()
            self._wire.sendall(data)

    def read(self, size: int) -> bytes:
        self._in_response = True
        return self._wire.read(size)

    def readline(self) -> bytes:
        """A line as imaplib wants it: keywords in capitals, a text after the status, CRLF at the end."""
        self.flush()
        line = self._wire.readline()
        while self.inbox_only and not self._in_response and _OF_INBOX.fullmatch(line):
            line = self._wire.readline()
        if self._wire.stage == "greeting" and (fault := evidence.greeting(PROTOCOL, line)):
            raise fault
        if b"\0" in line:
            raise self._wire.fail("garbled")
        if not self._in_response and _AS_WANTED.fullmatch(line):
            return line
        line = line.rstrip(b"\r\n")
        if not self._in_response:
            mark, _, rest = line.partition(b" ")
            words = rest.split(b" ", 2)
            count = 2 if words[0].isdigit() else 1
            words[:count] = [word.upper() for word in words[:count]]
            line = b" ".join([mark, *words, *([b""] if len(words) == 1 else [])])
        self._in_response = False
        return line + b"\r\n"

    def shutdown(self) -> None:
        self._wire.close()

    def give(self, _: bytes) -> bytes:
        """The next of `asked_for`."""
        if not self.asked_for:
            raise self._wire.fail("garbled")
        return self.asked_for.pop(0)

    def _append_untagged(self, typ: str, dat: Any) -> None:
        if typ == "BYE":
            self._wire.hurry(2)  # for the tagged answer that may still come
        super()._append_untagged(typ, dat)  # type: ignore[misc]

    def _check_bye(self) -> None:
        """A tagged answer after BYE still counts."""

    def _log(self, line: object) -> None:
        """imaplib would keep the last commands, passwords included."""
