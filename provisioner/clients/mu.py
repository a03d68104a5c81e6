"""mu: finds the mail that another program fetches below ~/Mail; it needs no password.

It has no file of settings: what it knows is in its database, which only mu itself makes. That is left to the
person; the account is a line of a small program of ours that makes it for all addresses at once.
"""

from __future__ import annotations

import re
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
from provisioner.clients.common import blockfile, included, index, program, shared
from provisioner.clients.common.shared import KEY, SharedFile
from provisioner.edits import block
from provisioner.edits.block import Block
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import typed

ID = "mu"
TITLE = "mu"
SUPPORT = Support.FULL
ABOUT = About(
    versions="1.8",
    account="marked blocks in ~/.config/provisioner/mu-init, which you run to make mu's database; the mail "
    "is what another program fetches into ~/Mail",
    stored=NOTHING,
    proof="the real program finds what mbsync has fetched, and knows the addresses",
    proven="2026-11-23",
    holds_password=False,
    works_by=("mbsync",),
)

stored_secret = no_stored_secret
stored_seal = no_stored_seal
find = cannot_find
export = no_export

_INDEX = "After every fetch:" + typed(ID, "index")
_ROOT = re.compile(r"^\| (?:root-)?maildir +\| (.+?) +\|", re.M)
_ADDRESS = re.compile(r"^\| personal-address(?:es)? +\| (.+?) +\|", re.M)
"""Rows of what `mu info store` prints (mu/mu-cmd-info.cc, of 1.8 and 1.12)."""


def _usual(host: Host) -> tuple[Path, ...]:
    return (included.directory(host) / "mu-init",)


def detect(host: Host) -> tuple[Installation, ...]:
    """mu on the search path; `where` is our program that makes its database."""
    return program.installation(host, ID, ID, TITLE, _usual(host)[0])


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:  # noqa: ARG001 - none needed
    """Makes the address one that the database is made for; mu itself is not run, but asked what it has.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `value.unwritable`),
    Conflict (`block.*`, `mail.elsewhere`).
    """
    program.require(host, ID, TITLE, "maildir-utils` or `mu")
    known = _known(host)
    path = blockfile.choose(host, options, _usual(host), TITLE)
    hint = "Make its database anew over a directory that has both (mu-init(1)), then run the command again."
    index.refuse_elsewhere(host, account, TITLE, _root(known), hint)
    file = _file(host, path, account, known)
    changes = file.with_block(render("mu/account.j2", address=account.address))
    ours = {one.name for one in block.blocks(file.account.data or b"", path)} | {account.key}
    there = _ADDRESS.findall(known)
    more = [f"--my-address={one}" for one in there if one.lower() not in ours]
    make = typed("sh", str(path), *more)
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=changes,
        done=f"{account.address} is an address of yours when its database is made",
        next=_INDEX if account.key in map(str.lower, there) else f"Make mu's database, once:{make}\n{_INDEX}",
        notes=index.nothing_fetched(host, account, options),
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's line out; the database stays. Raises Conflict (`block.*`)."""
    file = _file(host, Path(receipt.where), receipt.account, _known(host), force=options.force)
    return shared.unplan(receipt, TITLE, file, stays=index.stays(TITLE, _database(host)))


def _known(host: Host) -> str:
    """What mu says of its database, empty if it has none; without one it is not asked, as it would make a
    file for its log (lib/utils/mu-utils-file.cc, runtime_path)."""
    return host.output(ID, "info", "store", "--nocolor") if _database(host) else ""


def _database(host: Host) -> Path | None:
    own = host.env.get("MUHOME", "")
    cache = Path(own) if own else host.env_dir("XDG_CACHE_HOME", host.home / ".cache") / "mu"
    return cache / "xapian" if (cache / "xapian").is_dir() else None


def _root(known: str) -> Path | None:
    found = _ROOT.search(known)
    return Path(found[1]) if found else None


def _file(host: Host, path: Path, account: Account, known: str, *, force: bool = False) -> SharedFile:
    root = _root(known)

    def common(_own: str, _blocks: Sequence[Block]) -> str:
        same = root is None or root.resolve() == (host.home / "Mail").resolve()
        return render("mu/common.j2", root="" if same else str(root))

    def place(data: bytes) -> int:
        """Before what runs mu with all of them."""
        found = block.find(data, KEY, path)
        return found.start if found else len(data)

    return SharedFile.read(host, path, account.key, common, place=place, force=force)
