"""Balsa."""

from __future__ import annotations

from pathlib import Path

from tests.clients.machines.base import Machine, terminal

CONFIG = (
    "[Globals]\nMailDir=/home/jane/mail\n\n[mailbox-Inbox]\nType=LibBalsaMailboxMbox\nPath=/var/mail/jane\n\n"
    "[folder-1]\nServer=imap.example.org\nPort=993\nSecurity=1\n\n[smtp-server-Work]\n"
    "Server=smtp.example.org:587\n\n[identity]\nCurrentIdentity=Work\n\n"
    "[identity-Work]\nAddress=jane@example.org\nSmtpServer=Work\n"
)
PRIVATE = "[folder-1]\nUsername=jane\n\n[smtp-server-Work]\nUsername=jane"


def fresh(directory: Path) -> Machine:
    """Balsa installed, never started."""
    return Machine(terminal(directory, "balsa"))


def used(directory: Path) -> Machine:
    """An account of the user's own."""
    host = terminal(directory, "balsa")
    own = (host.home / ".balsa/config", host.home / ".balsa/config-private")
    own[0].parent.mkdir(mode=0o700)
    for path, text in zip(own, (CONFIG, PRIVATE), strict=True):
        path.write_text(text)
    return Machine(host, own)
