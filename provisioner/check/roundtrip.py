"""The test mail: sent to oneself on the session that has just logged in, found on the other one, deleted."""

from __future__ import annotations

import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Literal

from provisioner.accounts import Target
from provisioner.check import diagnosis, testmail
from provisioner.check.diagnosis import Fault
from provisioner.check.imap import ImapSession
from provisioner.check.smtp import SmtpSession
from provisioner.check.testmail import Box, Finder
from provisioner.check.timing import timed
from provisioner.errors import Cancelled
from provisioner.model import Mailboxes, Use
from provisioner.outcome import CheckResult, Note
from provisioner.secret import Secret

INBOX = "INBOX"
TIDY = 60
"""Seconds that marking and deleting may take, beside the wait for the mail."""
LATE = 5
"""Seconds in which a mail is looked for after a server broke off without saying whether it took it."""
COPY = 2
"""Seconds that a server is given to save its copy of what was sent."""

Sides = Mapping[Literal["imap", "smtp"], Target]


class _Trip:
    """One test mail and what became of it."""

    def __init__(
        self, address: str, smtp: SmtpSession, imap: ImapSession, mailboxes: Mailboxes | None
    ) -> None:
        self.address = address
        self.smtp, self.imap = smtp, imap
        self.token = f"provisioner-{secrets.token_hex(8)}"
        self.timings: dict[str, float] = {}
        self.side: Literal["imap", "smtp"] = "imap"
        """Whose turn it is."""
        self.round_trip: float | None = None
        self.saves_sent: bool | None = None
        self.left: dict[str, testmail.Left] = {}
        """What could not be deleted, by mailbox."""
        self.where = ""
        self.sent = False
        """A server has it, or may have it."""
        self.stopped = threading.Event()
        """The person wants no more of it than that it is deleted."""
        names = mailboxes.names if mailboxes else {}
        self._names = {use: names[use] for use in (Use.JUNK, Use.SENT, Use.TRASH) if use in names}

    def make(self) -> None:
        """Raises Fault."""
        for session in (self.smtp, self.imap):
            session.wire.extend(self.imap.timeouts.arrival + TIDY)
        finder = Finder(self.imap, self.token)
        boxes = {box.name: box for box in finder.mark([*self._names.values(), INBOX])}
        inbox = boxes.get(INBOX) or Box(INBOX, 0)
        junk, sent, trash = (boxes.get(self._names.get(use, "")) for use in (Use.JUNK, Use.SENT, Use.TRASH))
        started = time.monotonic()
        self.side = "smtp"
        if self.stopped.is_set():
            return
        self.sent = True
        try:
            with timed(self.timings, "send"):
                self.smtp.send(self.address, testmail.compose(self.address, self.token))
        except Fault as fault:
            self.sent = self.smtp.offered and fault.code.startswith(
                "proto."
            )  # it may have been taken all the same
            if self.sent:
                with contextlib.suppress(Fault):
                    if found := finder.wait(LATE, inbox, junk):
                        self.where = found.name
                        self._clear(finder, [found], trash)
            raise
        patience = self.imap.timeouts.arrival
        self.side = "imap"
        with timed(self.timings, "arrival"):
            found = finder.wait(patience, inbox, junk, self.stopped, LATE)
        if found is None:
            self.side = "smtp"
            with contextlib.suppress(Fault):
                self._clear(finder, [sent] if sent else [], trash)
            raise Fault("send.not_arrived", seconds=f"{patience:.0f}", token=self.token)
        self.round_trip = time.monotonic() - started
        self.where = found.name
        with timed(self.timings, "deletion"):
            self.left[found.name] = "kept"  # unless it turns out otherwise
            with contextlib.suppress(Fault):
                if sent and sent.name != found.name:
                    self.saves_sent = finder.wait(COPY, sent, None) is not None
                self._clear(finder, [found, *([sent] if sent and self.saves_sent else [])], trash)

    def _clear(self, finder: Finder, boxes: list[Box], trash: Box | None) -> None:
        for box in boxes:
            self.left[box.name] = "kept"
            self.left[box.name] = finder.delete(box, trash)

    def run(self) -> BaseException:
        """Makes the trip; what came of it, or what went wrong with us."""
        try:
            self.make()
        except BaseException as error:  # handed over to the caller's thread
            return error
        fate = "deleted again" if set(self.left.values()) == {"gone"} else "still there"
        self.side = "smtp"
        return Fault("send.arrived", seconds=f"{self.round_trip or 0:.1f}", fate=fate)

    def farewell(self) -> Cancelled:
        """What a person who stopped it must know: which mail is left, and where."""
        step = f"Delete it yourself; its subject ends in {self.token}."
        if not self.sent:
            return Cancelled("Stopped; no test mail was sent.")
        if left := [mailbox for mailbox, state in self.left.items() if state != "gone"]:
            return Cancelled(f"Stopped; the test mail is still in {' and in '.join(left)}.", step)
        if not self.where:
            return Cancelled(
                "Stopped; the test mail was sent, but has not been seen yet, so it may still come.",
                f"{step} Look in {self._places}.",
            )
        return Cancelled("Stopped; the test mail was deleted again.")

    @property
    def _places(self) -> str:
        return " and ".join(dict.fromkeys([INBOX, *self._names.values()]))

    def notes(self, code: str, target: Target) -> Iterator[Note]:
        """What is worth knowing beside the cause `code`."""

        def note(code: str, mailbox: str = "") -> Note:
            facts = {"mailbox": mailbox, "token": self.token}
            message, step = diagnosis.explain(code, facts, host=target.host, port=target.port)
            return Note(code, message, step)

        if self.sent and not self.where and code != "send.not_arrived":
            yield note("send.out_of_sight", self._places)
        if self.where and self.where == self._names.get(Use.JUNK):
            yield note("send.in_junk", self.where)
        if self.saves_sent is not None:
            sent = self._names[Use.SENT]
            yield note("send.saves_sent" if self.saves_sent else "send.saves_none", sent)
        for mailbox, left in self.left.items():
            if left != "gone":
                yield note("send.left_flagged" if left == "flagged" else "send.not_deleted", mailbox)


