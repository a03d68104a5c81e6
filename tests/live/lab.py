"""A private network in which this machine plays iCloud, so that nothing tested needs another setting.

Network and mount namespaces (Linux, root): own loopback, own /etc/hosts, own set of trusted
certificates. Programs started while inside see only that; the rest of the machine sees nothing of it.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import trustme

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000
LOCAL_ADDRESS = "192.0.2.10"  # RFC 5737: documentation only
ICLOUD = ("imap.mail.me.com", "smtp.mail.me.com", "caldav.icloud.com", "contacts.icloud.com")
OTHER = ("imap.example.net", "smtp.example.net")
TOOLS = (
    "ip",
    "mount",
    "openssl",
    "setpriv",
    "dovecot",
    "doveadm",
    "Xvfb",
    "xdotool",
    "import",
    "thunderbird",
)

T = TypeVar("T")


def missing() -> str:
    """Why the live tests cannot run here; empty if they can."""
    if sys.platform != "linux":
        return "live tests need Linux"
    if os.geteuid() != 0:
        return "live tests need root, for a private network"
    lost = [
        tool
        for tool in TOOLS
        if shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is None
    ]
    return f"live tests need {', '.join(lost)} (make system)" if lost else ""


@dataclass(frozen=True)
class Lab:
    """`directory`: world-searchable, for what servers running as other users must read."""

    directory: Path
    certificate: Path
    """The servers' certificate chain and key, PEM."""
    outside: tuple[int, int]
    """File descriptors of the network and the mount namespace that the lab was made from."""

    def outside_command(self, command: list[str]) -> list[str]:
        """The command, run on the machine's real network (to install packages)."""
        net, mounts = (f"/proc/{os.getpid()}/fd/{fd}" for fd in self.outside)
        return ["nsenter", f"--net={net}", f"--mount={mounts}", "--", *command]


@contextmanager
def private_network(directory: Path) -> Iterator[Lab]:
    """Moves this thread, and every thread and program it starts, into the lab; out of it at the end."""
    directory.chmod(0o755)
    ca = trustme.CA(organization_name="provisioner tests")
    ca_file = directory / "ca.pem"
    ca.cert_pem.write_to_path(str(ca_file))
    certificate = directory / "server.pem"
    # Some clients want a common name, as Apple's certificates have one.
    leaf = ca.issue_cert(*ICLOUD, *OTHER, common_name=ICLOUD[0])
    leaf.private_key_and_cert_chain_pem.write_to_path(str(certificate))

    here = Path.cwd()
    outside = tuple(os.open(f"/proc/thread-self/ns/{kind}", os.O_RDONLY) for kind in ("net", "mnt"))
    _libc("unshare", CLONE_NEWNET | CLONE_NEWNS)
    try:
        _network()
        run("mount", "--make-rprivate", "/")
        _names(directory)
        _trust(directory, ca_file)
        yield Lab(directory, certificate, (outside[0], outside[1]))
    finally:
        _libc("setns", outside[0], CLONE_NEWNET)
        _libc("setns", outside[1], CLONE_NEWNS)
        for fd in outside:
            os.close(fd)
        os.chdir(here)  # entering a mount namespace moves to its root


def _libc(function: str, *arguments: int) -> None:
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")


def _network() -> None:
    """Loopback and an address that is not loopback: with loopback alone programs believe to be offline."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "link", "add", "lab0", "type", "bridge")
    run("ip", "address", "add", f"{LOCAL_ADDRESS}/24", "dev", "lab0")
    run("ip", "link", "set", "lab0", "up")
    run("ip", "route", "add", "default", "dev", "lab0")


def _names(directory: Path) -> None:
    hosts = directory / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {' '.join(ICLOUD + OTHER)}\n::1 localhost\n")
    resolver = directory / "resolv.conf"
    resolver.write_text("nameserver 127.0.0.1\n")  # nobody listens: an immediate no, not a timeout
    for source, target in ((hosts, "/etc/hosts"), (resolver, "/etc/resolv.conf")):
        run("mount", "--bind", str(source), str(Path(target).resolve()))


def _trust(directory: Path, ca: Path) -> None:
    """The system's trusted certificates with the lab's: in the bundle file and as a hashed link."""
    store = directory / "certs"
    shutil.copytree("/etc/ssl/certs", store, symlinks=True)
    with (store / "ca-certificates.crt").open("ab") as bundle:
        bundle.write(ca.read_bytes())
    name = run("openssl", "x509", "-noout", "-hash", "-in", str(ca)).strip()
    shutil.copy(ca, store / f"{name}.0")
    run("mount", "--bind", str(store), "/etc/ssl/certs")


def overlay(source: Path, target: Path) -> None:
    """Shows `source` in place of the directory `target`, to this thread and what it starts."""
    run("mount", "--bind", str(source), str(target))


def run(*command: str) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=clean_environment(), check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def start(
    command: list[str], *, log: Path, env: Mapping[str, str], pass_fds: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    """Starts a program in a session of its own that dies with us. The whole session is ended by `stop`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(env),
            pass_fds=pass_fds,
            start_new_session=True,
        )


def stop(process: subprocess.Popen[bytes], number: int = 15) -> None:
    """Signals the program and, should it stay, kills its whole session."""
    if process.poll() is None:
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    process.wait(10)


def clean_environment(home: Path | None = None, **more: str) -> dict[str, str]:
    """What a login on a fresh machine has, and no variable of ours that says whom to trust."""
    path = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
    env = {"PATH": path, "LANG": "C.UTF-8"}
    if home is not None:
        env["HOME"] = str(home)
    return {**env, **more}


def until(what: str, check: Callable[[], T], seconds: float = 30) -> T:
    """The first true value of `check`, asked again and again; an AssertionError names what never came."""
    deadline = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < deadline, f"waited {seconds:g} s for: {what}"
        time.sleep(0.05)
