"""1,000 accounts on one Dovecot: `check --accounts` beside a bare-socket client, as processes, in turns.

Targets: at most 1.3 times the bare client's wall time with as many connections at a time, and less than
100 MB of memory. Needs root and Dovecot; says so where they are missing.

Each round runs both, whole processes with their start-up, one right after the other; what counts is the
median of the rounds' ratios, not the seconds. Dovecot works on the same processors, so whatever else the
machine does moves the ratio of wall times, by a tenth or more. That of CPU times (user and system, of the
process alone) moves less: compare two versions by it. It is the higher one, as both wait for Dovecot.
"""

from __future__ import annotations

import base64
import os
import queue
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ACCOUNTS, AT_ONCE, ROUNDS = 1000, 8, 5
PASSWORD = "abcd-efgh-ijkl-mnop"
NOBODY = 65534


def bare(port: int, ca_file: str, accounts: int = ACCOUNTS) -> None:
    """The fewest round trips that prove the logins at any server.

    EXAMINE waits for the reply to AUTHENTICATE: what is sent before it, some servers throw away.
    """
    context = ssl.create_default_context(cafile=ca_file)
    jobs: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    for number in [*range(accounts), *[None] * AT_ONCE]:
        jobs.put(number)
    done: list[int] = []

    def work() -> None:
        while (number := jobs.get()) is not None:
            token = base64.b64encode(f"\0user{number}\0{PASSWORD}".encode())
            with (
                socket.create_connection(("localhost", port), 30) as plain,
                context.wrap_socket(plain, server_hostname="localhost") as tls,
            ):
                file = tls.makefile("rb")
                file.readline()
                tls.sendall(b"a AUTHENTICATE PLAIN " + token + b"\r\n")
                while not (line := file.readline()).startswith(b"a OK"):
                    assert line.startswith(b"* "), line
                tls.sendall(b"b EXAMINE INBOX\r\n")
                while not (line := file.readline()).startswith(b"b OK"):
                    assert line.startswith(b"* "), line
                tls.sendall(b"c LOGOUT\r\n")
            done.append(number)

    threads = [threading.Thread(target=work) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == accounts


@contextmanager
def dovecot(directory: Path, port: int) -> Iterator[Path]:
    """Every user with the one password; gives the file of the authority that signed its certificate."""
    import trustme  # not wanted in the process of the bare client

    directory.chmod(0o755)
    ca = trustme.CA()
    ca_file, certificate = directory / "ca.pem", directory / "server.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(certificate))
    mail = directory / "mail"
    mail.mkdir()
    os.chown(mail, NOBODY, NOBODY)
    config = directory / "dovecot.conf"
    config.write_text(f"""
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{certificate}
ssl_key = <{certificate}
auth_mechanisms = plain
mail_location = maildir:{mail}/%n
first_valid_uid = {NOBODY}
passdb {{
  driver = static
  args = password={PASSWORD}
}}
userdb {{
  driver = static
  args = uid={NOBODY} gid={NOBODY} home={mail}/%n allow_all_users=yes
}}
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 1000
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service imap {{
  service_count = 100
  process_min_avail = {AT_ONCE}
}}
""")
    process = subprocess.Popen(["dovecot", "-F", "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with socket.socket() as sock:
                if sock.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield ca_file
    finally:
        process.terminate()
        process.wait(10)


def run(command: list[str], env: dict[str, str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and the most memory, in MB, of a command that must succeed."""
    started = time.perf_counter()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    assert status == 0, f"{command[:5]} ended with {status}"
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


WHO = ("check", "least")


def command(directory: str, port: int, ca_file: Path, who: str, number: int) -> list[str]:
    """What logs in with `number` accounts: `check`, or the bare client."""
    if who == "least":
        return [sys.executable, "-m", "benchmarks.many", str(port), str(ca_file), str(number)]
    accounts = Path(directory) / f"accounts{number}.csv"
    accounts.touch(0o600)
    server = f"localhost:{port},tls,localhost:1"
    lines = [f"user{n}@example.org,user{n},{PASSWORD},{server}\n" for n in range(number)]
    accounts.write_text("".join(["email,login,password,imap,imap_security,smtp\n", *lines]))
    ours = [sys.executable, "-m", "provisioner", "check", "--only", "imap", "--per-host", str(AT_ONCE)]
    return [*ours, "--accounts", str(accounts)]


def main() -> None:
    if os.name != "posix" or os.geteuid() != 0 or not shutil.which("dovecot"):
        print("many: needs root and Dovecot")
        return
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    with tempfile.TemporaryDirectory() as name, dovecot(Path(name), port) as ca_file:
        commands = [command(name, port, ca_file, who, number) for number in (ACCOUNTS, 1) for who in WHO]
        env = {**os.environ, "SSL_CERT_FILE": str(ca_file), "HOME": name}
        run(commands[1], env)  # the mailboxes are made
        rounds = [[run(each, env) for each in commands] for _ in range(ROUNDS)]
    (wall, cpu, memory), (least_wall, least_cpu, least_memory), *alone = (
        [statistics.median(one[number] for one in column) for number in range(3)]
        for column in zip(*rounds, strict=True)
    )
    who = f"many: {ACCOUNTS} accounts on one Dovecot, {AT_ONCE} at a time:"
    # Each pair of runs by itself: what else the machine does changes from one to the next.
    ratio = statistics.median(ours[0] / least[0] for ours, least, *_ in rounds)
    print(f"{who} check takes {wall:.2f} s, {ratio:.2f} times a bare-socket client ({least_wall:.2f} s)")
    ratio = statistics.median((a[0] - b[0]) / (c[0] - d[0]) for a, c, b, d in rounds)
    starts = f"{alone[0][0]:.2f} s for one account, the bare client {alone[1][0]:.2f} s"
    print(f"{who} without starting and the first ({starts}) it is {ratio:.2f} times")
    ratio = statistics.median(ours[1] / least[1] for ours, least, *_ in rounds)
    print(f"{who} check uses {cpu:.2f} s of CPU, {ratio:.2f} times the bare client ({least_cpu:.2f} s)")
    print(f"{who} check takes {memory:.0f} MB at most, the bare client {least_memory:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        bare(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
    else:
        main()
