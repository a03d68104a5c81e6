"""Small IMAP and SMTP servers on loopback that fail in one chosen way each.

A server behaves well except where a scenario says otherwise: `answers` maps a command's verb to what
happens instead. A text is sent as it is (`{tag}` stands for the command's tag); a function gets the
`Talk` and does what it likes (drip, flood, hang, close). Everything that arrives is kept, apart for
before and inside TLS, so that a test can assert where a password went.
"""

from __future__ import annotations

import contextlib
import datetime
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal

import trustme

PASSWORD = "abcd-efgh-ijkl-mnop"
USER = "jane.appleseed"

Service = Literal["imap", "smtp"]


class Talk:
    """One connection as a scenario's function sees it."""

    def __init__(self, server: Server, sock: socket.socket) -> None:
        self.server = server
        self.sock = sock
        self.tls = False
        self.tag = ""
        self.line = b""
        self._buffer = b""

    def send(self, data: str | bytes) -> None:
        self.sock.sendall(data.encode() if isinstance(data, str) else data)

    def receive(self) -> bytes:
        data = self.sock.recv(65536)
        kept = self.server.inside if self.tls else self.server.clear
        kept.append(data)
        return data

    def read_line(self) -> bytes:
        """The next line without its end; empty at the end of the connection."""
        while b"\n" not in self._buffer:
            if not (data := self.receive()):
                return b""
            self._buffer += data
        self.line, _, self._buffer = self._buffer.partition(b"\n")
        self.line = self.line.rstrip(b"\r")
        return self.line

    def start_tls(self) -> None:
        self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
        self.tls = True

    def hang(self) -> None:
        """Says nothing until the client goes or the test ends."""
        self.sock.settimeout(0.05)
        while not self.server.stopping:
            with contextlib.suppress(TimeoutError, ssl.SSLError):
                if not self.receive():
                    return

    def close(self) -> None:
        raise Closed

    def reset(self) -> None:
        """Closes with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Closed


class Closed(Exception):
    """The scenario closes the connection."""


Step = str | bytes | Callable[[Talk], object]
Answer = Step | tuple[Step, ...]


# Ready-made steps


def drip(text: str, seconds: float = 0.05) -> Callable[[Talk], None]:
    """Sends one byte at a time."""

    def step(talk: Talk) -> None:
        for char in text.encode():
            if talk.server.stopping:
                return
            talk.send(bytes([char]))
            time.sleep(seconds)

    return step


def forever(data: bytes) -> Callable[[Talk], None]:
    """Sends `data` again and again."""

    def step(talk: Talk) -> None:
        block = data * max(1, 65536 // len(data))
        while not talk.server.stopping:
            talk.send(block)

    return step


hang, close, reset = Talk.hang, Talk.close, Talk.reset


def half_close(talk: Talk) -> None:
    """No more from the server, but it goes on listening."""
    talk.sock.shutdown(socket.SHUT_WR)
    talk.hang()


GOOD: dict[Service, dict[str, Answer]] = {
    "imap": {
        "GREETING": "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN STARTTLS ID] ready\r\n",
        "CAPABILITY": "* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN STARTTLS ID\r\n{tag} OK done\r\n",
        "STARTTLS": ("{tag} OK begin\r\n", Talk.start_tls),
        "AUTHENTICATE": "{tag} OK welcome\r\n",
        "LOGIN": "{tag} OK welcome\r\n",
        "ID": "* ID NIL\r\n{tag} OK done\r\n",
        "EXAMINE": "* 0 EXISTS\r\n{tag} OK [READ-ONLY] done\r\n",
        "LIST": '* LIST () "/" INBOX\r\n* LIST () "/" "Sent Items"\r\n{tag} OK done\r\n',
        "LOGOUT": ("* BYE\r\n{tag} OK bye\r\n", close),
        "": "{tag} BAD what?\r\n",
    },
    "smtp": {
        "GREETING": "220 mail.example ready\r\n",
        "EHLO": "250-mail.example\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN\r\n",
        "STARTTLS": ("220 go ahead\r\n", Talk.start_tls),
        "AUTH": "235 2.7.0 welcome\r\n",
        "QUIT": ("221 bye\r\n", close),
        "": "500 what?\r\n",
    },
}


@dataclass(frozen=True)
class Scenario:
    """A way to fail. `code` is the cause that the check must name."""

    name: str
    service: Service
    security: Literal["tls", "starttls"]
    code: str
    answers: Mapping[str, Answer] = field(default_factory=dict)
    certificate: str = "good"
    sent: bool = False
    """Whether the password may reach the server, inside TLS."""
    implicit: bool | None = None
    """Whether the server itself begins with TLS; None: as `security` says."""
    says: str = ""
    """What the message must contain."""


class Server:
    """Plays a scenario for any number of connections. A context manager; `port` is where it listens."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.answers = GOOD[scenario.service] | dict(scenario.answers)
        self.clear: list[bytes] = []
        self.inside: list[bytes] = []
        self.commands: list[str] = []
        self.connections = 0
        self.stopping = False
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    @property
    def context(self) -> ssl.SSLContext:
        return server_context(self.scenario.certificate)

    def __enter__(self) -> Server:
        self._spawn(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping = True
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _spawn(self, job: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=job, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._spawn(self._serve, sock)

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(5)
        talk = Talk(self, sock)
        with contextlib.suppress(OSError, Closed):
            implicit = self.scenario.implicit
            if implicit or (implicit is None and self.scenario.security == "tls"):
                talk.start_tls()
            self._perform(talk, self.answers["GREETING"])
            while line := talk.read_line():
                words = line.decode("latin-1").split()
                if self.scenario.service == "imap":
                    talk.tag = words.pop(0)
                verb = words[0].upper() if words else ""
                self.commands.append(verb)
                self._perform(talk, self.answers.get(verb, self.answers[""]))
        with contextlib.suppress(OSError):
            talk.sock.close()

    def _perform(self, talk: Talk, answer: Answer) -> None:
        for step in answer if isinstance(answer, tuple) else (answer,):
            if isinstance(step, str):
                talk.send(step.replace("{tag}", talk.tag))
            elif isinstance(step, bytes):
                talk.send(step)
            else:
                step(talk)


@contextlib.contextmanager
def full_backlog(host: str = "127.0.0.1") -> Iterator[int]:
    """A port that neither takes nor refuses a connection: its queue is full."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener, contextlib.ExitStack() as stack:
        listener.bind((host, 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            sock = stack.enter_context(socket.socket(family))
            sock.setblocking(False)
            sock.connect_ex(address)
        yield address[1]


# Certificates

HOST = "localhost"


@cache
def authority(kind: str = "good") -> trustme.CA:
    """A throw-away certificate authority; only `good` is one that the client knows."""
    return trustme.CA(organization_name={"intercepted": "Avast Web/Mail Shield"}.get(kind, "Test authority"))


@cache
def client_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    authority().configure_trust(context)
    return context


@cache
def server_context(kind: str) -> ssl.SSLContext:
    """The TLS side of a server with a certificate (or TLS version) of this kind."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    now = datetime.datetime.now(datetime.UTC)
    day = datetime.timedelta(days=1)
    if kind == "expired":
        authority().issue_cert(HOST, not_before=now - 9 * day, not_after=now - day).configure_cert(context)
    elif kind == "future":
        authority().issue_cert(HOST, not_before=now + day, not_after=now + 9 * day).configure_cert(context)
    elif kind == "other-host":
        authority().issue_cert("elsewhere.example").configure_cert(context)
    elif kind in ("unknown-ca", "intercepted"):
        authority(kind).issue_cert(HOST).configure_cert(context)
    elif kind == "self-signed":
        _configure_self_signed(context)
    elif kind in ("incomplete", "unknown-but-complete"):
        _configure_chain(context, authority("good" if kind == "incomplete" else kind), kind != "incomplete")
    else:
        authority().issue_cert(HOST).configure_cert(context)
    if kind == "tls1.1":
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    if kind == "no-common-cipher":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AES128-SHA")
    return context


def _configure_chain(context: ssl.SSLContext, root: trustme.CA, complete: bool) -> None:
    """A certificate of an intermediate authority, with or without that one's own."""
    middle = trustme.CA(parent_cert=root, organization_name="Let's Encrypt", path_length=0)
    leaf = middle.issue_cert(HOST)
    chain = leaf.cert_chain_pems if complete else leaf.cert_chain_pems[:1]
    pem = leaf.private_key_pem.bytes() + b"".join(part.bytes() for part in chain)
    with trustme.Blob(pem).tempfile() as path:
        context.load_cert_chain(path)


def _configure_self_signed(context: ssl.SSLContext) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + certificate.public_bytes(serialization.Encoding.PEM)
    with trustme.Blob(pem).tempfile() as path:
        context.load_cert_chain(path)


def both(
    name: str, code: str, certificate: str = "good", answers: Mapping[str, Answer] | None = None
) -> Iterator[Scenario]:
    """The same fault for IMAP with TLS and for SMTP with STARTTLS."""
    yield Scenario(f"imap-{name}", "imap", "tls", code, answers or {}, certificate)
    yield Scenario(f"smtp-{name}", "smtp", "starttls", code, answers or {}, certificate)
