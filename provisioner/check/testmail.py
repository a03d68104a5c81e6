"""A mail to oneself: what it says, and how it is found over IMAP and deleted again.

Other mails are never changed: mailboxes are searched read-only, only headers of what came since are looked
at (BODY.PEEK, which leaves them unread), and only what bears our random token is deleted. SEARCH HEADER is
not used: iCloud answers it with a fault (github.com/M66B/FairEmail, Core.java).
"""

from __future__ import annotations

import contextlib
import imaplib
import threading
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Any, Literal, NamedTuple

from provisioner.check.imap import ImapSession

NEWEST = 50
"""Mails that are looked at of those that came since."""
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 4.0
"""Seconds between two looks, the first and the later ones."""
_PATIENT = 3
"""Looks at the inbox before the mailbox for junk is looked at, too."""
_HEADER = "BODY.PEEK[HEADER.FIELDS (SUBJECT MESSAGE-ID)]"

Left = Literal["gone", "flagged", "kept"]


class Box(NamedTuple):
    """A mailbox before; `next`: the lowest UID that a new mail can get (RFC 9051, 2.3.1.1), 0: unknown."""

    name: str
    next: int


class Refused(Exception):
    """The server did not do it, or what it answered makes no sense."""


def compose(address: str, token: str) -> bytes:
    """A tiny mail from and to `address`. `token` is in its subject and in its Message-ID."""
    mail = EmailMessage(SMTP)
    mail["From"] = mail["To"] = address
    mail["Subject"] = f"Test of sending, deletes itself: {token}"
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = f"<{token}@{address.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, section 5: no answer by a machine is wanted
    mail.set_content("This mail was sent to find out whether sending works. You may delete it.\n")
    return mail.as_bytes()


class Finder:
    """Looks for the mail with one token. Raises Fault when the connection does not go on."""

    def __init__(self, session: ImapSession, token: str) -> None:
        self._session = session
        self._client: Any = session.client
        self._token = token
        self._single = self._has("UIDPLUS")
        self._labels = self._has("X-GM-EXT-1") and self._has("MOVE")

    def mark(self, names: Sequence[str]) -> list[Box]:
        """Those of the mailboxes that can be opened, before the mail is sent."""
        boxes = []
        for name in dict.fromkeys(names):
            with contextlib.suppress(Refused):
                state = self._ask(self._client.select_folder, name, True)
                uid = state.get(b"UIDNEXT")
                boxes.append(Box(name, uid if isinstance(uid, int) else 0))
        return boxes

    def wait(
        self,
        seconds: float,
        inbox: Box,
        junk: Box | None,
        hurry: threading.Event | None = None,
        rest: float = 0,
    ) -> Box | None:
        """Where the mail is, as soon as it is seen; None if it has not come within `seconds`, or within
        `rest` seconds after `hurry`."""
        hurry = hurry or threading.Event()
        end, pause, looks = time.monotonic() + seconds, FIRST_PAUSE, 0
        hurried = False
        while True:
            looks += 1
            if hurry.is_set() and not hurried:
                hurried, end, pause = True, min(end, time.monotonic() + rest), FIRST_PAUSE
            late = time.monotonic() >= end
            for box in (inbox, junk if late or hurried or looks > _PATIENT else None):
                if box and self.find(box):
                    return box
            if late:
                return None
            nap = max(0.0, min(pause, end - time.monotonic()))
            if hurried:
                time.sleep(nap)
            else:
                hurry.wait(nap)
            pause = min(pause * 1.6, LONGEST_PAUSE)

    def find(self, box: Box) -> list[int]:
        """The mail's UIDs in `box`; none, too, if the server does not search now."""
        with contextlib.suppress(Refused):
            return self._find(box, readonly=True)
        return []

    def delete(self, box: Box, trash: Box | None) -> Left:
        """Deletes the mail in `box` for good.

        Where mailboxes are labels on one mail, it goes by way of `trash`: from elsewhere only the label would
        go (developers.google.com/gmail/imap/imap-extensions). Without UIDPLUS (RFC 4315) it is only marked as
        deleted: EXPUNGE alone would delete what others have marked, too.
        """
        try:
            if not (uids := self._find(box, readonly=False)):
                return "gone"
            if self._labels and trash and box.name != trash.name:
                self._ask(self._client.move, uids, trash.name)
                return self.delete(trash, None)
            self._ask(self._client.add_flags, uids, [b"\\Deleted"], True)
            if not self._single:
                return "flagged"
            self._ask(self._client.uid_expunge, uids)
            return "kept" if self._find(box, readonly=True) else "gone"
        except Refused:
            return "kept"

    def _find(self, box: Box, *, readonly: bool) -> list[int]:
        self._ask(self._client.select_folder, box.name, readonly)
        asked = f"UID {box.next}:*" if box.next else f"SUBJECT {self._token}"
        # `n:*` always has the newest mail, whatever its UID (RFC 9051, section 9, seq-range).
        new = sorted(uid for uid in self._ask(self._client.search, asked) if uid >= box.next)[-NEWEST:]
        heads = self._ask(self._client.fetch, new, [_HEADER]) if new else {}
        token = self._token.encode()
        return [uid for uid, items in heads.items() if any(token in value for value in _texts(items))]

    def _has(self, capability: str) -> bool:
        with contextlib.suppress(Refused):
            return bool(self._ask(self._client.has_capability, capability))
        return False

    def _ask(self, call: Callable[..., Any], *args: object) -> Any:
        """A call of imapclient's, within the bounds of a stage."""

        def attempt() -> Any:
            try:
                return call(*args)
            except (imaplib.IMAP4.error, ValueError, LookupError, TypeError, AttributeError, RecursionError):
                if "BYE" in self._client._imap.untagged_responses:
                    raise
                raise Refused from None

        self._session.wire.enter("find", self._session.timeouts.reply)
        return self._session.read(attempt)


def _texts(items: dict[bytes, object]) -> list[bytes]:
    return [value for value in items.values() if isinstance(value, bytes)]
