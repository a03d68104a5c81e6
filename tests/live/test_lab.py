"""The laboratory itself, without the tested program: what must be seen is seen, what is wrong is noticed."""

from __future__ import annotations

import base64
import imaplib
import smtplib
import socket
import ssl

import pytest

from tests.live.dovecot import CAPABILITY, Flavour
from tests.live.lab import until
from tests.live.thunderbird import Thunderbird
from tests.live.world import ICLOUD_HOST, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, World

pytestmark = pytest.mark.live


@pytest.fixture
def context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile="/etc/ssl/certs/ca-certificates.crt")


def test_imap_server_answers_as_icloud(world: World, context: ssl.SSLContext) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((ICLOUD_HOST, 143))
    with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATIONFAILED"):
        imaplib.IMAP4_SSL(ICLOUD_HOST, ssl_context=context).login(JANE, NEW_PASSWORD)
    for user in (JANE_LOCAL, JANE):
        client = imaplib.IMAP4_SSL(ICLOUD_HOST, ssl_context=context)
        client.login(user, PASSWORD)
        assert client.capability()[1][0].decode() == CAPABILITY
        client.logout()
    assert [(login.user, login.tls) for login in world.imap.logins()] == [(JANE_LOCAL, True), (JANE, True)]
    assert world.imap.failures() == [JANE_LOCAL]


def test_submission_server_takes_the_address_over_tls_only(world: World, context: ssl.SSLContext) -> None:
    with smtplib.SMTP("smtp.mail.me.com", 587) as client:
        client.ehlo()
        assert not client.has_extn("auth")
        assert client.docmd("MAIL FROM:<a@example.org>")[0] == 530
        client.starttls(context=context)
        with pytest.raises(smtplib.SMTPAuthenticationError):
            client.login(JANE_LOCAL, PASSWORD)
    with smtplib.SMTP("smtp.mail.me.com", 587) as client:
        client.starttls(context=context)
        client.login(JANE, PASSWORD)
    assert world.smtp.logins == [JANE]


@pytest.mark.parametrize("flavour", [Flavour.SPECIAL_USE])
def test_an_account_made_by_thunderbird_works(world: World) -> None:
    with world.thunderbird() as thunderbird:
        assert any("account-hub" in obstacle for obstacle in thunderbird.obstacles())
        thunderbird.add_account(JANE, ICLOUD_HOST, JANE_LOCAL, "smtp.mail.me.com", PASSWORD)
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird, by_itself=False)
    assert world.files_with(PASSWORD) == []


def asked(thunderbird: Thunderbird, words: str) -> str:
    """The dialog with these words; it gets them a moment after its window is there."""
    shown = until(words, lambda: [text for text in thunderbird.obstacles() if words in text])
    return shown[0]


def test_a_wrong_stored_password_is_noticed(world: World) -> None:
    with world.thunderbird() as thunderbird:
        thunderbird.add_account(JANE, ICLOUD_HOST, JANE_LOCAL, "smtp.mail.me.com", NEW_PASSWORD)
    with world.thunderbird() as thunderbird:
        with pytest.raises(AssertionError, match=JANE_LOCAL):
            world.assert_shows_inbox(thunderbird)
        assert JANE_LOCAL in world.imap.failures()
        question = asked(thunderbird, "Login to server imap.mail.me.com")
        assert "failed" in question
        thunderbird.kill()


def test_a_missing_stored_password_is_noticed(world: World) -> None:
    with world.thunderbird() as thunderbird:
        thunderbird.add_account(JANE, ICLOUD_HOST, JANE_LOCAL, "smtp.mail.me.com", "")
    with world.thunderbird() as thunderbird:
        thunderbird.open_inbox(ICLOUD_HOST)
        asked(thunderbird, "Enter your password for jane.appleseed")
        thunderbird.kill()
    assert world.imap.logins() == []


def test_a_password_in_a_file_is_noticed(world: World) -> None:
    (world.home / "plain").write_text(f"password={PASSWORD}\n")
    (world.home / "wide").write_bytes(f"x{PASSWORD}".encode("utf-16-le"))
    (world.home / "sasl").write_bytes(base64.b64encode(f"\0{JANE}\0{PASSWORD}\n".encode()))
    (world.home / "other").write_text("nothing\n")
    assert sorted(path.name for path in world.files_with(PASSWORD)) == ["plain", "sasl", "wide"]
