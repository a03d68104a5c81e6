"""mutt and NeoMutt, whose configuration has one syntax: two files of our own, and a block that reads them.

`ADDRESS.hooks` is always read. It gets the password from the keyring by a command, once, as hooks run a
hundred times when a mailbox is opened; its hooks see to it that only the account's servers are given it.
`ADDRESS.settings` (sender, mailboxes, SMTP server) is read when one of the account's mailboxes is opened, and
at the start if it is the default account.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.base import Found, Options
from provisioner.clients.common import blockfile, byhand, entries, hook, included, keeper, program
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.included import Included
from provisioner.clients.common.muttmail import Mail, over_imap, over_maildir
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

_OWN = re.compile(
    r"\s*(set\b.*\b(folder|spool_?file|from|imap_user|smtp_url|sendmail)\s*=|mailboxes\b|(folder|account)-hook\b)"
)
_HOOKS = re.compile(r"\s*(folder|account)-hook\b")
_OTHER_HOOKS = (
    "Your own account-hooks must set imap_pass and smtp_pass for each of your other servers: one that they "
    "leave out would be given the password that was used last."
)
_SOURCE = re.compile(r"""\s*source\s+["']?([^"'|`$\n]+?)["']?\s*(?:#.*)?""")
_VERSION = re.compile(r"(Neo)?Mutt (\d+(?:\.\d+)*)")
_DEFAULT = re.compile(r"\.settings\"$", re.M)
_MAILDIR = re.compile(r"^set sendmail = ", re.M)
"""In settings of ours: sent by msmtp and so fetched by mbsync."""
FETCH_AND_SEND = ("mbsync", "msmtp")


@dataclass(frozen=True)
class Program:
    """`usual`: configuration files below the home or (`%`) its XDG directory; the first one there is read."""

    id: str
    title: str
    newest: tuple[int, ...]
    """The last version whose settings are known here."""
    usual: tuple[str, ...]
    fresh: str
    """The one to make if there is none."""

    def files(self, host: Host) -> tuple[Path, ...]:
        return tuple(_below(host, name) for name in (*self.usual, self.fresh))


def detect(host: Host, which: Program) -> tuple[Installation, ...]:
    """The program on the search path; `where` is its configuration file."""
    return program.installation(host, which.id, which.id, which.title, _choose(host, which, Options()))


def _about_version(host: Host, which: Program) -> tuple[str, ...]:
    """What its version means for what is written. `-v` tells it, and then of the system and libraries, too.

    NeoMutt counts its versions by the day.
    """
    said = _VERSION.match(host.output(which.id, "-v"))
    if said and said[1] and which.id == "mutt":
        return (
            "The program mutt is NeoMutt here, which reads a neomuttrc in place of your muttrc if it "
            "has one.",
        )
    version = tuple(map(int, said[2].split("."))) if said else ()
    return program.newer(which.title, version, which.newest)


def plan(host: Host, which: Program, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, as the default one if there is none yet, and stores the password in the keyring.

    Together with mbsync and msmtp it reads what the one fetches and sends by the other, from then on.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, which.id, which.title, which.id)
    files, settings = _files(host, which, account, options)
    mail = _mail(host, settings, account, options)
    include, hooks = files.main, files.own
    own = _own_text(host, include)
    _refuse_clash(include, (hooks, settings), own, account)
    has_own = any(_OWN.match(line) for line in own)
    own_hooks = {match[1] for line in own if (match := _HOOKS.match(line))}
    other_default = has_own or _DEFAULT.search(include.others)
    default = not other_default and (include.block is None or bool(_DEFAULT.search(include.block.body)))
    names = {
        "hooks": included.from_home(host, hooks.path),
        "settings": included.from_home(host, settings.path),
    }
    changes = settings.with_block(
        render("mutt/settings.j2", mail=mail, address=account.address, name=account.display_name)
    )
    body = render(
        "mutt/hooks.j2",
        mail=mail,
        hook="" if mail.maildir else hook.command(host, account),
        number=hashlib.sha256(account.key.encode("utf-8", "replace")).hexdigest()[:12],
        own_folders=has_own and "folder" not in own_hooks,
        own_servers=bool(mail.servers) and "account" not in own_hooks,
        **names,
    )
    changes += files.with_account(body, render("mutt/include.j2", default=default, **names))
    start = [which.id, *([] if include.path in which.files(host) else ["-F", str(include.path)])]
    start += [] if default else ["-f", mail.folder + mail.inbox.removeprefix("+")]
    notes = (
        *(() if default else (f"Another account is the default: `{shlex.join(start)}` opens this one.",)),
        *((_OTHER_HOOKS,) if mail.servers and "account" in own_hooks else ()),
        *_about_version(host, which),
    )
    maildirs = _maildirs(host, mail)
    return Plan(
        client=which.id,
        title=which.title,
        where=str(include.path),
        changes=(*keeper.keep(*maildirs), *changes),
        directories=tuple(maildirs),
        secrets=() if mail.maildir else (hook.change(host, account, secret),),
        works_by=FETCH_AND_SEND if mail.maildir else (),
        done=_done(mail, account),
        next=f"Read your mail with:\n  {shlex.join(start)}",
        notes=notes,
        secret=secret,
    )


def unplan(host: Host, which: Program, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's blocks out. Raises Conflict (`block.*`)."""
    file = BlockFile.read(host, Path(receipt.where), receipt.account.key, force=options.force)
    orphans = file.block and _DEFAULT.search(file.block.body) and "provisioner/" in file.others
    note = f"{which.title} has no default account now: name a mailbox with `{which.id} -f`."
    plan = blockfile.unplan(host, receipt, which.title, (note,) if orphans else (), force=options.force)
    kept = [Path(record.path).parent for record in receipt.files if Path(record.path).name == keeper.NAME]
    return dataclasses.replace(plan, changes=(*plan.changes, *keeper.unkeep(host, *kept)))


def find(host: Host, which: Program, account: Account, options: Options) -> tuple[Found, ...]:
    """Our account, if the program reads it, and the user's own for its servers; see `Client.find`."""
    files, settings = _files(host, which, account, options)
    own = (*_own_files(host, files.main), *which.files(host))
    by_hand = entries.advise(host, account, options, [(path, byhand.urls) for path in own])
    return by_hand if _fetched(settings) else (*files.find(account), *by_hand)


def stored_secret(host: Host, which: Program, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if the program has our account that asks for it."""
    files, settings = _files(host, which, account, options)
    return None if _fetched(settings) else files.stored(host, account)


def _mail(host: Host, settings: BlockFile, account: Account, options: Options) -> Mail:
    fetched = _fetched(settings)
    if not (fetched or options.together.issuperset(FETCH_AND_SEND)):
        return over_imap(account)
    if settings.block is not None and not fetched and "neomutt" not in str(settings.path):
        raise Conflict(
            f"mutt and NeoMutt read the same files here, in which {account.address} is read over IMAP.",
            "Give NeoMutt a ~/.config/neomutt/neomuttrc of its own, or take the account out of mutt with the "
            "command below; then run this one again:" + ours("remove", account.address, "mutt"),
            code="account.shared",
        )
    program.require(host, "mbsync", "mbsync, which is to fetch the mail,", "isync")
    program.require(host, "msmtp", "msmtp, which is to send the mail,", "msmtp")
    return over_maildir(account)


def _fetched(settings: BlockFile) -> bool:
    """As it was set up, others fetch and send: it has no password."""
    return settings.block is not None and _MAILDIR.search(settings.block.body) is not None


def _maildirs(host: Host, mail: Mail) -> list[Path]:
    """NeoMutt starts with errors while a mailbox that it watches is not there: mbsync may not have run."""
    boxes = [host.home / box.removeprefix("~/") for box in mail.mailboxes if mail.maildir]
    return [part for box in boxes for part in keeper.maildir(box)]


def _done(mail: Mail, account: Account) -> str:
    if mail.maildir:
        return f"reads {mail.folder.rstrip('/')}, which mbsync fills, and sends as {account.address} by msmtp"
    return f"reads and sends as {account.address}; {hook.said(account)}"


def _choose(host: Host, which: Program, options: Options) -> Path:
    return blockfile.choose(host, options, which.files(host), which.title)


def _below(host: Host, name: str) -> Path:
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config")
    return config / name[2:] if name.startswith("%/") else host.home / name


def _files(host: Host, which: Program, account: Account, options: Options) -> tuple[Included, BlockFile]:
    """The hooks and what includes them, and the settings.

    They are the same for both programs where these share a `muttrc`, and with it the account.
    """
    main = _choose(host, which, options)
    directory = _below(host, f"%/{'neomutt' if 'neomutt' in main.name else 'mutt'}/provisioner")
    settings = BlockFile.read(host, directory / included.file_name(account, ".settings"), account.key)
    hooks = directory / included.file_name(account, ".hooks")
    return Included.read(host, account, hooks, main), settings


def _own_text(host: Host, include: BlockFile) -> list[str]:
    """The lines of the user's own, of the files that they `source` as well, without what we wrote."""
    return [line for lines in _own_files(host, include).values() for line in lines]


def _own_files(host: Host, include: BlockFile) -> dict[Path, list[str]]:
    """Those lines by file."""
    files: dict[Path, list[str]] = {}
    waiting = [(include.path, include.others)]
    while waiting:
        path, text = waiting.pop()
        files[path] = re.sub(r"\\\r?\n", " ", text).splitlines()
        for match in filter(None, map(_SOURCE.fullmatch, files[path])):
            path = host.home / re.sub("^~/", "", match[1])
            if path not in files and path.parent.name != "provisioner":
                waiting.append((path, (host.read(path) or b"").decode("utf-8", "surrogateescape")))
    return files


def _refuse_clash(
    include: BlockFile, files: Sequence[BlockFile], own: Sequence[str], account: Account
) -> None:
    user, host = re.escape(account.imap.username), re.escape(account.imap.host)
    same = re.compile(
        rf"\s*set\b.*(\bfrom\s*=.*\b{re.escape(account.address)}\b|//{user}@{host}\b)"
        rf"|\s*set\b.*\bimap_user\s*=\s*[\"']?{user}[\"']?\s*", re.I,
    )  # fmt: skip
    taken = [file.path for file in files if file.data and file.block is None]
    if taken or any(same.match(line) for line in own):
        raise Conflict(
            f"{(taken or [include.path])[0]} has settings for {account.address} already, which provisioner "
            "did not write.",
            "Take them out, then run the command again.",
            code="account.exists",
        )
