"""The transcript of a check: true, and nothing in it of who logs in, with what and from where."""

from __future__ import annotations

import base64
import re
import socket
from pathlib import Path
from typing import Literal

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from provisioner.accounts import Target
from provisioner.anonymous import Anonymizer
from provisioner.check import Conditions, check_service
from provisioner.cli import cli
from provisioner.model import Security
from provisioner.secret import CUT, MASK, Pieces, Secret
from provisioner.transcript import MAX_LENGTH, MAX_LINES, Transcript
from tests.servers import HOST, Answer, Scenario, Server, Service, Talk, authority, client_context

ADDRESS, USER, PASSWORD = "jane.appleseed@icloud.com", "jane.appleseed", 'abcd "efgh\\ ijkl'
PLAIN_ONLY = "250-mail.example Hello [203.0.113.9]\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"
LOGIN_ONLY = PLAIN_ONLY.replace("AUTH PLAIN", "AUTH LOGIN")
ASKS = "334 VXNlcm5hbWU6\r\n"


def spoken(scenario: Scenario, password: str = PASSWORD, users: tuple[str, ...] = (USER, ADDRESS)) -> str:
    tape = Transcript(ADDRESS, users, Secret(password))
    security = Security(scenario.security)
    with Server(scenario) as server:
        target = Target(HOST, server.port, security, users)
        check_service(
            scenario.service,
            target,
            Secret(password),
            Conditions(context=client_context(), transcript=lambda _: tape.note),
        )
    text = "\n".join(tape.lines)
    for form in Secret(password).forms(*users, ""):
        assert form.reveal() not in text
    for user in users:
        assert user not in text
        assert base64.b64encode(user.encode()).decode() not in text
    return "\n".join(line.split(None, 1)[1] for line in tape.lines)


def test_imap() -> None:
    text = spoken(Scenario("t", "imap", "tls", "ok"))
    lines = text.splitlines()
    assert lines[0].startswith("* connected to localhost (127.0.0.1) port ")
    assert lines[1].startswith("* TLS set up: TLSv1.3")
    assert lines[2] == "< * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN STARTTLS ID] ready"
    assert lines[3] == "> P1 AUTHENTICATE PLAIN <masked>"
    assert lines[4] == "< P1 OK welcome"
    assert any(line.endswith("EXAMINE INBOX") for line in lines)
    assert '< * LIST () "/" "Sent Items"' in lines


def no(text: str) -> str:
    return "{tag} NO [AUTHENTICATIONFAILED] " + text + "\r\n"


IMAP_LOGIN: dict[str, Answer] = {
    "GREETING": "* OK [CAPABILITY IMAP4rev1] ready\r\n",
    "CAPABILITY": "* CAPABILITY IMAP4rev1\r\n{tag} OK\r\n",
}


ECHO = no(PASSWORD + " from 198.51.100.7, [2001:db8::7]")
SHOUT = no(f"for {USER.upper()}").replace("{tag}", "P1")
OFFERS = "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n"


@pytest.mark.parametrize(
    ("service", "security", "answers"),
    [
        ("imap", "tls", IMAP_LOGIN | {"LOGIN": no(f"{USER} is not {ADDRESS}")}),
        ("imap", "tls", {"GREETING": OFFERS, "AUTHENTICATE": ("+ \r\n", Talk.read_line, SHOUT)}),
        ("imap", "tls", {"AUTHENTICATE": ECHO}),
        ("smtp", "starttls", {"EHLO": PLAIN_ONLY, "AUTH": "535 5.7.8 no, 198.51.100.7\r\n"}),
        (
            "smtp",
            "tls",
            {"EHLO": LOGIN_ONLY, "AUTH": (ASKS, Talk.read_line, ASKS, Talk.read_line, "535 no\r\n")},
        ),
    ],
)
def test_nothing_of_the_person(
    service: Service, security: Literal["tls", "starttls"], answers: dict[str, Answer]
) -> None:
    text = spoken(Scenario("t", service, security, "ok", answers))
    assert "<masked>" in text
    assert not re.search(r"203\.0\.113\.9|198\.51\.100\.7|2001:db8", text)
    if "LOGIN" in answers:
        assert "<user> is not <user>@icloud.com" in text


def test_a_password_that_goes_as_a_literal() -> None:
    literal: dict[str, Answer] = {"LOGIN": ("+ go\r\n", Talk.read_line, "P2 OK welcome\r\n")}
    scenario = Scenario("literal", "imap", "tls", "ok", IMAP_LOGIN | literal)
    text = spoken(scenario, password="grün-weiß", users=(USER,))
    assert "> <masked>" in text


