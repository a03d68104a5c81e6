"""goimapnotify: a file of the account's own; at new mail it starts mbsync. Password comes by a command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import yaml

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, entries, hook, program, tls
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.clients.common.included import file_name
from provisioner.edits import block
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "goimapnotify"
TITLE = "goimapnotify"
SUPPORT = Support.FULL
ABOUT = About(
    versions="2.4 to 2.5.3 by their documentation",
    account="a file of its own, ~/.config/goimapnotify/ADDRESS.yaml",
    stored=hook.STORED,
    proof="written from the documented format of 2.5.3, read back by a YAML parser; not run",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export


def _directory(host: Host) -> Path:
    """Where it looks for the file that is not named (main.go, getDefaultConfigPath)."""
    return host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / ID


def detect(host: Host) -> tuple[Installation, ...]:
    """goimapnotify on the search path; `where` is the directory of its configuration files."""
    return program.installation(host, ID, ID, TITLE, _directory(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Writes the account's file and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`, `tls.*`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, ID)
    tls.require_from_the_start(
        account.imap, TITLE, "some of its versions do not know that and would log in without TLS"
    )
    file = _file(host, account, options)
    file.refuse_another()
    fetch = _fetch(host, account)
    body = render(
        "goimapnotify/account.j2",
        name=account.key,
        server=account.imap,
        hook=_literal(hook.command(host, account)),
        fetch=_literal(fetch or "SKIP"),
    )
    idle = f"At new mail it does nothing yet; for that:{ours('setup', account.address, 'mbsync', ID)}"
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=file.with_block(body),
        secrets=(hook.change(host, account, secret),),
        works_by=("mbsync",) if fetch else (),
        done=f"waits for mail of {account.address}; {hook.said(account)}",
        next=f"Start it with:\n  {shlex.join([ID, '-conf', str(file.path)])}",
        notes=(
            *(() if fetch else (idle,)),
            "goimapnotify does not say its version; those before 2.4 need a file of another form.",
            *hook.unattended(host, account),
        ),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's file out. Raises Conflict (`block.*`)."""
    return blockfile.unplan(host, receipt, TITLE, force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The files that log in at the account's server; see `Client.find`."""
    directory = _directory(host)
    own = sorted(path for path in directory.iterdir() if path.is_file()) if directory.is_dir() else []
    return entries.find(host, account, options, account.imap, own, _entries)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if goimapnotify has our account that asks for it."""
    return hook.stored(host, account) if _file(host, account, options).block else None


def _file(host: Host, account: Account, options: Options) -> BlockFile:
    usual = (_directory(host) / file_name(account, ".yaml"),)
    return BlockFile.read(host, blockfile.choose(host, options, usual, TITLE), account.key)


def _fetch(host: Host, account: Account) -> str:
    """The command that fetches by mbsync, if that has our account, whose channel is called as its key."""
    dotfile = host.home / ".mbsyncrc"
    for path in (dotfile, host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "isyncrc"):
        if block.find(host.read(path) or b"", account.key, path, force=True):
            return shlex.join(["mbsync", *([] if path == dotfile else ["-c", str(path)]), account.key])
    return ""


def _literal(command: str) -> str:
    """It puts the mailbox for `%s` (command.go), and reads `{{` as a template (running.go)."""
    if "%s" in command or "{{" in command:
        raise UsageError(
            "goimapnotify would replace `%s` or `{{` in the address, the path or the command.",
            "Change it, or set this account up in another client.",
            code="value.unwritable",
        )
    return command


def _entries(text: str) -> Iterator[Entry]:
    """The accounts of a file, and that of one in the older form; names are in any case (viper)."""
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return
    top = found.get("configurations", [found]) if isinstance(found, dict) else found
    for one in top if isinstance(top, list) else ():
        settings = (
            {str(key).lower(): str(value) for key, value in one.items()} if isinstance(one, dict) else {}
        )
        if "host" in settings:
            line = next((n for n, row in enumerate(text.split("\n"), 1) if settings["host"] in row), 1)
            command = "" if settings.get("password") else settings.get("passwordcmd", "")
            yield Entry(line, settings["host"], settings.get("username", ""), command)
