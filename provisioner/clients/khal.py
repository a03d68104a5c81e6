"""khal: shows the calendars that vdirsyncer keeps in ~/.calendars; it needs no password."""

from __future__ import annotations

import shlex
from pathlib import Path

from provisioner.clients.base import (
    NOTHING,
    About,
    Options,
    cannot_find,
    no_export,
    no_stored_seal,
    no_stored_secret,
)
from provisioner.clients.common import blockfile, onesection, program, shared
from provisioner.clients.common.included import file_name
from provisioner.clients.common.shared import SharedFile
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "khal"
TITLE = "khal"
SUPPORT = Support.FULL
ABOUT = About(
    versions="0.10",
    account="marked block in the section [calendars] of ~/.config/khal/config; the events are vdirsyncer's",
    stored=NOTHING,
    proof="the real program shows what vdirsyncer has fetched",
    proven="2026-11-23",
    needs=("caldav",),
    holds_password=False,
    works_by=("vdirsyncer",),
)

stored_secret = no_stored_secret
stored_seal = no_stored_seal
find = cannot_find
export = no_export


def _usual(host: Host) -> tuple[Path, ...]:
    """settings/settings.py, find_configuration_file."""
    return (host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "khal/config",)


def detect(host: Host) -> tuple[Installation, ...]:
    """khal on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, blockfile.choose(host, Options(), _usual(host), TITLE))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:  # noqa: ARG001 - none needed
    """Adds all calendars of the account, those that come later, too.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `server.unknown`,
    `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, ID)
    if account.caldav is None:
        raise UsageError(
            f"The server for calendars of {account.address} is not known.",
            "A provider profile can name it: see `caldav` in profiles/icloud.yaml, and --profile.",
            code="server.unknown",
        )
    path = blockfile.choose(host, options, _usual(host), TITLE)
    file, name = _file(host, path, account), file_name(account)
    if f"[[{name}]]" in file.own:
        raise blockfile.taken(path, f"a section [[{name}]]")
    usual = path == blockfile.choose(host, Options(), _usual(host), TITLE)
    command = [ID, *([] if usual else ["-c", str(path)]), "list"]
    fetched = "vdirsyncer" in options.beside or (host.home / ".calendars" / name).is_dir()
    fetch = ours("setup", account.address, "vdirsyncer")
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=file.with_block(render("khal/account.j2", name=name, path=f"~/.calendars/{name}/*")),
        done=f"shows the calendars in ~/.calendars/{name}",
        next=f"See what is on with:\n  {shlex.join(command)}",
        notes=() if fetched else (f"No calendars are in ~/.calendars/{name} yet; to fetch them:{fetch}",),
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out; events stay. Raises Conflict (`block.*`)."""
    file = _file(host, Path(receipt.where), receipt.account, force=options.force)
    return shared.unplan(receipt, TITLE, file)


def _file(host: Host, path: Path, account: Account, *, force: bool = False) -> SharedFile:
    return onesection.read(host, path, account, render("khal/common.j2"), force=force)
