"""s-nail: an account in a file of its own, which the user's ~/.mailrc reads; the password by a command.

s-nail reads passwords as lines of a netrc file, which a small script of ours prints.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from urllib.parse import quote

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, byhand, entries, hook, included, program, sender
from provisioner.clients.common.blockfile import BlockFile
from provisioner.clients.common.included import Included
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Server, Support, Use
from provisioner.quoting.base import Quoted, one_line
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "s-nail"
TITLE = "s-nail"
SUPPORT = Support.FULL
ABOUT = About(
    versions="14.9.24 (14.9.25 and newer understand it and call two settings obsolete)",
    account="files of its own in ~/.config/provisioner/s-nail, sourced by ~/.mailrc",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring reads and sends over TLS; its own parsers read back any value",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_ACCOUNT = re.compile(r"\s*(?:ac|acc|acco|accou|accoun|account)\s+(.+?)\s*\{\s*")


def _main(host: Host, options: Options) -> Path:
    """s-nail(1), Resource files."""
    named = host.env.get("MAILRC")
    return blockfile.choose(
        host, options, [Path(named).absolute() if named else host.home / ".mailrc"], TITLE
    )


def detect(host: Host) -> tuple[Installation, ...]:
    """s-nail on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, _main(host, Options()))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, which `-A` chooses, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "s-nail")
    files, script = _files(host, account, options)
    _refuse_clash(files.main, account)
    printed = render(
        "s-nail/netrc.sh.j2",
        hook=Quoted(one_line(hook.command(host, account), TITLE)),
        servers=dict.fromkeys((account.imap, account.smtp)),
    )
    body = render(
        "s-nail/account.j2",
        name=account.key,
        sender=_sender(account),
        smtp=_url("smtp", account.smtp),
        smtp_starttls=account.smtp.security is Security.STARTTLS,
        imap=_url("imap", account.imap),
        imap_starttls=account.imap.security is Security.STARTTLS,
        sent=account.mailboxes.names.get(Use.SENT, "") if account.mailboxes else "",
        script=_word(included.from_home(host, script.path)),
    )
    line = render("s-nail/include.j2", path=included.from_home(host, files.own.path))
    send = shlex.join(["s-nail", "-A", account.key])
    return Plan(
        client=ID,
        title=TITLE,
        where=str(files.main.path),
        changes=script.with_block(printed) + files.with_account(body, line),
        secrets=(hook.change(host, account, secret),),
        done=f"reads and sends mail as {account.address}; {hook.said(account)}",
        next=f"Read your mail with:\n  {send}\nSend one with:\n  {send} -s SUBJECT RECIPIENT < TEXT",
        notes=hook.unattended(host, account),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account, its script and the line that includes it out. Raises Conflict (`block.*`)."""
    return blockfile.unplan(host, receipt, TITLE, force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our account, if s-nail has it, and the user's own for its servers; see `Client.find`."""
    files = _files(host, account, options)[0]
    by_hand = entries.advise(host, account, options, [(files.main.path, byhand.urls)])
    return (*files.find(account), *by_hand, *byhand.netrc(host, account, options))


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if s-nail has our account."""
    return _files(host, account, options)[0].stored(host, account)


def _files(host: Host, account: Account, options: Options) -> tuple[Included, BlockFile]:
    own = included.directory(host) / "s-nail"
    name = included.file_name(account)
    script = BlockFile.read(host, own / f"{name}.netrc.sh", account.key)
    return Included.read(host, account, own / f"{name}.rc", _main(host, options)), script


def _word(path: str) -> str:
    """As a word for whatever shell the user has; a `~` in front stays bare."""
    home = "~/" if path.startswith("~/") else ""
    return home + shlex.quote(path.removeprefix(home))


def _sender(account: Account) -> str:
    """Raises UsageError (`value.unwritable`) for a name of which s-nail would make another address.

    It decodes what it sends, and encodes it anew word by word: then `é, <x@y>` stands there without quotes.
    """
    name = one_line(account.display_name, TITLE)
    if not name.isascii() and sender.special(name.replace(".", "")):
        raise UsageError(
            f"s-nail cannot send under the name {name}: it has punctuation and letters beyond ASCII.",
            "Leave the punctuation out with --name, or set this account up in another client.",
            code="value.unwritable",
        )
    return sender.mailbox(sender.phrase(name), account.address)


def _url(protocol: str, server: Server) -> str:
    """s-nail(1), On URL syntax and credential lookup."""
    secure = "s" if server.security is Security.TLS else ""
    user = quote(one_line(server.username, TITLE), safe="")
    return f"{protocol}{secure}://{user}@{server.host}:{server.port}"


def _refuse_clash(file: BlockFile, account: Account) -> None:
    for line in file.others.split("\n"):
        match = _ACCOUNT.fullmatch(line)
        if match and match[1].strip("'\"").lower() == account.key:
            raise blockfile.taken(file.path, f"an account {account.key}")
