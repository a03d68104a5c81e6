"""notmuch: searches the mail that another program fetches below ~/Mail; it needs no password.

The user's database and hooks are left alone: where there is a database already, it must reach that mail.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
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
from provisioner.clients.common import blockfile, index, keeper, program, shared
from provisioner.clients.common.shared import SharedFile
from provisioner.edits.block import Block
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "notmuch"
TITLE = "notmuch"
SUPPORT = Support.FULL
ABOUT = About(
    versions="0.37",
    account="marked blocks in notmuch's configuration; the mail is what another program fetches into ~/Mail",
    stored=NOTHING,
    proof="the real program finds what mbsync has fetched; its own parser reads back any value",
    proven="2026-11-23",
    holds_password=False,
    works_by=("mbsync",),
)

stored_secret = no_stored_secret
stored_seal = no_stored_seal
find = cannot_find
export = no_export

_NO_MAIL = (keeper.NAME, ".mbsyncstate", ".uidvalidity", ".isyncuidmap.db")
"""Files that notmuch would otherwise complain of; mbsync(1), SyncState and MaildirStore."""

Settings = dict[tuple[str, str], str]
"""(group, key) -> value as it is written."""


def _usual(host: Host) -> tuple[Path, ...]:
    """notmuch-config(1), FILES; one that does not exist yet is that which every version reads."""
    if named := host.env.get("NOTMUCH_CONFIG", ""):
        return (Path(named),)
    profile = host.env.get("NOTMUCH_PROFILE", "")
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config")
    dotfile = host.home / f".notmuch-config{f'.{profile}' if profile else ''}"
    return config / "notmuch" / (profile or "default") / "config", dotfile


def detect(host: Host) -> tuple[Installation, ...]:
    """notmuch on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, blockfile.choose(host, Options(), _usual(host), TITLE))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:  # noqa: ARG001 - none needed
    """Makes the address one of the user's own and, without a database yet, ~/Mail what is searched.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `value.unwritable`),
    Conflict (`block.*`, `mail.elsewhere`).
    """
    program.require(host, ID, TITLE, "notmuch")
    path = blockfile.choose(host, options, _usual(host), TITLE)
    file = _file(host, path, account)
    hint = "Set mail_root in its section [database] to a directory that has both, then run the command again."
    index.refuse_elsewhere(host, account, TITLE, _root(host, _settings(file.own)), hint)
    body = render("notmuch/account.j2", identity=[account.address, account.display_name])
    usual = path == blockfile.choose(host, Options(), _usual(host), TITLE)
    command = ["notmuch", *([] if usual else [f"--config={path}"]), "new"]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=file.with_block(body),
        done=f"searches ~/Mail; {account.address} is an address of yours",
        next=f"Index your mail, now and after every fetch, with:\n  {shlex.join(command)}",
        notes=index.nothing_fetched(host, account, options),
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's lines out; the database stays. Raises Conflict (`block.*`)."""
    file = _file(host, Path(receipt.where), receipt.account, force=options.force)
    root = _root(host, _settings(file.own)) or host.home / "Mail"
    places = (_xdg(host), root / ".notmuch")
    database = next((place for place in places if place.is_dir()), None)
    return shared.unplan(receipt, TITLE, file, stays=index.stays(TITLE, database))


def _file(host: Host, path: Path, account: Account, *, force: bool = False) -> SharedFile:
    def common(own: str, blocks: Sequence[Block]) -> str:
        return _common(host, own, blocks)

    return SharedFile.read(host, path, account.key, common, force=force)


def _common(host: Host, own: str, blocks: Sequence[Block]) -> str:
    """What notmuch takes from the last of several groups of one name: so the user's values are in it."""
    mine = _settings(own)
    accounts = [_identity(one) for one in blocks]
    taken = ("user", "primary_email") in mine
    primary = "" if taken else accounts[0][0]
    # A list that stands twice is read from its last place only.
    theirs = [one for one in mine.get(("user", "other_email"), "").split(";") if one]
    known = {one.lower() for one in (*theirs, mine.get(("user", "primary_email"), primary))}
    others = [*theirs, *(address for address, _ in accounts if address.lower() not in known)]
    return render(
        "notmuch/common.j2",
        root="" if _root(host, mine) else str(host.home / "Mail"),
        name="" if ("user", "name") in mine else next((name for _, name in accounts if name), ""),
        primary=primary,
        others=others if len(others) > len(theirs) else (),
        ignore=() if ("new", "ignore") in mine else _NO_MAIL,
    )


def _identity(account: Block) -> tuple[str, str]:
    """(address, name) from the comment in the account's block; the name of one that was edited is lost."""
    try:
        address, name = json.loads(account.body.lstrip("# "))
    except ValueError:
        return account.name, ""
    return str(address), str(name)


def _settings(text: str) -> Settings:
    found: Settings = {}
    group = ""
    for line in text.splitlines():
        if line.startswith("[") and line.rstrip().endswith("]"):
            group = line.strip()[1:-1]
        elif "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[group, key.strip()] = value.strip()
    return found


def _xdg(host: Host) -> Path:
    data = host.env_dir("XDG_DATA_HOME", host.home / ".local/share")
    return data / "notmuch" / (host.env.get("NOTMUCH_PROFILE") or "default")


def _root(host: Host, mine: Settings) -> Path | None:
    """The mail that the user's database is about, if there is one (notmuch-config(1), DATABASE LOCATION)."""
    for key in ("mail_root", "path"):
        if place := mine.get(("database", key)):
            return host.home / place
    usual = Path(host.env.get("MAILDIR", "") or "mail")
    if host.env.get("MAILDIR") or _xdg(host).is_dir() or (host.home / usual / ".notmuch").is_dir():
        return host.home / usual
    return None
