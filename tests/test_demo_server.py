"""The demo's mail server, as mail clients see it."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import smtplib
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from provisioner.demo.imap import MAILBOXES
from provisioner.demo.server import DemoServer, LoginAttempt
from provisioner.errors import ProvisionError
from provisioner.secret import Secret

ADDRESS = "jane.appleseed@icloud.com"
PASSWORD = "abcd-efgh-ijkl-mnop"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoServer]:
    with DemoServer(ADDRESS, Secret(PASSWORD), tmp_path) as running:
        yield running


def trusting(server: DemoServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(server.ca_file))


def imap(server: DemoServer) -> IMAPClient:
    return IMAPClient(server.host, server.imap_port, ssl_context=trusting(server), timeout=10)


def smtp(server: DemoServer) -> smtplib.SMTP:
    client = smtplib.SMTP(server.host, server.smtp_port, timeout=10)
    client.starttls(context=trusting(server))
    return client


@pytest.mark.parametrize("user", ["jane.appleseed", ADDRESS])
def test_imap_takes_both_user_names(server: DemoServer, user: str) -> None:
    with imap(server) as client:
        client.login(user, PASSWORD)
        folders = client.list_folders()
        assert sorted(name for _, _, name in folders) == sorted([*MAILBOXES, "INBOX"])
        assert {delimiter for _, delimiter, _ in folders} == {b"/"}
        assert client.list_sub_folders() == folders
        assert {flag for flags, _, _ in folders for flag in flags} == {b"\\HasNoChildren"}
        assert b"SPECIAL-USE" not in client.capabilities()
    assert server.logins == (LoginAttempt("imap", user, ok=True),)


def test_welcome_mails_can_be_examined(server: DemoServer) -> None:
    with imap(server) as client:
        client.login(ADDRESS, PASSWORD)
        assert client.select_folder("INBOX", readonly=True)[b"READ-ONLY"] is not None
        found = client.fetch(client.search("ALL"), ["ENVELOPE", "FLAGS", "BODY[]"])
        assert len(found) == 3
        for mail in found.values():
            assert mail[b"ENVELOPE"].to[0].mailbox == b"jane.appleseed"
            assert PASSWORD.encode() not in mail[b"BODY[]"]
        assert client.folder_status("Sent Messages", ["MESSAGES"]) == {b"MESSAGES": 0}


def test_both_user_names_have_the_same_mailboxes(server: DemoServer) -> None:
    with imap(server) as one, imap(server) as two:
        one.login("jane.appleseed", PASSWORD)
        two.login(ADDRESS, PASSWORD)
        one.append("Sent Messages", b"Subject: copy\r\n\r\nhello\r\n")
        assert two.folder_status("Sent Messages", ["MESSAGES"]) == {b"MESSAGES": 1}


@pytest.mark.parametrize(
    ("user", "password"),
    [("jane.appleseed", "abcd-efgh-ijkl-mnoq"), (ADDRESS, ""), ("bob", PASSWORD), ("\x07", PASSWORD)],
)
def test_imap_refuses_a_wrong_login(server: DemoServer, user: str, password: str) -> None:
    with imap(server) as client, pytest.raises(LoginError, match=r"\[AUTHENTICATIONFAILED\]"):
        client.plain_login(user, password)
    assert server.logins == (LoginAttempt("imap", user, ok=False),)


def test_tls_is_not_trusted_without_the_ca(server: DemoServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        IMAPClient(server.host, server.imap_port, timeout=10)
    with smtplib.SMTP(server.host, server.smtp_port, timeout=10) as client:
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(context=ssl.create_default_context())
        client.close()


def test_submission_wants_starttls_first(server: DemoServer) -> None:
    with smtplib.SMTP(server.host, server.smtp_port, timeout=10) as client:
        client.ehlo()
        assert client.has_extn("starttls")
        assert not client.has_extn("auth")
        token = base64.b64encode(f"\0{ADDRESS}\0{PASSWORD}".encode()).decode()
        assert client.docmd("AUTH", f"PLAIN {token}")[0] >= 500
        code, reason = client.docmd(f"MAIL FROM:<{ADDRESS}>")
        assert (code, b"STARTTLS" in reason) == (530, True)
    assert server.logins == ()


def test_submission_wants_a_login_before_mail(server: DemoServer) -> None:
    with smtp(server) as client, pytest.raises(smtplib.SMTPSenderRefused) as caught:
        client.sendmail(ADDRESS, [ADDRESS], "Subject: x\r\n\r\nx")
    assert caught.value.smtp_code == 530


@pytest.mark.parametrize(
    ("user", "password"),
    [("jane.appleseed", PASSWORD), (ADDRESS, "wrong"), ("bob@icloud.com", PASSWORD)],
)
def test_submission_takes_the_full_address_only(server: DemoServer, user: str, password: str) -> None:
    with smtp(server) as client:
        with pytest.raises(smtplib.SMTPAuthenticationError) as caught:
            client.login(user, password)
        assert caught.value.smtp_code == 535
    assert set(server.logins) == {LoginAttempt("smtp", user, ok=False)}


@pytest.mark.parametrize("before_idle", [True, False])
def test_mail_to_oneself_arrives_at_once(server: DemoServer, before_idle: bool) -> None:
    """A raw client: imapclient's idle_check loses the end of a line that comes in two pieces."""
    with (
        socket.create_connection((server.host, server.imap_port), timeout=30) as plain,
        trusting(server).wrap_socket(plain, server_hostname=server.host) as tls,
        tls.makefile("rb") as lines,
        smtp(server) as sender,
    ):

        def say(command: str) -> None:
            tls.sendall(f"{command}\r\n".encode())

        def hear(beginning: bytes) -> None:
            while not (line := lines.readline()).startswith(beginning):
                assert line

        say(f"a LOGIN {ADDRESS} {PASSWORD}")
        hear(b"a OK")
        say("b SELECT INBOX")
        hear(b"b OK")
        sender.login(ADDRESS, PASSWORD)
        if not before_idle:
            say("c IDLE")
            hear(b"+ ")
        assert sender.sendmail(ADDRESS, [ADDRESS], "Subject: to myself\r\n\r\nhello") == {}
        if before_idle:
            say("c IDLE")
        hear(b"* 4 EXISTS")
        say("DONE")
        hear(b"c OK")
    with imap(server) as reader:
        reader.login(ADDRESS, PASSWORD)
        reader.select_folder("INBOX")
        newest = reader.search("ALL")[-1]
        assert b"Subject: to myself" in reader.fetch([newest], ["BODY[]"])[newest][b"BODY[]"]


