"""Evolution, Geary and GNOME Online Accounts."""

from __future__ import annotations

from pathlib import Path

from provisioner.host import Host
from tests.clients.machines.base import Machine, terminal

SERVICE = "/usr/share/dbus-1/services/org.gnome.OnlineAccounts.service"


def evolution_fresh(directory: Path) -> Machine:
    """Evolution installed, never started."""
    return Machine(terminal(directory, "evolution"))


def evolution_used(directory: Path) -> Machine:
    """An account of the user's own."""
    host = terminal(directory, "evolution")
    own = host.home / ".config/evolution/sources/1234.source"
    own.parent.mkdir(parents=True)
    own.write_text(
        "[Data Source]\nDisplayName=Work\nParent=\n\n[Mail Account]\nBackendName=imapx\nIdentityUid=1235\n\n"
        "[Authentication]\nHost=imap.example.org\nUser=jane\n"
    )
    broken = own.with_name("broken.source")
    broken.write_bytes(b"[Data Source]\nDisplayName=caf\xe9\n")
    return Machine(host, (own, broken))


def geary_fresh(directory: Path) -> Machine:
    """Geary installed, never started."""
    return Machine(terminal(directory, "geary"))


def geary_used(directory: Path) -> Machine:
    """An account of the user's own, and mail of one that is gone."""
    host = terminal(directory, "geary")
    own = host.home / ".config/geary/account_01/geary.ini"
    own.parent.mkdir(parents=True)
    own.write_text(
        "[Account]\nsender_mailboxes=Jane <jane@example.org>;\n\n"
        "[Incoming]\nhost=imap.example.org\nlogin=jane\n"
    )
    (host.home / ".local/share/geary/account_02").mkdir(parents=True)
    return Machine(host, (own,))


def online_fresh(directory: Path) -> Machine:
    """GNOME Online Accounts installed, no account yet."""
    return Machine(_online(directory))


def online_used(directory: Path) -> Machine:
    """Another provider's account, without an end of the last line."""
    host = _online(directory)
    own = host.home / ".config/goa-1.0/accounts.conf"
    own.parent.mkdir(parents=True)
    own.write_text("# mine\n[Account account_1_0]\nProvider=google\nIdentity=joe@example.org\nEnabled=true")
    return Machine(host, (own,))


def _online(directory: Path) -> Host:
    host = terminal(directory)
    service = host.system(SERVICE)
    service.parent.mkdir(parents=True)
    service.touch()
    return host
