"""How a client that runs a command for its password gets it: one keyring item for all of them."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.items import SERVICE, SecretItem
from provisioner.model import Account, SecretChange
from provisioner.secret import Secret

STORED = "the system's keyring, read by a command"
"""For a client's `About`."""


def command(host: Host, account: Account) -> str:
    """The shell command that prints the account's password. Raises UsageError (`hook.missing`).

    `secret-tool` reads the Secret Service twenty times quicker than `keyring`; macOS has its own `security`
    (its manual page: `-w` prints only the password).
    """
    user = shlex.quote(account.key)
    if host.platform == "darwin":
        return f"/usr/bin/security find-generic-password -s {SERVICE} -a {user} -w"
    if host.platform == "linux" and host.which("secret-tool"):
        return f"secret-tool lookup service {SERVICE} username {user}"
    if keyring := host.which("keyring"):  # in full: cron and systemd look in few places
        return f"{shlex.quote(str(keyring))} get {SERVICE} {user}"
    if host.platform == "linux":
        hint = "Install secret-tool (package libsecret-tools or libsecret), then run the command again."
    else:
        hint = "Install keyring (`pipx install keyring`), then run the command again."
    raise UsageError(
        "There is no program here with which a mail client could read its password from the keyring.",
        hint,
        code="hook.missing",
    )


def unattended(host: Host) -> tuple[str, ...]:
    """A note for programs that are started from cron or a timer, where the keyring may be out of reach."""
    if host.platform != "linux":
        return ()
    return (
        "From cron or a timer it works while you are logged in and the keyring is unlocked; a crontab needs "
        "the line DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/UID/bus, with what `id -u` says for UID.",
    )


def reads(line: str, account: Account) -> bool:
    """The command is one that `command` gives on some system: it prints the account's keyring item.

    Anything more, such as a pipe, is a command of the user's own.
    """
    try:
        program, *rest = shlex.split(line)
    except ValueError:
        return False
    user = account.key
    return (PurePath(program).name, *rest) in (
        ("security", "find-generic-password", "-s", SERVICE, "-a", user, "-w"),
        ("secret-tool", "lookup", "service", SERVICE, "username", user),
        ("secret-tool", "lookup", "username", user, "service", SERVICE),
        ("keyring", "get", SERVICE, user),
    )


def change(host: Host, account: Account, secret: Secret) -> SecretChange:
    """The account's keyring item with this password. Raises ProvisionError (`keyring.*`)."""
    item = SecretItem.shared(account.key)
    return SecretChange(item, host.secrets.get(item), secret)


def stored(host: Host, account: Account) -> Secret | None:
    """The password that the command would print. Raises ProvisionError (`keyring.*`)."""
    return host.secrets.get(SecretItem.shared(account.key))
