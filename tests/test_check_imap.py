"""imapclient over the bounded connection: what it keeps, what it asks, what it takes."""

from __future__ import annotations

import base64
import logging
import socket
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.check import Timeouts
from provisioner.check.diagnosis import Fault, explain
from provisioner.check.imap import ImapSession
from provisioner.check.reach import connect
from provisioner.check.wire import Wire
from provisioner.model import Use
from provisioner.outcome import Quota
from provisioner.secret import Secret
from tests.servers import HOST, PASSWORD, USER, Answer, Scenario, Server, Talk, client_context
from tests.test_check_servers import run, traces


def play(server: Server) -> ImapSession:
    """A session that is logged in."""
    wire = connect(HOST, server.port, seconds=5, deadline=time.monotonic() + 20)
    wire.handshake(client_context(), HOST)
    session = ImapSession(wire, Timeouts())
    session.greet()
    session.login(USER, Secret(PASSWORD))
    return session


def imap(**answers: Answer) -> Scenario:
    return Scenario("", "imap", "tls", "", answers)


NO_PLAIN = "* OK [CAPABILITY IMAP4rev1] hi\r\n"


@pytest.mark.parametrize("greeting", ["* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hi\r\n", NO_PLAIN])
def test_the_library_keeps_and_logs_no_password(greeting: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Server(imap(GREETING=greeting)) as server:
        session = play(server)
        kept = repr(vars(session.client)) + repr(vars(session.client._imap))
        session.mailboxes(None)
        session.close()
    for trace in traces():
        assert trace.decode() not in kept
        assert trace.decode() not in caplog.text
    assert "imapclient.imaplib" not in {record.name for record in caplog.records}


def test_the_library_itself_works_once_logged_in() -> None:
    with Server(imap()) as server:
        session = play(server)
        session.wire.enter("mailboxes", 5)
        assert session.client.select_folder("INBOX", readonly=True)[b"EXISTS"] == 0
        assert session.client.list_folders() == [((), b"/", "INBOX"), ((), b"/", "Sent Items")]
        session.close()


def test_what_follows_the_login_goes_out_in_one_write() -> None:
    with Server(imap()) as server:
        session = play(server)
        session.mailboxes(None)
        session.close()
    words = [[line.split()[1] for line in sent.splitlines()] for sent in server.inside]
    assert words == [[b"AUTHENTICATE"], [b"CAPABILITY", b"ID", b"EXAMINE", b"LIST"], [b"LOGOUT"]]


@pytest.mark.parametrize("send_id", [False, True])
def test_a_server_that_opens_no_inbox_for_the_unnamed_gets_our_name(send_id: bool) -> None:
    """Where only the inbox is opened, the name is sent first only if the profile says that it is wanted."""

    def examine(talk: Talk) -> None:
        named = "ID" in talk.server.commands
        talk.send(f"{talk.tag} OK done\r\n" if named else f"{talk.tag} NO unsafe login\r\n")

    with Server(imap(EXAMINE=examine)) as server:
        session = play(server)
        session.mailboxes(None, send_id=send_id, listing=False)
        session.close()
    asked = ["ID", "EXAMINE"] if send_id else ["EXAMINE", "ID", "EXAMINE"]
    assert [word for word in server.commands if word in asked] == asked
    with Server(imap(EXAMINE="{tag} NO [NONEXISTENT] none\r\n")) as server:
        session = play(server)
        with pytest.raises(Fault) as refused:
            session.mailboxes(None, send_id=send_id, listing=False)
        session.close()
    assert refused.value.code == "box.no_inbox"


def test_what_follows_a_literal_stays_as_it_is() -> None:
    scenario = imap(LIST="* LIST () {1}\r\n/ Sent\r\n{tag} OK\r\n")
    with Server(scenario) as server:
        result = run(scenario, server)
    assert result.mailboxes
    assert result.mailboxes.names == {Use.SENT: "Sent"}


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"AUTHENTICATE": "* BYE busy\r\n{tag} NO [AUTHENTICATIONFAILED] no\r\n"}, "auth.bad_credentials"),
        ({"EXAMINE": "* BYE busy\r\n{tag} NO [NONEXISTENT] none\r\n"}, "box.no_inbox"),
        ({"AUTHENTICATE": "* X {" + "9" * 5000 + "}\r\n"}, "proto.garbled"),
        ({"AUTHENTICATE": "{tag} ok\r\n", "EXAMINE": "* 0 exists\r\n{tag} Ok\r\n"}, "ok"),
        ({"GREETING": "* ok hi\r\n", "CAPABILITY": "* capability Auth=plain\n{tag} ok\n"}, "ok"),
        ({"GREETING": "* OK\r\n"}, "ok"),
        ({"AUTHENTICATE": "* ok\r\n* 3\r\n{tag} OK\r\n"}, "proto.garbled"),
        ({"LIST": "{tag} NO not now\r\n"}, "ok"),
        ({"LIST": '* LIST () "/" {5}\r\na\r\nbc\r\n* LIST () "/" ((x\r\n{tag} OK\r\n'}, "ok"),
        ({"ID": "{tag} BAD what\r\n"}, "ok"),
    ],
)
def test_odd_answers(answers: dict[str, Answer], code: str) -> None:
    scenario = imap(**answers)
    with Server(scenario) as server:
        result = run(scenario, server)
    assert result.code == code, result.message


