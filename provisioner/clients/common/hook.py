"""How a client that runs a command for its password gets it: one item of one store for all of them."""

from __future__ import annotations

import shlex
from pathlib import PurePath

from provisioner.errors import ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SERVICE, SecretItem, Store
from provisioner.model import Account, Plan, SecretChange
from provisioner.secret import Secret
from provisioner.stores.captured import CARRIAGE_RETURN, without_carriage_return
from provisioner.stores.pass_store import entry

STORED = "the system's keyring, pass, or your own store, read by a command"
"""For a client's `About`."""


_WITHOUT = "With --password-store command, this as --password-command leaves it out:"


def command(host: Host, account: Account) -> str:
    """The shell command that prints the account's password. Raises UsageError (`hook.missing`).

    It is one command that needs no shell: some clients split it into words and start that.
    """
    item = account.item
    if item.store is Store.COMMAND:
        return item.command
    return _pass(host, item) if item.store is Store.PASS else _keyring(host, account)


def lines(host: Host, account: Account) -> tuple[str, ...]:
    """The commands that may have been written for the account's item here, whatever is installed now."""
    item, user = account.item, shlex.quote(account.key)
    if item.store is Store.COMMAND:
        return ()
    if item.store is Store.PASS:
        return (shlex.join(["sh", "-c", _script(item)]),)
    keyring = host.which("keyring")
    known = (f"{shlex.quote(str(keyring))} get {SERVICE} {user}",) if keyring else ()
    return (f"secret-tool lookup service {SERVICE} username {user}", *known)


def _pass(host: Host, item: SecretItem) -> str:
    """The first line of the entry that is not empty, and a failure if there is none."""
    if host.which("pass") is None:
        raise UsageError(
            "The program `pass` is not installed here.",
            "Install your system's package `pass`, or choose another --password-store.",
            code="hook.missing",
        )
    directory = host.env.get("PASSWORD_STORE_DIR", "")
    where = f"PASSWORD_STORE_DIR={shlex.quote(directory)} " if directory else ""
    return shlex.join(["sh", "-c", where + _script(item)])


def _script(item: SecretItem) -> str:
    return f"pass show {shlex.quote(entry(item))} | grep -m 1 ."


def _keyring(host: Host, account: Account) -> str:
    """`secret-tool` reads the Secret Service twenty times quicker than `keyring`; macOS has its own.

    The manual page of `security`: `-w` prints only the password.
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


def said(account: Account) -> str:
    """Where the password is, for the report."""
    item = account.item
    return f"the password is in {item.place}" if item.kept else "the password comes from your own command"


def failure(account: Account) -> str:
    """What a program of ours says when the command prints nothing."""
    item = account.item
    if not item.kept:
        return f"Your own command has printed no password for {account.address}."
    return f"There is no password for {account.address} in {item.place}, or it is locked."


def unattended(host: Host, account: Account) -> tuple[str, ...]:
    """A note for programs that are started from cron or a timer, where the password may be out of reach."""
    store = account.item.store
    if store is Store.PASS:
        return (
            "From cron or a timer it works while gpg-agent remembers your key's passphrase (gpg-agent(1), "
            "--default-cache-ttl), or with a key that has none.",
        )
    if store is Store.COMMAND:
        return ("From cron or a timer your own command must print the password without asking anybody.",)
    if host.platform != "linux":
        return ()
    return (
        "From cron or a timer it works while you are logged in and the keyring is unlocked; a crontab needs "
        "the line DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/UID/bus, with what `id -u` says for UID. "
        "Where nobody logs in to a desktop: --password-store pass, or command.",
    )


def reads(line: str, account: Account) -> bool:
    """The command is one that `command` gives on some system: it prints the account's keyring item.

    Anything more, such as a pipe, is a command of the user's own.
    """
    try:
        program, *rest = shlex.split(line)
    except ValueError:
        return False
    item = account.item
    if item.store is Store.COMMAND:
        return [program, *rest] == shlex.split(item.command)
    if item.store is Store.PASS:
        return (program, *rest[:-1]) == ("sh", "-c") and rest[-1].endswith(_script(item))
    user = account.key
    return (PurePath(program).name, *rest) in (
        ("security", "find-generic-password", "-s", SERVICE, "-a", user, "-w"),
        ("secret-tool", "lookup", "service", SERVICE, "username", user),
        ("secret-tool", "lookup", "username", user, "service", SERVICE),
        ("keyring", "get", SERVICE, user),
    )


def change(host: Host, account: Account, secret: Secret) -> SecretChange:
    """The account's keyring item with this password. Raises ProvisionError (`keyring.*`)."""
    return SecretChange(account.item, host.secrets.get(account.item), secret)


def stored(host: Host, account: Account) -> Secret | None:
    """The password that the command would print. Raises ProvisionError (`keyring.*`)."""
    return host.secrets.get(account.item)


def prove(host: Host, account: Account, plan: Plan, secret: Secret, undone: str = "", line: str = "") -> None:
    """Runs the command that a client has, as the client would. Raises ProvisionError (`hook.failed`) if it
    prints anything but `secret`, or nothing.

    `plan`: what the client still lacks. If that is nothing, and it is a client that reads the account's item,
    the command is what `command` says. One of the user's own has given the password just now.
    `line`: the one that it has in spite of that, written when another was the right one.
    `undone`: a sentence of what happens then, for the hint.
    """
    item = account.item
    reads_item = any(change.item.identity == item.identity for change in plan.secrets)
    if host.hooks is None or not item.kept or not reads_item or (plan.changes and not line):
        return
    line = line or command(host, account)
    printed = host.hooks(line)
    if printed.secret == secret:
        return
    program = shlex.split(line)[0]
    if printed.problem == CARRIAGE_RETURN:
        hint = f"{_WITHOUT}\n  {without_carriage_return(line)}"
    elif printed.slow:
        hint = f"This shows how long it takes, and no password:\n  time {line} > /dev/null"
    elif PurePath(program).stem != "keyring":
        hint = f"This shows what it complains of, and no password:\n  {line} > /dev/null"
    else:
        hint = (
            "It reads what its own configuration, or PYTHON_KEYRING_BACKEND, names instead of the system's "
            f"keyring. Where that is configured:\n  {shlex.quote(program)} diagnose\n"
            "Correct it, or install secret-tool (package libsecret-tools or libsecret), then run the command "
            "again."
        )
    other = f"does not print what is in {item.place}"
    raise ProvisionError(
        f"Mail programs do not get the password: `{line}` {printed.problem or other}.",
        f"{undone} {hint}".lstrip(),
        code="hook.failed",
    )
