"""mblaze: commands for mail that another program fetches into Maildirs; msmtp sends. It needs no password."""

from __future__ import annotations

import json
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
from provisioner.clients.common import blockfile, program, shared
from provisioner.clients.common.shared import SharedFile
from provisioner.edits.block import Block
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "mblaze"
TITLE = "mblaze"
SUPPORT = Support.FULL
ABOUT = About(
    versions="1.1",
    account="marked blocks in ~/.mblaze/profile; the mail is what another program fetches into ~/Mail",
    stored=NOTHING,
    proof="the real program lists what mbsync has fetched, and sends by msmtp",
    proven="2026-11-23",
    holds_password=False,
    works_by=("mbsync", "msmtp"),
)

stored_secret = no_stored_secret
stored_seal = no_stored_seal
find = cannot_find
export = no_export

_PROGRAM = "mscan"


def _usual(host: Host) -> tuple[Path, ...]:
    """mblaze-profile(5)."""
    return (host.env_dir("MBLAZE", host.home / ".mblaze") / "profile",)


def detect(host: Host) -> tuple[Installation, ...]:
    """mblaze's programs on the search path; `where` is the profile."""
    return program.installation(host, _PROGRAM, ID, TITLE, _usual(host)[0])


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:  # noqa: ARG001 - none needed
    """Makes the address one of the user's own and, where nothing else is set, msmtp what sends.

    Raises ProvisionError (`client.not_installed`), UsageError (`profile.unknown`, `value.unwritable`),
    Conflict (`block.*`).
    """
    program.require(host, _PROGRAM, TITLE, ID)
    # mmime ends the name at an escaped quote, and spoils a quoted one that is not in ASCII.
    name = account.display_name
    if set(name) & set('"\\' if name.isascii() else '"\\()<>[]:;@,'):
        raise UsageError(
            'mblaze cannot send from a name with any of " \\ in it or, if it is not all ASCII, of ()<>[]:;@,',
            "Give another name with --name, or set this account up in another client.",
            code="value.unwritable",
        )
    path = blockfile.choose(host, options, _usual(host), TITLE)
    body = render("mblaze/account.j2", identity=[account.address, account.display_name])
    lost = [name for name in ("mbsync", "msmtp") if host.which(name) is None]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(path),
        changes=_file(host, path, account).with_block(body),
        done=f"knows {account.address} as an address of yours, and sends by msmtp",
        next=f"List your mail with:\n  mlist ~/Mail/{account.key}/INBOX | mscan",
        notes=(
            *_helpers(account, [name for name in ("mbsync", "msmtp") if name not in options.beside]),
            *(f"{name} is not installed here." for name in lost),
        ),
    )


def _helpers(account: Account, missing: Sequence[str]) -> tuple[str, ...]:
    """What is yet to be set up so that there is mail, and so that it can be sent."""
    if not missing:
        return ()
    lack = {"mbsync": "fetches", "msmtp": "sends"}
    what = " nor ".join(lack[name] for name in missing)
    does = f"neither {what}" if len(missing) > 1 else f"never {what}"
    return (f"mblaze itself {does}; for that:{ours('setup', account.address, *missing)}",)


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's lines out. Raises Conflict (`block.*`)."""
    return shared.unplan(
        receipt, TITLE, _file(host, Path(receipt.where), receipt.account, force=options.force)
    )


def _file(host: Host, path: Path, account: Account, *, force: bool = False) -> SharedFile:
    """At the top: mblaze stops at the first empty line, and takes the first of two lines with one key."""
    return SharedFile.read(host, path, account.key, _common, place=lambda _: 0, force=force)


def _common(own: str, blocks: Sequence[Block]) -> str:
    """What the user has stays in force: a primary address and a way to send; lists grow."""
    keys = dict(reversed(re.findall(r"^([\w-]+):[ \t]*(.*?)\s*$", own.partition("\n\n")[0], re.M)))
    accounts = [_identity(one) for one in blocks][::-1]  # each is put before those that were there
    senders = [_sender(*one) for one in accounts]
    taken = "Local-Mailbox" in keys
    others = [keys.get("Alternate-Mailboxes", ""), *(one[0] for one in accounts[0 if taken else 1 :])]
    return render(
        "mblaze/common.j2",
        primary="" if taken else senders[0],
        others=", ".join(filter(None, others)),
        senders=", ".join(filter(None, [keys.get("Reply-From", ""), *senders])),
        sendmail="" if "Sendmail" in keys else "msmtp",
    )


def _identity(account: Block) -> tuple[str, str]:
    """(address, name) from the comment in the account's block; the name of one that was edited is lost."""
    try:
        address, name = json.loads(account.body.removeprefix("#:"))
    except ValueError:
        return account.name, ""
    return str(address), str(name)


def _sender(address: str, name: str) -> str:
    """The address with the name as a quoted string (RFC 5322, 3.2.4), or as words that mmime encodes."""
    if not name:
        return address
    return f'"{name}" <{address}>' if name.isascii() else f"{name} <{address}>"
