"""imapclient over the bounded connection: what it keeps, what it asks, what it takes."""

from __future__ import annotations

import logging
import time

import pytest

from provisioner.check import Timeouts
from provisioner.check.imap import ImapSession
from provisioner.check.wire import connect
from provisioner.secret import Secret
from tests.servers import HOST, PASSWORD, USER, Answer, Scenario, Server, client_context
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
