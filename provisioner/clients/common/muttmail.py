"""Where an account's mail lies for mutt and NeoMutt: on its servers, or in mbsync's Maildir."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from provisioner.errors import UsageError
from provisioner.model import Account, Security, Server, Use


@dataclass(frozen=True)
class Access:
    """A server whose password mutt must know: where the variable `setting` is it."""

    setting: str
    pattern: str


@dataclass(frozen=True)
class Mail:
    """Where an account's mail lies and how it is sent: what differs between IMAP and a local Maildir.

    `pattern` matches the account's folders; `+NAME` is a mailbox in `folder`.
    """

    folder: str
    pattern: str
    inbox: str = "+INBOX"
    record: str = ""
    postponed: str = ""
    trash: str = ""
    mailboxes: tuple[str, ...] = ()
    smtp_url: str = ""
    sendmail: str = ""
    """A command, used instead of `smtp_url`."""
    maildir: bool = False
    """Mailboxes are Maildirs, also those that mutt makes; mbsync fetches and `sendmail` sends."""
    servers: tuple[Access, ...] = ()


def over_imap(account: Account) -> Mail:
    """The account's mail on its servers. Raises UsageError (`value.unwritable`) for a mailbox's name."""
    folder = _url("imap", account.imap)
    names = account.mailboxes.names if account.mailboxes else {}
    if odd := next((name for name in names.values() if re.search('[%?#"]', name)), None):
        raise UsageError(
            f"mutt cannot open the mailbox {odd!r}: the name would mean something else in a URL.",
            "Rename that mailbox, or set this address up in another client.",
            code="value.unwritable",
        )
    boxes = {use: f"+{name}" for use, name in names.items()}
    imap, smtp = (_pattern(kind, server) for kind, server in (("imap", account.imap), ("smtp", account.smtp)))
    return Mail(
        folder=folder,
        pattern=imap,
        record=boxes.get(Use.SENT, ""),
        postponed=boxes.get(Use.DRAFTS, ""),
        trash=boxes.get(Use.TRASH, ""),
        mailboxes=tuple(folder + name.removeprefix("+") for name in ("INBOX", *boxes.values())),
        smtp_url=_url("smtp", account.smtp),
        servers=(Access("imap_pass", imap), Access("smtp_pass", smtp)),
    )


def over_maildir(account: Account) -> Mail:
    """The account's mail as clients/mbsync.py has it fetched, sent by msmtp.

    Mailboxes below others are directories in directories (mbsync(1), SubFolders Verbatim). Raises UsageError
    (`value.unwritable`) for an address that does not go into a command: mutt splits that at white space and
    knows no quotes (sendlib.c, mutt_invoke_sendmail).
    """
    if re.search(r"[\s/]", account.key):
        raise UsageError(
            f"mutt cannot read or send mail of {account.address} by other programs: the address has a space "
            "or a slash.",
            "Set this address up in mutt alone: it then talks to the servers by itself.",
            code="value.unwritable",
        )
    names = account.mailboxes.names if account.mailboxes else {}
    delimiter = account.mailboxes.delimiter if account.mailboxes else "/"
    boxes = {use: "+" + (name.replace(delimiter, "/") if delimiter else name) for use, name in names.items()}
    folder = f"~/Mail/{account.key}/"
    return Mail(
        folder=folder,
        pattern=f"/Mail/{re.escape(account.key)}(/|$)",
        record=boxes.get(Use.SENT, ""),
        postponed=boxes.get(Use.DRAFTS, ""),
        trash=boxes.get(Use.TRASH, ""),
        mailboxes=tuple(folder + name.removeprefix("+") for name in ("INBOX", *boxes.values())),
        sendmail=f"msmtp -a {account.key}",
        maildir=True,
    )


def _url(scheme: str, server: Server) -> str:
    """`%40` and the like as RFC 3986 wants them in a user name."""
    scheme += "s" if server.security is Security.TLS else ""
    return f"{scheme}://{quote(server.username, safe='')}@{server.host}:{server.port}/"


def _pattern(scheme: str, server: Server) -> str:
    """A regular expression for URLs of the server: without a usual port, `@` encoded or not, as mutt likes.

    It is no URL itself, for mutt would rewrite that before it compares.
    """
    user = "".join(map(_either, server.username))
    return f"{scheme}s?://{user}@{re.escape(server.host)}(:{server.port})?(/|$)"


def _either(char: str) -> str:
    """A regular expression for a character as it is or percent-encoded."""
    if char.isascii() and (char.isalnum() or char in "@+=,:;!#&/ "):
        return char if char.isalnum() else f"([{char}]|{quote(char, safe='')})"
    return f"[{char}]" if char in "-_.~" else "[^@]+"
