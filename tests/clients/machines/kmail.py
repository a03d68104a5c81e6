"""KMail, with Akonadi."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.clients.machines.base import Machine, terminal

OWN = {
    "akonadi/agentsrc": "[InstanceCounters]\nakonadi_imap_resource\\InstanceCounter=1\n\n"
    "[Instances]\nakonadi_imap_resource_0\\AgentType=akonadi_imap_resource\n"
    "akonadi_maildir_resource_0\\AgentType=akonadi_maildir_resource\n",
    "akonadi_imap_resource_0rc": "[network]\nImapServer=imap.example.org\nUserName=jane\n",
    "mailtransports": "[General]\ndefault-transport=17\n\n[Transport 17]\nhost=smtp.example.org\nuser=jane\n",
    "emailidentities": "[$Version]\nupdate_info=x\n\n[General]\nDefault Identity=5\n\n"
    "[Identity #0]\nEmail Address=jane@example.org\nTransport=17\nuoid=5\n",
    "kmail2rc": "[Composer][x]\na=b\n[General]\nfirst-start=false",
}


def fresh(directory: Path) -> Machine:
    """Installed in a session of KDE, never started."""
    host = terminal(directory, "kmail")
    return Machine(dataclasses.replace(host, env={**host.env, "XDG_CURRENT_DESKTOP": "KDE"}))


def used(directory: Path) -> Machine:
    """An account of the user's own, and a session of another desktop."""
    host = terminal(directory, "kmail")
    (directory / "bin/kmail").write_text("#!/bin/sh\necho 'kmail2 5.22.3 (22.12.3)'\n")
    host = dataclasses.replace(host, env={**host.env, "XDG_CURRENT_DESKTOP": "GNOME"})
    own = []
    for name, text in OWN.items():
        path = host.home / ".config" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        own.append(path)
    return Machine(host, tuple(own))
