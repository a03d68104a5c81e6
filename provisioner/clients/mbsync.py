"""mbsync (isync): an account in its configuration file, its mail in a Maildir below ~/Mail.

Mailboxes keep the names that they have on the server. Nothing is made or deleted there (`Create Near`,
`Expunge None`).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal, was_gone
from provisioner.clients.common import blockfile, entries, hook, keeper, program
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.entries import Entry
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Support
from provisioner.quoting.base import Quoted
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "mbsync"
TITLE = "mbsync"
SUPPORT = Support.FULL
ABOUT = About(
    versions="1.4; 1.3 and 1.5 by their release notes",
    account="marked block in ~/.mbsyncrc or ~/.config/isyncrc, mail in ~/Mail/ADDRESS",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring fetches over TLS",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_SECTION = re.compile(r"\s*(IMAPAccount|IMAPStore|MaildirStore|Channel|Group)\s+(.+?)\s*", re.I)
_SETTING = re.compile(r"\s*([A-Za-z0-9]+)\s+(.*?)\s*")
_OLD_HOST = re.compile(r"imaps?:(?://)?|:\d+$", re.I)
"""Around the name in `Host imaps:NAME:PORT`, as versions before 1.2 had it."""


class Words(NamedTuple):
    """Words of the configuration that are not the same in every version."""

    far: Quoted
    near: Quoted
    tls: Quoted


def _words(*words: str) -> Words:
    return Words(*map(Quoted, words))


OLDEST = (1, 3)
"""The first with `SubFolders Verbatim` (NEWS, 1.3.0)."""
NEWEST = (1, 5)
"""The last whose words are known here."""
_ERAS: tuple[tuple[tuple[int, ...], Words], ...] = (
    (OLDEST, _words("Master", "Slave", "SSLType")),
    ((1, 4), _words("Far", "Near", "SSLType")),
    (NEWEST, _words("Far", "Near", "TLSType")),
)
"""From which version on. A newer one takes the older words, too, and says that they are old (NEWS)."""
_KINDS = {"imapaccount": "account", "imapstore": "store", "maildirstore": "store"}


def _usual(host: Host) -> tuple[Path, Path]:
    """Version 1.4 reads the first; 1.5 the second or, if that does not exist, the first (mbsync(1), -c)."""
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config")
    return host.home / ".mbsyncrc", config / "isyncrc"


def _choose(host: Host, options: Options) -> Path:
    dotfile, xdg = _usual(host)
    return blockfile.choose(host, options, (xdg, dotfile), TITLE)


def detect(host: Host) -> tuple[Installation, ...]:
    """mbsync on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, _choose(host, Options()))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account and its Maildir, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `client.old`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "isync")
    if "/" in account.address:
        raise UsageError(
            f"mbsync cannot have a directory for {account.address}: the address has a slash.",
            "Set up this address in another client.",
            code="value.unwritable",
        )
    file = BlockFile.read(host, _choose(host, options), account.key)
    _refuse_clash(file, account.key)
    version = program.version(host, ID)
    body = render(
        "mbsync/account.j2",
        name=account.key,
        server=account.imap,
        starttls=account.imap.security is Security.STARTTLS,
        hook=hook.command(host, account),
        words=_choose_words(version, file),
    )
    command = ["mbsync", *([] if file.path == _usual(host)[0] else ["-c", str(file.path)]), account.key]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=(*keeper.keep(_directory(host, account)), *file.with_block(body)),
        directories=(_directory(host, account),),
        secrets=(hook.change(host, account, secret),),
        done=f"fetches {account.address} into ~/Mail/{account.key}; {hook.said(account)}",
        next=f"Fetch your mail with:\n  {shlex.join(command)}",
        notes=(
            *program.newer(TITLE, version, NEWEST),
            *_index(host, account, options),
            *hook.unattended(host, account),
        ),
        secret=secret,
    )


def _index(host: Host, account: Account, options: Options) -> tuple[str, ...]:
    if host.which("mu") is None or "mu" in options.beside:
        return ()
    return (f"To find this mail with mu:{ours('setup', account.address, 'mu')}",)


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out; fetched mail stays. Raises Conflict (`block.*`)."""
    account = receipt.account
    file = BlockFile.read(host, Path(receipt.where), account.key, force=options.force)
    changes = (*file.without_block(), *keeper.unkeep(host, _directory(host, account)))
    gone = was_gone(receipt)
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        done=f"{receipt.address} taken out of mbsync" if file.block else gone,
        left=(_directory(host, account),),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that fetch from the account's server; see `Client.find`."""
    return entries.find(host, account, options, account.imap, _usual(host), _entries)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if mbsync has our account that asks for it."""
    file = BlockFile.read(host, _choose(host, options), account.key)
    return hook.stored(host, account) if file.block else None


def _directory(host: Host, account: Account) -> Path:
    """mbsync makes mailboxes in it, but never itself."""
    return host.home / "Mail" / account.key


def _choose_words(version: tuple[int, ...], file: BlockFile) -> Words:
    """The newest that the installed version knows, but an account keeps those that it was written with.

    Raises ProvisionError (`client.old`).
    """
    program.refuse_old(TITLE, version, OLDEST, "it cannot keep the names of mailboxes")
    usable = [words for since, words in _ERAS if since <= (version or NEWEST)]
    body = file.block.body if file.block else ""
    written = [
        words for words in usable if re.search(rf"^{words.tls} ", body, re.M) and f"\n{words.far} " in body
    ]
    return (written or usable)[-1]


def _refuse_clash(file: BlockFile, name: str) -> None:
    """mbsync(1): a name is unique among accounts, among stores, and among channels and groups."""
    names = {("account", name), ("store", f"{name}-remote"), ("store", f"{name}-local"), ("channel", name)}
    for line in file.others.split("\n"):
        match = _SECTION.fullmatch(line)
        if match and (_KINDS.get(match[1].lower(), "channel"), taken := _first_word(match[2])) in names:
            raise blockfile.taken(file.path, f"{match[1]} {taken}")


def _entries(text: str) -> Iterator[Entry]:
    """The sections that log in: IMAPAccount, or IMAPStore with the same settings in it (mbsync(1))."""
    found: list[dict[str, tuple[str, int]]] = []
    current: dict[str, tuple[str, int]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            current = {}  # an empty line ends a section
        if (match := _SETTING.fullmatch(line)) is None:
            continue
        name = match[1].lower()
        if name in ("imapaccount", "imapstore"):
            current = {}
            found.append(current)
        current[name] = _first_word(match[2]), number
    for section in found:
        password, own = section.get("pass", ("", 0))
        command, at = section.get("passcmd", ("", 0))
        user, server = (section.get(key, ("", 0))[0] for key in ("user", "host"))
        place = own or at or min(number for _, number in section.values())
        yield Entry(place, _OLD_HOST.sub("", server), user, "" if password else command.removeprefix("+"))


def _first_word(text: str) -> str:
    """The first argument: double quotes and backslashes as mbsync(1), CONFIGURATION, has them."""
    word, quoted = "", False
    chars = iter(text)
    for char in chars:
        if char == "\\":
            word += next(chars, "")
        elif char == '"':
            quoted = not quoted
        elif char.isspace() and not quoted:
            break
        else:
            word += char
    return word