def test_mailboxes_of_ones_own_are_masked() -> None:
    rows = '* LIST (\\Sent) "/" "Sent Items"\r\n* LIST () "/" "My lawyer"\r\n* LIST () "/" {3}\r\nabc\r\n'
    text = spoken(Scenario("t", "imap", "tls", "ok", {"LIST": rows + "{tag} OK\r\n"}))
    assert "Sent Items" in text
    assert "lawyer" not in text
    assert "abc" not in text
    assert '* LIST () "/" <mailbox>' in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ('* QUOTAROOT INBOX "user/Secret name"', "* QUOTAROOT INBOX <mailbox>"),
        ('* QUOTAROOT "My lawyer" user.x.lawyer ""', '* QUOTAROOT <mailbox> <mailbox> ""'),
        ('* QUOTA "user/lawyer" (STORAGE 10 512)', "* QUOTA <mailbox> (STORAGE 10 512)"),
        ('* QUOTA "User quota" (STORAGE 10 512)', '* QUOTA "User quota" (STORAGE 10 512)'),
        (
            '* NAMESPACE (("INBOX." ".")) (("#user/lawyer/" "/")) NIL',
            '* NAMESPACE (("INBOX." ".")) ((<mailbox> "/")) NIL',
        ),
    ],
)
def test_roots_of_ones_own_are_masked(said: str, shown: str) -> None:
    tape = Transcript(ADDRESS, (USER,), Secret(PASSWORD))
    tape.note("<", f"{said}\r\n".encode())
    assert tape.lines[0].split(None, 1)[1] == f"< {shown}"


MECHANISMS = ("P1 AUTHENTICATE PLAIN", "AUTH PLAIN", "P1 LOGIN", "AUTH LOGIN", "a1 authenticate plain")


@given(
    user=st.from_regex(r"[a-z0-9.]{3,20}", fullmatch=True),
    password=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=4, max_size=30),
    mechanism=st.sampled_from(MECHANISMS),
    initial=st.booleans(),
)
def test_whatever_is_sent_to_log_in_is_masked(
    user: str, password: str, mechanism: str, initial: bool
) -> None:
    tape = Transcript(f"{user}@example.org", (user,), Secret(password))
    token = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
    sent = f'"{user}" "{password}"' if mechanism == "P1 LOGIN" else token
    if initial:
        tape.note(">", f"{mechanism} {sent}\r\n".encode())
    else:
        tape.note(">", f"{mechanism}\r\n".encode())
        tape.note("<", b"+ \r\n" if mechanism[0] in "Pa" else b"334 \r\n")
        tape.note(">", f"{sent}\r\n".encode())
    tape.note("<", b"P1 OK\r\n" if mechanism[0] in "Pa" else b"235 yes\r\n")
    shown = [line.split(None, 2)[2:] for line in tape.lines if line.split()[1] == ">"]
    expected = [[f"{mechanism} <masked>"]] if initial else [[mechanism], ["<masked>"]]
    assert shown == expected


def test_commands_behind_a_login_in_one_write_are_seen() -> None:
    tape = Transcript(ADDRESS, (USER,), Secret(PASSWORD))
    tape.note(">", b"P1 AUTHENTICATE PLAIN AGphbmU=\r\nP2 EXAMINE INBOX\r\nAGphbmU=\r\n")
    assert [line.split(None, 1)[1] for line in tape.lines] == [
        "> P1 AUTHENTICATE PLAIN <masked>",
        "> P2 EXAMINE INBOX",
        "> <masked>",
    ]


def test_this_computer_has_no_name_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "janes-imac")
    tape = Transcript(ADDRESS, (USER,), Secret(PASSWORD))
    tape.note("<", b"250 mail.example greets janes-imac [IPv6:2001:db8::1]\r\n")
    assert tape.lines[0].endswith("< 250 mail.example greets <this computer> [<IP address>]")


HOSTS = ("imap.mail.me.com", "smtp.example.co.uk")
ANONYMOUS = Anonymizer(ADDRESS, (USER, ADDRESS), Secret("abcd-efgh-ijkl-mnop"), HOSTS)
TOKEN = base64.b64encode(f"\0{ADDRESS}\0abcd-efgh-ijkl-mnop".encode()).decode()


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        # From where: names of this computer's network
        ("* OK hello p5dc3a1b2.dip0.t-ipconnect.de ready", "* OK hello <host name> ready"),
        (
            "250-mx.other.example Hello host-203-0-113-7.isp.example [203.0.113.7]",
            "250-mx.other.example Hello <IP address> [<IP address>]",
        ),
        ("220 mx.other.example ESMTP 4WxYz1234Abc", "220 mx.other.example ESMTP <id>"),
        ("250 greets 7x113x0x203.dyn.me.com", "250 greets <IP address>"),
        ("* OK client pool.dsl.mail.me.com, welcome", "* OK client <host name>, welcome"),
        ("no: 203-0-113-7", "no: <IP address>"),
        (
            "at 127.0.0.1:4444 ip=::1 [IPv6:2001:db8::1] fe80::1%eth0",
            "at <IP address>:4444 ip=<IP address> [<IP address>] <IP address>%eth0",
        ),
        ("* OK mail.another.co.uk", "* OK <host name>"),
        # Sessions
        ("* OK session=<AbCd0123+/x>", "* OK session=<id>"),
        ("[AUTHENTICATIONFAILED] (Failure) 5614622812f47-44d9a3", "[AUTHENTICATIONFAILED] (Failure) <id>"),
        ("temporary failure <x1AbCdEf0123>", "temporary failure <id>"),
        ("https://x.org/signin?plt=AKgnsbu1x2y3z4", "https://x.org/signin?plt=<id>"),
        # Who
        ("for jane%2Eappleseed, user_JANE.APPLESEED", "for <user>, user_<user>"),
        ("for jane.appleseed%40icloud.com", "for <user>@icloud.com"),
        # The password, or its beginning
        ("you sent abcd-ef", "you sent ••••••••"),
        ("you sent ABCD-EFGH-IJ...", "you sent ••••••••..."),
        (f"bad: {TOKEN[:-7]}", "bad: ••••••••"),
        ("cannot decode YWJjZC1l", "cannot decode ••••••••"),
        ("ends in ijkl-mnop, or efghijkl", "ends in ••••••••, or ••••••••"),
        (f"near {TOKEN[20:]}", "near ••••••••"),
        ("for Jane Appleseed, jane_appleseed@icloud.com", "for <user>, <user>@icloud.com"),
        ("the abcd is no prefix", "the abcd is no prefix"),
    ],
)
def test_what_a_server_says_of_the_person(said: str, shown: str) -> None:
    assert ANONYMOUS.all(said) == shown


