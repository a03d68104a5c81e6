"""What a machine is, and one with a terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.common import tls
from provisioner.host import Host
from tests.memory_store import MemoryStore


@dataclass(frozen=True)
class Machine:
    """`host` is where the client is set up; `own` are files of the user's that live beside ours."""

    host: Host
    own: tuple[Path, ...] = ()


def terminal(directory: Path, *programs: str) -> Host:
    """A Linux with these programs on the search path, and a keyring."""
    home = directory / "home"
    home.mkdir(mode=0o700)
    for name in programs:
        program = directory / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return Host(
        home=home, env={"PATH": str(directory / "bin")}, root=directory / "system", secrets=MemoryStore()
    )


def certificates(host: Host) -> Host:
    """The same machine with a file of trusted certificates, for clients that must be named one."""
    bundle = host.system(tls.BUNDLES[0])
    bundle.parent.mkdir(parents=True)
    bundle.touch()
    return host
