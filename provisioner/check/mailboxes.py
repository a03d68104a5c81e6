"""From the answers to LIST and QUOTA: which real mailbox serves which use, and how full they are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import NamedTuple
from unicodedata import category

from imapclient import imap_utf7
from imapclient.exceptions import ProtocolError
from imapclient.response_parser import parse_response

from provisioner.model import Mailboxes, MailboxNames, Use
from provisioner.outcome import Quota

FLAGS = {
    "\\sent": Use.SENT,
    "\\trash": Use.TRASH,
    "\\drafts": Use.DRAFTS,
    "\\junk": Use.JUNK,
    "\\archive": Use.ARCHIVE,
}
"""Special-use attributes (RFC 6154, section 2), in small letters."""

COMMON = {
    Use.SENT: ("Sent", "Sent Items", "Sent Messages", "Sent Mail"),
    Use.TRASH: ("Trash", "Deleted Messages", "Deleted Items", "Bin"),
    Use.DRAFTS: ("Drafts", "Draft"),
    Use.JUNK: ("Junk", "Spam", "Junk E-mail", "Bulk Mail"),
    Use.ARCHIVE: ("Archive", "Archives"),
}
"""Names in wide use, tried after the flags and the provider's own names."""

_UNUSABLE = {"\\noselect", "\\nonexistent"}


MAX_NAME = 255
"""Characters; no provider lets a person make a longer name."""


class Row(NamedTuple):
    """One mailbox as LIST shows it: flags in small letters, delimiter (empty: none), decoded name."""

    flags: frozenset[str]
    delimiter: str
    name: str

    @property
    def selectable(self) -> bool:
        """It can be opened, and a client can be told its name."""
        plain = len(self.name) <= MAX_NAME and not any(category(char) == "Cc" for char in self.name)
        return plain and not self.flags & _UNUSABLE


def rows(listed: Iterable[bytes | tuple[bytes, bytes]]) -> list[Row]:
    """The mailboxes in LIST's answers as imaplib collects them: a tuple has a literal and ends in the next.

    What imapclient cannot read is left out: one odd row does not cost the others.
    """
    found: list[Row] = []
    pieces: list[bytes | tuple[bytes, bytes]] = []
    for piece in listed:
        pieces.append(piece)
        if isinstance(piece, bytes):
            # RecursionError: brackets without end
            with contextlib.suppress(ProtocolError, ValueError, TypeError, AttributeError, RecursionError):
                flags, delimiter, name, *_ = parse_response([piece for piece in pieces if piece])
                words = frozenset(flag.decode("ascii", "replace").lower() for flag in flags)
                found.append(Row(words, (delimiter or b"").decode("ascii", "replace"), _decode(name)))
            pieces = []
    return found


def fullest(answers: Iterable[bytes | tuple[bytes, bytes]]) -> Quota | None:
    """The storage limit that is nearest, from QUOTA's answers as imaplib collects them (RFC 9208, in KiB)."""
    found: list[Quota] = []
    for answer in answers:
        with contextlib.suppress(ProtocolError, ValueError, TypeError, AttributeError, RecursionError):
            _, resources = parse_response([answer])
            for name, used, limit in zip(resources[::3], resources[1::3], resources[2::3], strict=True):
                if name.upper() == b"STORAGE" and limit > 0 and used >= 0:
                    found.append(Quota(used * 1024, limit * 1024))
    return max(found, key=lambda quota: quota.used / quota.limit, default=None)


def _decode(raw: bytes | int) -> str:
    """A name from modified UTF-7 (RFC 3501, 5.1.3); one that is not valid stays as it is."""
    if isinstance(raw, int):  # a name of digits, as imapclient reads it
        return str(raw)
    try:
        if b"&" in raw:
            return str(imap_utf7.decode(raw))
    except ValueError:
        pass
    return raw.decode("utf-8", "replace")


def resolve(rows: Iterable[Row], provider: MailboxNames | None) -> tuple[Mailboxes, int]:
    """The special-use mailboxes and the number of mailboxes that can be opened.

    Flags first, then the provider's names, then common ones; names without regard to case, also
    below INBOX. No mailbox serves two uses. A use that nothing fits is left out.
    """
    usable = [row for row in rows if row.selectable]
    names: dict[Use, str] = {}
    for row in usable:
        for flag, use in FLAGS.items():
            if flag in row.flags:
                names.setdefault(use, row.name)
    flagged = len(names)
    by_name: dict[str, str] = {}
    for row in usable:
        key = row.name.lower()
        by_name.setdefault(key, row.name)
        if row.delimiter:
            by_name.setdefault(key.removeprefix("inbox" + row.delimiter), row.name)
    for candidates in (provider.names if provider else {}, COMMON):
        for use, wanted in candidates.items():
            taken = set(names.values())
            fitting = [by_name[name.lower()] for name in wanted if name.lower() in by_name]
            if use not in names and (free := [name for name in fitting if name not in taken]):
                names[use] = free[0]
    delimiter = next((row.delimiter for row in usable if row.delimiter), "")
    mailboxes = Mailboxes(
        names={use: names[use] for use in Use if use in names},
        delimiter=delimiter,
        special_use=0 < flagged == len(names),
        seen=True,
    )
    return mailboxes, len({row.name for row in usable})