def prove(
    address: str,
    smtp: SmtpSession,
    imap: ImapSession,
    targets: Sides,
    secret: Secret,
    logins: Mapping[Literal["imap", "smtp"], CheckResult],
) -> CheckResult:
    """Sends a mail from and to `address`, waits until it has come back, deletes it; the service is `send`.

    The sessions are logged in, to `targets`, and stay open; `logins` is what was seen when they were made.
    What could not be deleted is said in the notes. Ctrl-C deletes the mail, too, and then raises Cancelled,
    which says what became of it; a second Ctrl-C does not wait for that.
    """
    started = time.monotonic()
    trip = _Trip(address, smtp, imap, logins["imap"].mailboxes)
    done: queue.SimpleQueue[BaseException] = queue.SimpleQueue()
    # In a thread of its own, for Ctrl-C would leave the conversation in the middle of an answer.
    thread = threading.Thread(target=lambda: done.put(trip.run()), daemon=True, name="test-mail")
    try:
        thread.start()
        outcome = done.get()
    except KeyboardInterrupt:
        trip.stopped.set()
        with contextlib.suppress(KeyboardInterrupt):
            if thread.is_alive():  # one that has not begun sends nothing any more
                thread.join()
        raise trip.farewell() from None
    if not isinstance(outcome, Fault):
        raise outcome
    target, user = targets[trip.side], logins[trip.side].user
    message, step = diagnosis.explain(
        outcome.code,
        outcome.facts | {"address": address, "user": user, "service": trip.side},
        host=target.host,
        port=target.port,
        secrets=secret.forms(user),
        step=outcome.next,
    )
    return CheckResult(
        service="send",
        host=target.host,
        port=target.port,
        user=user,
        ok=outcome.code == "send.arrived",
        code=outcome.code,
        message=message,
        next=step,
        seconds=time.monotonic() - started,
        notes=tuple(trip.notes(outcome.code, target)),
        layers=trip.timings,
        confidence=outcome.confidence,
        round_trip=trip.round_trip,
        saves_sent=trip.saves_sent,
    )
