"""git send-email."""

from __future__ import annotations

from pathlib import Path

from provisioner.host import Host
from tests.clients.machines.base import Machine, terminal

GIT = '#!/bin/sh\ncase $1 in --exec-path) printf "%s\\n" "${0%/*}";; esac\n'


def fresh(directory: Path) -> Machine:
    """git and its send-email installed, no configuration yet."""
    return Machine(_git(directory))


def used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding and without an end of its last line."""
    host = _git(directory)
    own = host.home / ".gitconfig"
    own.write_bytes(b"[user]\r\n\tname = Caf\xe9\r\n[sendemail]\r\n\tconfirm = auto")
    own.chmod(0o644)
    return Machine(host, (own,))


def _git(directory: Path) -> Host:
    host = terminal(directory, "git", "git-send-email", "secret-tool")
    (directory / "bin/git").write_text(GIT)
    return host