def test_no_mail_leaves(server: DemoServer) -> None:
    with smtp(server) as client:
        client.login(ADDRESS, PASSWORD)
        with pytest.raises(smtplib.SMTPRecipientsRefused):
            client.sendmail(ADDRESS, ["bob@example.org"], "Subject: x\r\n\r\nx")


def test_only_on_loopback_and_the_ca_file_is_private(server: DemoServer, tmp_path: Path) -> None:
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", server.imap_port), timeout=10)
    assert server.ca_file.parent == tmp_path
    assert server.ca_file.stat().st_mode & 0o777 == 0o600
    assert b"PRIVATE" not in server.ca_file.read_bytes()


def test_the_override_names_this_certificate_and_these_ports(server: DemoServer) -> None:
    """The format of Mozilla's nsCertOverrideService.cpp, read back with a parser of its own."""
    with ssl.create_default_context(cafile=str(server.ca_file)).wrap_socket(
        socket.create_connection((server.host, server.imap_port)),
        server_hostname=server.host,
    ) as connection:
        der = connection.getpeercert(binary_form=True)
    assert der
    certificate = x509.load_der_x509_certificate(der)
    lines = [line.split("\t") for line in server.cert_override().splitlines() if not line.startswith("#")]
    assert [line[0] for line in lines] == [f"localhost:{server.imap_port}:", f"localhost:{server.smtp_port}:"]
    for _, algorithm, fingerprint, bits, key in lines:
        assert (algorithm, bits) == ("OID.2.16.840.1.101.3.4.2.1", "")
        assert re.fullmatch("([0-9A-F]{2}:){31}[0-9A-F]{2}", fingerprint)
        assert bytes.fromhex(fingerprint.replace(":", "")) == hashlib.sha256(der).digest()
        data = base64.b64decode(key)
        sizes = [int.from_bytes(data[at : at + 4], "big") for at in range(0, 16, 4)]
        serial, issuer = data[16 : 16 + sizes[2]], data[16 + sizes[2] :]
        assert (sizes[:2], len(issuer)) == ([0, 0], sizes[3])
        assert int.from_bytes(serial, "big", signed=True) == certificate.serial_number
        assert issuer == certificate.issuer.public_bytes()


