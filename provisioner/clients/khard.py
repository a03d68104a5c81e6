"""khard: shows the contacts that vdirsyncer keeps in ~/.contacts; it needs no password."""

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

ID = "khard"
TITLE = "khard"
SUPPORT = Support.FULL
ABOUT = About(
    versions="0.18 and 0.22",
    account="marked block in the section [addressbooks] of ~/.config/khard/khard.conf; the contacts are "
    "vdirsyncer's",
    stored=NOTHING,
    proof="the real program shows what vdirsyncer has fetched",
    proven="2026-11-23",
    needs=("carddav",),
    holds_password=False,
    works_by=("vdirsyncer",),
)

stored_secret = no_stored_secret
stored_seal = no_stored_seal
find = cannot_find
export = no_export

DISCOVERS = (0, 20)
"""Since then it takes all directories of a pattern (CHANGES, v0.20.0); before, each one that is there."""
NEWEST = (0, 22)

Book = tuple[str, str, bool]
"""Name, path, and whether that is a pattern."""


def _usual(host: Host) -> tuple[Path, ...]:
    """khard.conf(5), LOCATION."""
    if named := host.env.get("KHARD_CONFIG", ""):
        return (Path(named),)
    return (host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "khard/khard.conf",)


def detect(host: Host) -> tuple[Installation, ...]:
    """khard on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, blockfile.choose(host, Options(), _usual(host), TITLE))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:  # noqa: ARG001 - none needed
    """Adds the address books of the account: since 0.20 those that come later, too, else those there are.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `server.unknown`,
    `value.unwritable`, `contacts.none`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, ID)
    if account.carddav is None:
        raise UsageError(
            f"The server for contacts of {account.address} is not known.",
            "A provider profile can name it: see `carddav` in profiles/icloud.yaml, and --profile.",
            code="server.unknown",
        )
    path = blockfile.choose(host, options, _usual(host), TITLE)
    file, name = _file(host, path, account), file_name(account)
    version = program.version(host, ID)
    books = _books(host, account, name, options) if version and version < DISCOVERS else [_all(name)]
    for book, _, _ in books:
        if f"[[{book}]]" in file.own:
            raise blockfile.taken(path, f"a section [[{book}]]")
    usual = path == blockfile.choose(host, Options(), _usual(host), TITLE)
    fetched = "vdirsyncer" in options.beside or (host.home / ".contacts" / name).is_dir()
    fetch = f"No contacts are in ~/.contacts/{name} yet; to fetch them:{_vdirsyncer(account)}"
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=file.with_block(render("khard/account.j2", books=books)),
        done=f"shows the contacts in ~/.contacts/{name}",
        next=f"See whom you know with:\n  {shlex.join([ID, *([] if usual else ['-c', str(path)]), 'list'])}",
        notes=(*(() if fetched else (fetch,)), *program.newer(TITLE, version, NEWEST)),
    )


def _vdirsyncer(account: Account) -> str:
    return ours("setup", account.address, "vdirsyncer")


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out; contacts stay. Raises Conflict (`block.*`)."""
    return shared.unplan(
        receipt, TITLE, _file(host, Path(receipt.where), receipt.account, force=options.force)
    )


def _file(host: Host, path: Path, account: Account, *, force: bool = False) -> SharedFile:
    return onesection.read(host, path, account, render("khard/common.j2"), force=force)


def _all(name: str) -> Book:
    return name, f"~/.contacts/{name}/*", True


def _books(host: Host, account: Account, name: str, options: Options) -> list[Book]:
    """One for each directory that was fetched: with a path that is not there khard shows nothing at all.

    Raises UsageError (`contacts.none`).
    """
    place = host.home / ".contacts" / name
    found = sorted(path.name for path in place.iterdir() if path.is_dir()) if place.is_dir() else []
    books = [(f"{name}/{one}", f"~/.contacts/{name}/{one}", False) for one in found if one[0] != "."]
    if not books:
        raise UsageError(
            f"khard before 0.20 can only be given address books that are there, and none is in {place} yet.",
            "Fetch them; to the first question of `discover` answer `y`:"
            + ("" if "vdirsyncer" in options.beside else _vdirsyncer(account))
            + "\n  vdirsyncer discover\n  vdirsyncer sync"
            + ours("setup", account.address, ID),
            code="contacts.none",
        )
    return books
