"""The test mail, between a server that takes it and one that shows it: found, deleted, no other touched."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from dataclasses import replace as changed
from email import message_from_bytes
from typing import Any

import pytest

from provisioner.check import Target, Timeouts, exit_code, roundtrip, testmail, tls
from provisioner.check.evidence import send_refusal
from provisioner.errors import Cancelled, UsageError
from provisioner.model import Security
from provisioner.outcome import CheckResult
from provisioner.report import CheckRow, Report
from provisioner.secret import Secret
from provisioner.transcript import Transcript
from provisioner.workflows.check import CheckOptions, check
from provisioner.workflows.login import Login, prove
from tests.servers import (
    HOST,
    PASSWORD,
    USER,
    Answer,
    Scenario,
    Server,
    Talk,
    client_context,
    close,
    drip,
    forever,
    hang,
)

ADDRESS = f"{USER}@icloud.com"
OTHER = b"Subject: Minutes\r\nMessage-ID: <m@example.org>\r\n\r\n"
CAPABILITIES = "IMAP4rev1 SASL-IR AUTH=PLAIN UIDPLUS"


@dataclass
class Mail:
    """What both servers know: mailboxes with mails by UID, each its header and its flags."""

    boxes: dict[str, dict[int, tuple[bytes, set[str]]]] = field(
        default_factory=lambda: {
            "INBOX": {4: (OTHER, {"\\Deleted"})},
            "Sent": {2: (OTHER, {"\\Seen"})},
            "Junk": {},
            "Trash": {},
        }
    )
    arrives_in: tuple[str, ...] = ("INBOX",)
    capabilities: str = CAPABILITIES
    sent: list[bytes] = field(default_factory=list)
    company: bool = False
    """Another mail comes at the same time."""
    expunges: bool = True
    uidnext: bool = True
    selected: str = ""
    writable: bool = False

    def take(self, talk: Talk) -> None:
        """DATA."""
        talk.send("354 go on\r\n")
        lines = []
        while (line := talk.read_line()) != b".":
            lines.append(line)
        self.sent.append(b"\r\n".join(lines))
        talk.send("250 2.0.0 taken\r\n")
        head = self.sent[-1].split(b"\r\n\r\n")[0] + b"\r\n\r\n"
        if self.company:
            self.boxes["INBOX"][6] = (OTHER, set())
        for name in self.arrives_in:
            self.boxes[name][max(self.boxes[name], default=0) + 3] = (head, set())

    def select(self, talk: Talk) -> None:
        _, verb, name = talk.line.decode().split(" ")
        self.selected, self.writable = name.strip('"'), verb == "SELECT"
        if self.selected not in self.boxes:
            talk.send(f"{talk.tag} NO [NONEXISTENT] none\r\n")
            return
        uids = self.boxes[self.selected]
        hint = f"* OK [UIDNEXT {max(uids, default=0) + 1}] next\r\n" if self.uidnext else ""
        talk.send(f"* {len(uids)} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n{hint}")
        talk.send(f"{talk.tag} OK [{'READ-WRITE' if self.writable else 'READ-ONLY'}] done\r\n")

    def uid(self, talk: Talk) -> None:
        box = self.boxes[self.selected]
        words = talk.line.decode().split(" ")[2:]
        if words[0] == "SEARCH" and words[1] == "UID":
            start = int(words[2].partition(":")[0])
            found = sorted({uid for uid in box if uid >= start} | ({max(box)} if box else set()))
            talk.send(f"* SEARCH {' '.join(map(str, found))}\r\n")
        elif words[0] == "SEARCH":
            assert words[1] == "SUBJECT"
            found = [uid for uid, (head, _) in box.items() if words[2].encode() in head]
            talk.send(f"* SEARCH {' '.join(map(str, found))}\r\n")
        elif words[0] == "FETCH":
            for uid in map(int, words[1].split(",")):
                head = box[uid][0]
                talk.send(
                    f"* 1 FETCH (UID {uid} BODY[HEADER.FIELDS (SUBJECT MESSAGE-ID)] {{{len(head)}}}\r\n"
                )
                talk.send(head + b")\r\n")
        else:
            assert self.writable
            uids = list(map(int, words[1].split(",")))
            if words[0] == "STORE":
                for uid in uids:
                    box[uid][1].add("\\Deleted")
            elif words[0] == "EXPUNGE" and self.expunges:
                for uid in uids:
                    if "\\Deleted" in box[uid][1]:
                        del box[uid]
            elif words[0] == "MOVE":
                trash = self.boxes[words[2].strip('"')]
                for uid in uids:
                    trash[9] = box.pop(uid)
                for name in ("INBOX", "Sent"):  # one mail, several labels
                    self.boxes[name] = {u: m for u, m in self.boxes[name].items() if m[0] == OTHER}
        talk.send(f"{talk.tag} OK done\r\n")

    def imap(self, more: Mapping[str, Answer]) -> Scenario:
        listing = "".join(f'* LIST (\\{name}) "/" {name}\r\n' for name in ("Sent", "Junk", "Trash"))
        answers: dict[str, Answer] = {
            "GREETING": f"* OK [CAPABILITY {self.capabilities}] ready\r\n",
            "CAPABILITY": f"* CAPABILITY {self.capabilities}\r\n{{tag}} OK done\r\n",
            "EXAMINE": self.select,
            "SELECT": self.select,
            "UID": self.uid,
            "LIST": f'* LIST () "/" INBOX\r\n{listing}{{tag}} OK done\r\n',
        }
        return Scenario("imap", "imap", "tls", "", {**answers, **more})

    def smtp(self, more: Mapping[str, Answer]) -> Scenario:
        answers: dict[str, Answer] = {
            "MAIL": "250 2.1.0 ok\r\n",
            "RCPT": "250 2.1.5 ok\r\n",
            "DATA": self.take,
        }
        return Scenario("smtp", "smtp", "starttls", "", {**answers, **more})

    @property
    def token(self) -> str:
        found = re.search(rb"provisioner-[0-9a-f]{16}", self.sent[0])
        assert found
        return found[0].decode()

    def untouched(self) -> bool:
        """Nothing is left of the test mail, and the others are as they were."""
        return self.boxes == Mail().boxes


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("FIRST_PAUSE", 0.01), ("LONGEST_PAUSE", 0.05)):
        monkeypatch.setattr(testmail, name, seconds)
    for name in ("LATE", "COPY"):
        monkeypatch.setattr(roundtrip, name, 0.1)


def trip(
    monkeypatch: pytest.MonkeyPatch,
    mail: Mail,
    imap: Mapping[str, Answer] | None = None,
    smtp: Mapping[str, Answer] | None = None,
    tapes: Callable[[Any], Transcript] | None = None,
) -> tuple[Report, Server, Server]:
    """The rows of a check with --send-test, and the servers afterwards."""
    quick = Timeouts(connect=2, greeting=2, reply=1, total=10, arrival=1)
    monkeypatch.setattr(Timeouts, "of", lambda total: quick)
    monkeypatch.setattr(tls, "make_context", client_context)
    report = Report("check")
    with Server(mail.imap(imap or {})) as one, Server(mail.smtp(smtp or {})) as two:
        login = Login(
            ADDRESS,
            Target(HOST, one.port, Security.TLS, (USER,)),
            Target(HOST, two.port, Security.STARTTLS, (ADDRESS,)),
        )
        prove(login, Secret(PASSWORD), report, verbose=True, send_test=True)
    assert one.commands.count("AUTHENTICATE") == two.commands.count("AUTH") == 1
    assert one.connections == two.connections == 1
    return report, one, two


def send_row(report: Report) -> CheckRow:
    *logins, row = report.rows
    assert [login.code for login in logins if isinstance(login, CheckRow)] == ["ok", "ok"]
    assert isinstance(row, CheckRow)
    assert row.service == "send"
    return row


def codes(row: CheckRow) -> list[str]:
    return [note.code for note in row.notes]


def test_it_comes_back_and_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail()
    report, one, two = trip(monkeypatch, mail)
    row = send_row(report)
    assert (row.ok, row.code, row.saves_sent, codes(row)) == (
        True,
        "send.arrived",
        False,
        ["send.saves_none"],
    )
    assert row.message.endswith("s; it is deleted again.")
    assert row.round_trip is not None
    assert set(row.layers) == {"send", "arrival", "deletion"}
    assert mail.untouched()
    assert {"EXPUNGE", "CLOSE"}.isdisjoint(one.commands)
    assert two.commands[-4:] == ["MAIL", "RCPT", "DATA", "QUIT"]
    (sent,) = mail.sent
    message = message_from_bytes(sent)
    assert message["From"] == message["To"] == ADDRESS
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Subject"] == f"Test of sending, deletes itself: {mail.token}"
    assert message["Message-ID"] == f"<{mail.token}@icloud.com>"
    assert len(sent) < 1000
    assert not any("Minutes" in line or ADDRESS in line for line in row.transcript), row.transcript
    assert any("UID EXPUNGE" in line for line in row.transcript)


def test_the_server_s_own_copy_goes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(arrives_in=("INBOX", "Sent"))
    row = send_row(trip(monkeypatch, mail)[0])
    assert (row.saves_sent, codes(row)) == (True, ["send.saves_sent"])
    assert mail.untouched()


def test_what_comes_at_the_same_time_is_left_alone_and_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(company=True)
    row = send_row(trip(monkeypatch, mail)[0])
    assert mail.boxes["INBOX"] == Mail().boxes["INBOX"] | {6: (OTHER, set())}
    assert any("FETCH 6,9 " in line for line in row.transcript)
    assert "Minutes" not in " ".join(row.transcript)


def test_it_is_found_among_junk_and_without_uidnext(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(arrives_in=("Junk",), uidnext=False)
    row = send_row(trip(monkeypatch, mail)[0])
    assert (row.ok, codes(row)) == (True, ["send.in_junk", "send.saves_none"])
    assert mail.untouched()


def test_where_mailboxes_are_labels_it_goes_by_way_of_the_trash(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(arrives_in=("INBOX", "Sent"), capabilities=CAPABILITIES + " MOVE X-GM-EXT-1")
    row = send_row(trip(monkeypatch, mail)[0])
    assert (row.ok, row.saves_sent) == (True, True)
    assert mail.boxes["Trash"] == {}
    assert mail.boxes["Sent"] == Mail().boxes["Sent"]


def test_without_uidplus_it_is_left_with_a_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(capabilities="IMAP4rev1 SASL-IR AUTH=PLAIN")
    report, one, _ = trip(monkeypatch, mail)
    row = send_row(report)
    assert (row.ok, codes(row)) == (True, ["send.saves_none", "send.left_flagged"])
    assert "still there" in row.message
    assert "EXPUNGE" not in one.commands
    assert mail.boxes["INBOX"][4] == Mail().boxes["INBOX"][4]
    assert mail.boxes["INBOX"][7][1] == {"\\Deleted"}


@pytest.mark.parametrize("select", ["{tag} NO not now\r\n", close])
def test_what_cannot_be_deleted_is_said(select: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    for mail, more in ((Mail(), {"SELECT": select}), (Mail(expunges=False), {})):
        row = send_row(trip(monkeypatch, mail, more)[0])
        assert (row.ok, row.code, codes(row)[-1]) == (True, "send.arrived", "send.not_deleted")
        assert mail.token in row.notes[-1].next
        assert "still there" in row.message


def test_a_mail_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(arrives_in=("Sent",))
    row = send_row(trip(monkeypatch, mail)[0])
    assert (row.ok, row.code, row.round_trip, exit_code(row.code)) == (False, "send.not_arrived", None, 1)
    assert mail.token in row.next
    assert mail.untouched()  # the server's own copy is gone


def test_a_server_that_breaks_off_may_have_taken_it(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail()

    def take(talk: Talk) -> None:
        talk.send, real = lambda data: real(data) if b"354" in str(data).encode() else close(talk), talk.send  # type: ignore[method-assign]
        try:
            mail.take(talk)
        finally:
            head = mail.sent[-1].split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            mail.boxes["INBOX"][7] = (head, set())

    row = send_row(trip(monkeypatch, mail, smtp={"DATA": take})[0])
    assert (row.ok, row.code) == (False, "proto.dropped")
    assert "while the test mail was being sent" in row.message
    assert mail.untouched()


@pytest.mark.parametrize(
    ("code", "answers"),
    [
        ("send.from_refused", {"MAIL": "553 5.7.1 not yours\r\n"}),
        ("send.from_refused", {"RCPT": "553 5.7.1 <x>: Sender address rejected: not owned by user x\r\n"}),
        ("send.relay_refused", {"RCPT": "554 5.7.1 <x>: Relay access denied\r\n"}),
        ("send.later", {"MAIL": "451 4.7.1 slow down\r\n"}),
        ("send.later", {"DATA": "452 4.3.1 no room\r\n"}),
        ("send.too_big", {"MAIL": "552 5.3.4 too big\r\n"}),
        ("send.rejected", {"RCPT": "550 5.1.1 no such user\r\n"}),
        ("send.rejected", {"DATA": "554 5.7.1 it looks like spam\r\n"}),
        ("send.rejected", {"DATA": ("354 go on\r\n", Talk.read_line, "554 5.7.1 spam\r\n", close)}),
        ("auth.required", {"MAIL": "530 5.7.0 log in first\r\n"}),
        ("proto.garbled", {"MAIL": "250-yes\r\n550 no\r\n"}),
        ("proto.garbled", {"RCPT": b"250 \0\r\n"}),
        ("proto.too_long", {"DATA": forever(b"354-x\r\n")}),
        ("proto.stalled", {"RCPT": hang}),
        ("proto.stalled", {"DATA": drip("354" + "-" * 500)}),
        ("proto.dropped", {"MAIL": close}),
    ],
)
def test_names_the_cause_of_a_mail_that_is_not_taken(
    code: str, answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = Mail()
    row = send_row(trip(monkeypatch, mail, smtp=answers)[0])
    assert (row.ok, row.code, row.round_trip) == (False, code, None), row.message
    assert row.next
    assert mail.untouched()
    assert codes(row) == (["send.out_of_sight"] if "DATA" in answers and code.startswith("proto.") else [])


@pytest.mark.parametrize(
    ("code", "answers"),
    [
        ("send.not_arrived", {"UID": "{tag} NO [UNAVAILABLE] Unexpected exception\r\n"}),
        ("send.not_arrived", {"UID": "* SEARCH x y\r\n{tag} OK done\r\n"}),
        ("proto.dropped", {"UID": close}),
        ("proto.bye", {"UID": ("* BYE enough\r\n", close)}),
        ("proto.stalled", {"UID": hang}),
        ("proto.too_long", {"UID": forever(b"* OK x\r\n")}),
    ],
)
def test_names_the_cause_of_a_mail_that_cannot_be_looked_for(
    code: str, answers: dict[str, Answer], monkeypatch: pytest.MonkeyPatch
) -> None:
    mail = Mail()
    row = send_row(trip(monkeypatch, mail, imap=answers)[0])
    assert (row.ok, row.code) == (False, code), row.message
    if code != "send.not_arrived":  # whose next step says so
        assert codes(row) == ["send.out_of_sight"]
        assert row.notes[0].next.startswith("Look in INBOX and Junk")
    assert mail.token in " ".join([row.next, *(note.next for note in row.notes)])


@pytest.mark.parametrize(
    ("step", "code", "text", "cause"),
    [
        ("MAIL", 550, "5.7.60 Client does not have permissions to send as this sender", "send.from_refused"),
        ("END", 554, "5.2.252 SendAsDenied; jane@x not allowed to send as joe@x", "send.from_refused"),
        ("MAIL", 501, "5.1.7 Bad sender address syntax", "send.from_refused"),
        ("MAIL", 550, "no", "send.from_refused"),
        ("MAIL", 554, "no", "send.rejected"),
        ("RCPT", 550, "5.7.1 no", "send.relay_refused"),
        ("RCPT", 550, "5.7.54 SMTP; Unable to relay recipient", "send.relay_refused"),
        ("END", 552, "5.2.2 mailbox full", "send.too_big"),
        ("END", 550, "5.2.2 mailbox full", "send.too_big"),
        ("RCPT", 452, "4.2.2 mailbox full", "send.later"),
        ("RCPT", 421, "4.7.0 too many", "send.later"),
        ("END", 999, "?", "send.rejected"),
    ],
)
def test_what_servers_say_instead(step: Any, code: int, text: str, cause: str) -> None:
    assert send_refusal(step, code, text).code == cause


def test_nothing_is_sent_unless_both_logins_work(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail()
    report, _, two = trip(monkeypatch, mail, imap={"AUTHENTICATE": "{tag} NO [AUTHENTICATIONFAILED] no\r\n"})
    assert len(report.rows) == 2
    assert "No test mail was sent" in report.next
    assert "MAIL" not in two.commands
    assert two.commands[-1] == "QUIT"


def test_it_is_for_one_account() -> None:
    for options in (
        CheckOptions(everything=True, send_test=True),
        changed(CheckOptions(accounts="x"), send_test=True),
    ):
        with pytest.raises(UsageError, match="--send-test"):
            check(None, options, None)  # type: ignore[arg-type]


def test_a_login_s_result_knows_nothing_of_a_test_mail() -> None:
    result = CheckResult("imap", "h", 1, "u", True, "ok", "")
    assert (result.round_trip, result.saves_sent) == (None, None)


def ctrl_c(talk: Talk) -> None:
    """What a terminal does at Ctrl-C, and a moment for it to arrive."""
    main = threading.main_thread().ident
    assert main
    signal.pthread_kill(main, signal.SIGINT)
    time.sleep(0.2)


def stopped(
    monkeypatch: pytest.MonkeyPatch,
    mail: Mail,
    imap: Mapping[str, Answer] | None = None,
    smtp: Mapping[str, Answer] | None = None,
) -> Cancelled:
    with pytest.raises(Cancelled) as caught:
        trip(monkeypatch, mail, imap, smtp)
    return caught.value


def test_after_ctrl_c_the_mail_is_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(arrives_in=("INBOX", "Sent"))
    told = stopped(monkeypatch, mail, smtp={"DATA": (mail.take, ctrl_c)})
    assert told.message == "Stopped; the test mail was deleted again."
    assert mail.sent
    assert mail.untouched()


def test_ctrl_c_while_it_is_being_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail()
    told = stopped(monkeypatch, mail, smtp={"RCPT": (ctrl_c, "250 ok\r\n")})
    assert told.message == "Stopped; the test mail was deleted again."
    assert mail.untouched()


def test_ctrl_c_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail()
    seen: list[int] = []

    def select(talk: Talk) -> None:
        seen.append(1)
        if len(seen) == 2:  # the first is the login's
            ctrl_c(talk)
        mail.select(talk)

    told = stopped(monkeypatch, mail, imap={"EXAMINE": select})
    assert told.message == "Stopped; no test mail was sent."
    assert not mail.sent


@pytest.mark.parametrize("begun", [False, True])
def test_ctrl_c_while_it_begins(begun: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start

    def interrupted(thread: threading.Thread) -> None:
        if begun or thread.name != "test-mail":
            start(thread)
        if thread.name == "test-mail":
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    mail = Mail()
    assert stopped(monkeypatch, mail).message.startswith("Stopped; ")
    assert mail.untouched()


def test_ctrl_c_before_a_mail_that_has_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(arrives_in=())
    told = stopped(monkeypatch, mail, smtp={"DATA": (mail.take, ctrl_c)})
    assert "has not been seen yet, so it may still come" in told.message
    assert told.hint == (
        f"Delete it yourself; its subject ends in {mail.token}. Look in INBOX and Junk and Sent and Trash."
    )


def test_ctrl_c_where_it_cannot_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail(expunges=False)
    told = stopped(monkeypatch, mail, smtp={"DATA": (mail.take, ctrl_c)})
    assert told.message == "Stopped; the test mail is still in INBOX."
    assert told.hint.endswith(f"its subject ends in {mail.token}.")


def test_a_second_ctrl_c_does_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    mail = Mail()

    def uid(talk: Talk) -> None:
        if mail.sent:
            ctrl_c(talk)
            ctrl_c(talk)
            talk.hang()
        mail.uid(talk)

    told = stopped(monkeypatch, mail, imap={"UID": uid})
    assert "may still come" in told.message
    assert mail.token in told.hint