def test_two_at_once_and_each_has_its_own_certificate(server: DemoServer, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    with DemoServer("bob@icloud.com", Secret("pw"), other) as second:
        assert second.certificate.fingerprint != server.certificate.fingerprint
        with imap(second) as client:
            client.login("bob", "pw")
        with pytest.raises(ssl.SSLCertVerificationError):
            IMAPClient("localhost", second.imap_port, ssl_context=trusting(server), timeout=10)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    level = logging.getLogger("asyncio").level
    with pytest.raises(ProvisionError) as caught, DemoServer(ADDRESS, Secret(PASSWORD), tmp_path / "none"):
        pass
    assert caught.value.code == "demo.server"
    assert logging.getLogger("asyncio").level == level


ENDS = """
import logging, smtplib, socket, ssl, sys, threading
from pathlib import Path
from imapclient import IMAPClient
from provisioner.demo.server import DemoServer
from provisioner.secret import Secret

logging.basicConfig(level=logging.DEBUG)
with DemoServer("jane@icloud.com", Secret("the-password"), Path(sys.argv[1])) as server:
    tls = ssl.create_default_context(cafile=str(server.ca_file))
    idle = IMAPClient("localhost", server.imap_port, ssl_context=tls)
    idle.login("jane", "the-password")
    idle.select_folder("INBOX")
    idle.idle()
    plain = smtplib.SMTP("localhost", server.smtp_port)
    secure = smtplib.SMTP("localhost", server.smtp_port)
    secure.starttls(context=tls)
    secure.login("jane@icloud.com", "the-password")
    half = socket.create_connection(("localhost", server.imap_port))
    half.sendall(b"no TLS at all\\r\\n")
    half.recv(1)
    gone = socket.create_connection(("localhost", server.smtp_port))
    gone.recv(1)
    gone.close()
for client in (idle._imap.sock, plain.sock, secure.sock, half):
    client.close()
print(threading.active_count())
"""


def test_ends_cleanly_with_clients_still_there(tmp_path: Path) -> None:
    """No warning, though all are on, no password in the log, which is on, and no thread is left."""
    run = subprocess.run(
        [sys.executable, "-X", "dev", "-c", ENDS, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    noise = [
        line
        for line in run.stderr.splitlines()
        if "provisioner.demo" not in line and "imapclient" not in line
    ]
    assert (run.returncode, run.stdout, noise) == (0, "1\n", [])
    assert "the-password" not in run.stderr


@pytest.mark.parametrize("module", ["pymap", "aiosmtpd", "trustme"])
def test_without_the_extra_it_says_how_to_get_it(module: str) -> None:
    code = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from provisioner.errors import ProvisionError\n"
        "try:\n    import provisioner.demo.server\n"
        "except ProvisionError as error:\n    print(error.code, error.hint)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (
        run.stdout
        == "demo.extra pip install 'mail-provisioner[demo]', or in a checkout: pip install '.[demo]'\n"
    ), run.stderr
