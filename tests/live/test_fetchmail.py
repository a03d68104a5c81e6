"""fetchmail and our program around it: where the password is seen, and what happens without STARTTLS."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from tests.live.terminal import Terminal, terminal_with
from tests.live.test_fetchers import next_step
from tests.live.world import JANE, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live


@pytest.fixture
def terminal(world: World) -> Iterator[Terminal]:
    with terminal_with(world, "fetchmail", "strace") as terminal:
        yield terminal


def fetched(terminal: Terminal) -> int:
    return len(list((terminal.home / f"Mail/fetchmail/{JANE}/new").glob("[!.]*")))


def test_no_program_is_started_with_the_password(terminal: Terminal) -> None:
    command = next_step(terminal.setup("fetchmail"))
    trace = terminal.world.directory / "trace"
    terminal.run("strace", "-f", "-v", "-s", "100000", "-e", "trace=execve", "-o", str(trace), command)
    assert fetched(terminal) == len(SUBJECTS)
    seen = trace.read_text()
    assert "secret-tool" in seen
    assert "PROVISIONER_SCRIPT=" in seen  # the environment is in it, too
    assert PASSWORD not in seen
    assert PASSWORD.encode().hex() not in seen.replace("\\", "").replace("x", "").replace(" ", "")


def test_a_password_outside_ascii_logs_in(terminal: Terminal) -> None:
    command = next_step(terminal.setup_with('grün🔑"\\', "fetchmail"))
    terminal.run("sh", "-c", command)
    assert fetched(terminal) == len(SUBJECTS)


def test_a_server_that_offers_no_starttls_gets_no_password(terminal: Terminal) -> None:
    command = next_step(terminal.setup("fetchmail"))
    script = terminal.home / f".config/fetchmail/{JANE}"
    text = script.read_text()
    assert "    ssl\n" in text
    script.write_text(text.replace("    ssl\n", "").replace("993", "143"))
    said: list[str] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rw", newline="\r\n") as stream:
            stream.write("* OK ready\n")
            stream.flush()
            for line in stream:
                said.append(line.strip())
                tag, word = line.split()[:2]
                done = "BAD what?" if word.upper() == "STARTTLS" else "OK done"
                stream.write(f"* CAPABILITY IMAP4rev1 AUTH=PLAIN\n{tag} {done}\n")
                stream.flush()

    with socket.create_server(("127.0.0.1", 143)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        done = terminal.desktop.run("sh", "-c", command)
        thread.join(10)
    assert done.returncode not in (0, 1), done.stdout + done.stderr
    assert said
    assert not [line for line in said if "LOGIN" in line or "AUTHENTICATE" in line]