QUOTA = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN QUOTA] hi\r\n"


@pytest.mark.parametrize(
    ("said", "used", "noted"),
    [
        ('* QUOTA "" (STORAGE 95 100 MESSAGE 1 1000)\r\n', 95, True),
        ('* QUOTA "" (STORAGE 10 100)\r\n* quota Two (MESSAGE 5 5 storage 89 100)\r\n', 89, False),
        ('* QUOTA "" (STORAGE 95 0)\r\n* QUOTA x (STORAGE y z)\r\n* QUOTA ((\r\n* QUOTA\r\n', None, False),
        ("", None, False),
    ],
)
def test_how_full_the_mailbox_is(said: str, used: int | None, noted: bool) -> None:
    answer = '* QUOTAROOT INBOX ""\r\n' + said + "{tag} OK\r\n"
    scenario = imap(GREETING=QUOTA, GETQUOTAROOT=answer)
    with Server(scenario) as server:
        result = run(scenario, server)
    assert result.ok
    assert result.quota == (None if used is None else Quota(used * 1024, 100 * 1024))
    assert [note.code for note in result.notes] == ["box.nearly_full"] * noted
    assert all("95 %" in note.message and "97.3 kB of 102.4 kB" in note.message for note in result.notes)
    assert any(b"GETQUOTAROOT" in sent and b"EXAMINE" in sent for sent in server.inside)  # no round trip more


def test_quota_is_not_asked_where_it_is_not_offered_and_may_fail() -> None:
    with Server(imap()) as server:
        assert run(imap(), server).quota is None
    assert "GETQUOTAROOT" not in server.commands
    scenario = imap(AUTHENTICATE="{tag} OK [CAPABILITY IMAP4rev1 QUOTA] in\r\n")
    with Server(scenario) as server:
        assert run(scenario, server).ok
    assert "GETQUOTAROOT" in server.commands


@pytest.mark.parametrize(
    ("users", "code"),
    [
        ((USER, f"{USER}@icloud.com"), "auth.username_full"),
        ((f"{USER}@icloud.com", USER), "auth.username_local"),
        (("somebody", USER), None),
    ],
)
def test_the_form_of_the_user_name_is_noted(users: tuple[str, str], code: str | None) -> None:
    def judge(talk: Talk) -> None:
        right = base64.b64encode(f"\0{users[1]}\0{PASSWORD}".encode())
        talk.send(f"{talk.tag} {'OK in' if right in talk.line else 'NO [AUTHENTICATIONFAILED] no'}\r\n")

    scenario = imap(AUTHENTICATE=judge)
    with Server(scenario) as server:
        result = run(scenario, server, users=users)
    assert (result.code, result.user, result.tried) == ("ok", users[1], users)
    assert [note.code for note in result.notes] == ([code] if code else [])
    assert all(users[1] in note.message and f"--login {users[1]}" in note.next for note in result.notes)


def test_the_layers_end_where_the_check_ended() -> None:
    scenario = imap(AUTHENTICATE="{tag} NO [UNAVAILABLE] no\r\n")
    with Server(scenario) as server:
        result = run(scenario, server)
    assert list(result.layers) == ["dns", "tcp", "tls", "greeting", "login"]


_PIECES = st.sampled_from(
    b"* |P1 |P2 |P3 |P4 |P5 |OK |NO |BAD |BYE |[|]|CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR QUOTA ID|"
    b'[CAPABILITY ID]|LIST |() |(\\Sent) |NIL |"/" |INBOX|"a|"b"|{3}\r\n|{0}\r\n|{-1}\r\n|{|}|(|)|QUOTA |'
    b"x (STORAGE 1 2)|ID |0 EXISTS|12 |+ |READ-ONLY|&AOk|\\|\xc3|\x00|ok|\r\n|\r\n|\r\n|\n".split(b"|")
)
_GREETING = b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR QUOTA] hi\r\n"


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from([b"", _GREETING, _GREETING + b"P1 OK in\r\n"]),
    st.lists(_PIECES | st.binary(max_size=5), max_size=40),
)
def test_whatever_a_server_says_ends_in_a_result_or_a_cause(start: bytes, pieces: list[bytes]) -> None:
    here, there = socket.socketpair()
    with here, there:
        there.sendall(start + b"".join(pieces))
        there.shutdown(socket.SHUT_WR)
        wire = Wire(here, time.monotonic() + 10)
        wire._verified = True
        session = ImapSession(wire, Timeouts())
        try:
            session.greet()
            session.login(USER, Secret(PASSWORD))
            session.mailboxes(None)
        except Fault as fault:
            explain(fault.code, fault.facts, host="h", port=1)
        session.close()