@pytest.mark.parametrize(
    "said",
    [
        "* OK imap7.mail.me.com Dovecot 2.3.19 (mx1.example.co.uk)",
        "535-5.7.8 no. See https://support.google.com/mail/?p=BadCredentials",
        "535 Login Fail.Please enter your authorization",
        "Please contact kefu@188.com for help",
        "* CAPABILITY IMAP4rev1 X-TOKEN-a1b2c3d4 AUTH=PLAIN",
        "* OK [CAPABILITY IMAP4rev1 X-TOKEN-a1b2c3d4] ready",
        "250-SMTPUTF8",
        "250 AUTH PLAIN SCRAM-SHA-256",
        "P3 OK [READ-ONLY] Examine completed (0.001 + 0.000 secs).",
    ],
)
def test_what_is_no_secret_stays(said: str) -> None:
    assert ANONYMOUS.all(said) == said


PIECES = ("a", "1", "-", ".", "a.", "1.", "1-", "a1", ":", "<", "A1", "abcd-e", "=", "%2E")


@pytest.mark.timeout(30)
@pytest.mark.parametrize("piece", PIECES)
def test_a_hostile_line_is_masked_in_time(piece: str) -> None:
    tape = Transcript(ADDRESS, (USER,), Secret("abcd-efgh-ijkl-mnop"))
    for _ in range(20):
        tape.note("<", (piece * 60000)[:60000].encode() + b"\r\n")


@given(st.integers(min_value=CUT, max_value=60), st.booleans(), st.booleans())
def test_any_beginning_of_any_form_is_masked(length: int, upper: bool, shown: bool) -> None:
    secret = Secret("pässwört ☂ & more" if shown else "abcd-efgh-ijkl-mnop")
    forms = secret.forms(USER, ADDRESS)
    for form in forms:
        cut = form.reveal()[:length]
        text = Pieces(forms).redact(f"<{cut.upper() if upper and cut.isascii() else cut}>")
        assert text == f"<{MASK}>"


def test_it_ends() -> None:
    tape = Transcript(ADDRESS, (USER,), Secret(PASSWORD))
    for _ in range(MAX_LINES + 5):
        tape.note("<", b"x" * 9999 + b"\r\n")
    assert len(tape.lines) == MAX_LINES + 1
    assert tape.lines[-1] == "... 5 more lines"
    assert len(tape.lines[0]) < MAX_LENGTH + 50


FROM = f"no: {ADDRESS} host-198-51-100-7.isp.example"


@pytest.mark.parametrize("how", ["email", "accounts"])
def test_on_the_command_line(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, path = tmp_path / "ca.pem", tmp_path / "a.csv"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("HOME", str(tmp_path))
    with Server(Scenario("t", "imap", "tls", "ok", {"AUTHENTICATE": no(FROM)})) as server:
        names, values = "imap,imap_security,smtp", f"localhost:{server.port},tls,localhost:1"
        path.write_text(f"email,login,{names},password\n{ADDRESS},{USER},{values},x y z\n")
        path.chmod(0o600)
        options = [
            f"--{name}={value}" for name, value in zip(names.split(","), values.split(","), strict=True)
        ]
        options = [
            option.replace("_", "-", 1) if option.startswith("--imap_") else option for option in options
        ]
        one = [ADDRESS, *options, "--login", USER, "--password-stdin"]
        arguments = ["check", *(one if how == "email" else ["--accounts", str(path)]), "--only", "imap", "-v"]
        result = CliRunner().invoke(cli, arguments, input="x y z")
    assert result.exit_code == 3
    assert "> P1 AUTHENTICATE PLAIN <masked>" in result.stdout
    assert "x y z" not in result.output
    for words in (USER, "198.51.100.7", "isp.example"):  # not in the story above it, either
        assert words not in result.output
    assert "no: <user>@icloud.com <IP address>" in " ".join(result.stdout.split())
