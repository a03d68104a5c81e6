"""What a check costs beside a bare-socket client: wall time with 50 ms of latency, and CPU of the command.

Targets: at most 1.1 times the bare client's time, and at most 150 ms of CPU more than it takes.
"""

from __future__ import annotations

import base64
import os
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import BinaryIO

import imapclient

from provisioner import check
from provisioner.accounts import Target
from provisioner.demo.server import DemoServer
from provisioner.model import Security
from provisioner.secret import Secret

ADDRESS, PASSWORD = "jane.appleseed@icloud.com", Secret("abcd-efgh-ijkl-mnop")
DELAY = 0.025
"""Seconds each way."""
ROUNDS = 9


class DelayingProxy:
    """Passes TCP on to a local port, every piece DELAY seconds late in each direction."""

    def __init__(self, port: int) -> None:
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            near, _ = self.listener.accept()
            far = socket.create_connection(("127.0.0.1", self.target))
            for one in (near, far):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for source, sink in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                time.sleep(DELAY)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass


def bare(port: int, context: ssl.SSLContext) -> None:
    """The least that proves a login: TLS, AUTHENTICATE, and EXAMINE with LIST in one write."""
    with (
        socket.create_connection(("localhost", port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as tls,
    ):
        file = tls.makefile("rb")
        file.readline()
        token = base64.b64encode(f"\0{ADDRESS}\0{PASSWORD.reveal()}".encode()).decode()
        tls.sendall(b"a AUTHENTICATE PLAIN\r\n")  # this server has no SASL-IR
        file.readline()
        tls.sendall(f"{token}\r\n".encode())
        expect(file, b"a OK")
        tls.sendall(b'b EXAMINE INBOX\r\nc LIST "" "*"\r\n')
        expect(file, b"b OK")
        expect(file, b"c OK")


def expect(file: BinaryIO, answer: bytes) -> None:
    """Reads up to the tagged answer, which must be this one."""
    while (line := file.readline()).startswith(b"*"):
        pass
    assert line.startswith(answer), line


def seconds(action: object) -> float:
    start = time.perf_counter()
    action()  # type: ignore[operator]
    return time.perf_counter() - start


def cpu(command: list[str], env: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=env, input=PASSWORD.reveal().encode(), stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def main() -> None:
    with tempfile.TemporaryDirectory() as name, DemoServer(ADDRESS, PASSWORD, Path(name)) as server:
        context = ssl.create_default_context(cafile=str(server.ca_file))
        proxy = DelayingProxy(server.imap_port)
        target = Target("localhost", proxy.port, Security.TLS, (ADDRESS,))

        def checked() -> None:
            result = check.check_service("imap", target, PASSWORD, check.Conditions(context=context))
            assert result.ok, result

        def library() -> None:
            with imapclient.IMAPClient("localhost", proxy.port, ssl_context=context) as client:
                client.login(ADDRESS, PASSWORD.reveal())
                client.select_folder("INBOX", readonly=True)
                client.list_folders()

        ours, least, plain = [], [], []
        for _ in range(ROUNDS):
            least.append(seconds(lambda: bare(proxy.port, context)))
            ours.append(seconds(checked))
            plain.append(seconds(library))
        ratio = statistics.median(ours) / statistics.median(least)
        print(f"login: check takes {ratio:.2f} times a bare-socket client ({DELAY * 2000:.0f} ms of latency)")

        ratio = statistics.median(plain) / statistics.median(least)
        print(f"login: imapclient as it comes takes {ratio:.2f} times the bare-socket client")

        env = {**os.environ, "SSL_CERT_FILE": str(server.ca_file), "HOME": name}
        flags = ["--imap", f"localhost:{server.imap_port}", "--imap-security", "tls", "--smtp", "localhost:1"]
        command = [
            sys.executable,
            "-m",
            "provisioner",
            "check",
            ADDRESS,
            "--only",
            "imap",
            "--password-stdin",
            *flags,
        ]
        whole = statistics.median(cpu(command, env) for _ in range(ROUNDS))
        python = statistics.median(
            cpu([sys.executable, "-c", "import socket, ssl, base64"], env) for _ in range(ROUNDS)
        )
        print(
            f"login: `provisioner check` uses {(whole - python) * 1000:.0f} ms of CPU beyond Python with ssl"
        )


if __name__ == "__main__":
    main()
