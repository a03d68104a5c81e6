"""One connection on which nothing can take too long, grow too large or leave unencrypted by mistake.

Every wait ends at the stage's or the whole check's deadline, whichever is first, however the bytes
drip or flood in. Stands in for a socket and its file, so that smtplib can talk through it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable

from provisioner.check.diagnosis import Fault
from provisioner.check.evidence import Stage, Trouble, handshake_fault, is_tls_record, trouble

MAX_LINE = 64 * 1024
MAX_LITERAL = 1024 * 1024
MAX_LINES = 1000
"""Lines in one stage; a list of mailboxes may be longer."""
MAX_TOTAL = 8 * 1024 * 1024
"""Bytes of a whole connection."""
_INEXACT = 0.1
"""Seconds by which a wait may be longer than it was meant to be."""
Transcript = Callable[[str, bytes], None]
"""Is told what goes over a connection, passwords included: `*` what happens, `>` sent, `<` received."""


class ClearText(Exception):
    """The answer to our TLS hello was not TLS."""

    def __init__(self, data: bytes) -> None:
        super().__init__("clear text")
        self.data = data


class Wire:
    """A connection. Raises Fault for everything that goes wrong on the way."""

    def __init__(
        self,
        sock: socket.socket,
        deadline: float,
        transcript: Transcript | None = None,
        timings: dict[str, float] | None = None,
    ) -> None:
        """`deadline`: `time.monotonic()` at which the whole check ends."""
        self.timings = {} if timings is None else timings
        """Seconds that each layer of this connection has taken."""
        self._transcript = transcript
        self._sock = sock
        self._patience = -1.0
        self._deadline = self._until = deadline
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._buffer = bytearray()
        self._total = 0
        self._lines_left = MAX_LINES
        self._verified = False
        self.stage: Stage = "greeting"
        self.heard = False
        """Something was received in this stage."""
        self.lines: list[bytes] = []
        """The lines read since the last command: what a reply really looked like."""

    def enter(self, stage: Stage, seconds: float, lines: int = MAX_LINES) -> None:
        """Begins a stage that may take `seconds` and `lines`."""
        self.stage = stage
        self.heard = bool(self._buffer)
        self._until = min(self._deadline, time.monotonic() + seconds)
        self._lines_left = lines

    def extend(self, seconds: float) -> None:
        """The whole connection may last at least so much longer: more is wanted of it than a login."""
        self._deadline = max(self._deadline, time.monotonic() + seconds)

    def hurry(self, seconds: float) -> None:
        """The rest of this stage may take no more than `seconds`."""
        self._until = min(self._until, time.monotonic() + seconds)

    def arrives(self, seconds: float) -> bool:
        """Whether something, the end included, comes within `seconds`. Reads nothing."""
        self._allow(max(0.001, min(seconds, self._deadline - time.monotonic())))
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return False
        except OSError:  # the next read says what it is
            pass
        return True

    def note(self, mark: str, data: bytes) -> None:
        if self._transcript:
            self._transcript(mark, data)

    def fail(self, kind: Trouble) -> Fault:
        return trouble(kind, self.stage, self.heard)

    @property
    def pending(self) -> bytes:
        """What was received and not read yet."""
        return bytes(self._buffer)

    def require_private(self) -> None:
        """To be called before a password is sent: an assertion against our own mistakes."""
        if not self._verified:
            raise RuntimeError("a password was about to be sent without verified TLS")

    def readline(self, limit: int = -1) -> bytes:
        """One line with its end, of no more than `limit` bytes (smtplib has a limit of its own)."""
        limit = min(limit, MAX_LINE) if limit >= 0 else MAX_LINE
        start = 0
        while (end := self._buffer.find(b"\n", start)) < 0:
            start = len(self._buffer)
            if start >= limit:
                raise self.fail("too_long")
            self._fill()
        self._lines_left -= 1
        if end >= limit or self._lines_left < 0:
            raise self.fail("too_long")
        line = self._take(end + 1)
        if self._transcript:
            self._transcript("<", line)
        self.lines.append(line)
        return line

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        if size > MAX_LITERAL:
            raise self.fail("too_long")
        while len(self._buffer) < size:
            self._fill()
        data = self._take(size)
        self.note("<", data)
        return data

    def sendall(self, data: bytes) -> None:
        self.lines.clear()
        self.note(">", data)
        if self._tls:
            try:
                self._tls.write(data)
            except ssl.SSLError:
                raise self.fail("dropped") from None
            self._flush()
        else:
            self._send(data)

    def handshake(self, context: ssl.SSLContext, host: str) -> ssl.SSLObject:
        """Sets up TLS. Raises ClearText, ssl.SSLError (certificate, alert, version) or Fault."""
        first = self._take(len(self._buffer))
        if first and not is_tls_record(first):
            raise ClearText(first)
        self._incoming.write(first)
        tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                data = self._receive()
                if not first:
                    first = data
                    if not is_tls_record(first):
                        raise ClearText(self._rest_of_line(first)) from None
                self._incoming.write(data)
            except ssl.SSLError:
                with contextlib.suppress(Fault):
                    self._flush()  # our alert tells the server why
                raise
        self._flush()
        self._tls = tls
        if self._transcript:
            self.note("*", f"TLS set up: {tls.version()}, {(tls.cipher() or ('?',))[0]}".encode())
        self._verified = context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
        return tls

    def close(self) -> None:
        self._sock.close()

    def _rest_of_line(self, data: bytes) -> bytes:
        """A little more of what is not TLS, to tell who talks."""
        self.hurry(1)
        with contextlib.suppress(Fault):
            while b"\n" not in data and len(data) < 512:
                data += self._receive()
        return data

    def _take(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _fill(self) -> None:
        """Appends what one more receive gives."""
        if self._tls is None:
            self._buffer += self._receive()
            return
        hungry = not self._incoming.pending and not self._tls.pending()
        while True:
            if hungry:
                self._flush()
                self._incoming.write(self._receive())
            try:
                data = self._tls.read(65536)
            except ssl.SSLWantReadError:
                hungry = True  # not asked first: to be told by an exception takes longer than all the rest
                continue
            except ssl.SSLZeroReturnError:
                raise self.fail("dropped") from None
            except ssl.SSLError as error:  # TLS 1.3 servers may send their alert only now
                raise handshake_fault(error.reason or "") from None
            if not data:
                raise self.fail("dropped")
            self._buffer += data
            self.heard = True
            return

    def _receive(self) -> bytes:
        left = self._until - time.monotonic()
        if left <= 0:
            raise self.fail("stalled")
        self._allow(left)
        try:
            data = self._sock.recv(65536)
        except TimeoutError:
            raise self.fail("stalled") from None
        except OSError:
            raise self.fail("dropped") from None
        if not data:
            raise self.fail("dropped")
        self.heard |= self._tls is None  # inside TLS only what it carries counts, not its own records
        self._total += len(data)
        if self._total > MAX_TOTAL:
            raise self.fail("too_long")
        return data

    def _allow(self, seconds: float) -> None:
        """Each setting is a system call, so one that is as good as the last stays."""
        if not seconds <= self._patience < seconds + _INEXACT:
            self._sock.settimeout(seconds)
            self._patience = seconds

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._send(self._outgoing.read())

    def _send(self, data: bytes) -> None:
        self._allow(max(0.001, self._until - time.monotonic()))
        try:
            self._sock.sendall(data)
        except TimeoutError:
            raise self.fail("stalled") from None
        except OSError:
            # The peer may have said why before it closed: let the next read find out.
            if self.stage == "tls":
                raise self.fail("dropped") from None
