"""What a diff may show of a text file: no password, whoever wrote it and in whatever syntax."""

from __future__ import annotations

import pytest

from provisioner.masking import masked_lines
from provisioner.secret import MASK, Secret

CANARY = "hunter2-Zx9"


def masked(text: str, *secrets: Secret) -> str:
    return "\n".join(shown for _, shown in masked_lines(text, secrets))


@pytest.mark.parametrize(
    "text",
    [
        "password hunter2-Zx9",
        '  password "hunter2-Zx9"',
        "password\thunter2-Zx9 # mine",
        "passwordeval echo hunter2-Zx9",
        'passwordeval "secret-tool lookup service provisioner username x; echo hunter2-Zx9"',
        'passwordeval "secret-tool lookup service provisioner username x" hunter2-Zx9',
        'passwordeval "secret-tool lookup service provisioner username $(echo hunter2-Zx9)"',
        "#password hunter2-Zx9",
        "# hunter2-Zx9 is my password",
        "host h # hunter2-Zx9 is the password",
        "Pass hunter2-Zx9",
        "PassCmd +'echo hunter2-Zx9'",
        "password-hunter2-Zx9",
        "source-cred-cmd = echo hunter2-Zx9",
        "backend.auth.raw = 'hunter2-Zx9'",
        "set imap_pass=hunter2-Zx9",
        'set imap_pass = "a \\\nhunter2-Zx9"',
        "account-hook . 'set smtp_pass=\"hunter2-Zx9\"'",
        "machine h login jane password hunter2-Zx9",
        "remotepass: hunter2-Zx9",
        "password =\n  hunter2-Zx9",
        "password = a\n  b\n\n  hunter2-Zx9\nx = 1",
        "password: |\n  hunter2-Zx9",
        'user_pref("mail.server.server1.password", "hunter2-Zx9");',
        'user_pref("a.password",\n"hunter2-Zx9");',
        'user_pref("a.password"\n, "hunter2-Zx9");',
        'user_pref("oauth2.refreshToken", "hunter2-Zx9");',
        'user_pref("x", 1); // was hunter2-Zx9, the password',
        '{"apiKey": "hunter2-Zx9"}',
        '{"passwords": {\n  "a": "hunter2-Zx9"\n}}',
        "source = imaps://jane:hunter2-Zx9@imap.example.org",
        'user_pref("u", "https://jane:a@hunter2-Zx9@example.org/x");',
        "Authorization: Bearer hunter2-Zx9",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2-Zx9\n-----END OPENSSH PRIVATE KEY-----",
        "PIN: hunter2-Zx9",
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_what_might_be_a_password_is_masked(text: str, end: str) -> None:
    shown = masked(text.replace("\n", end or "\n") + end)
    assert CANARY not in shown
    assert "Zx9" not in shown
    assert MASK in shown


@pytest.mark.parametrize(
    "text",
    [
        "auth on",
        "auth plain",
        "AuthMechs LOGIN PLAIN",
        "password\nhost h",
        "tls_certcheck on\nuser jane\nfrom jane@example.org",
        'passwordeval "secret-tool lookup service provisioner username jane@example.org"',
        'PassCmd "/home/jane/.local/bin/keyring get provisioner jane@example.org"',
        "PassCmd '/usr/bin/security find-generic-password -s provisioner -a jane@example.org -w'",
        'user_pref("mail.server.server1.authMethod", 3);',
        'user_pref("mail.smtpserver.smtp1.hostname", "smtp.example.org");',
        "imap://jane@example.org/Sent",
        "# >>> provisioner jane@example.org 0123456789abcdef >>>",
        "set mbox_type = Maildir",
        "passive on",
        "host auth.example.org",
        "x = -----BEGIN CERTIFICATE-----\nabc",
    ],
)
def test_what_is_none_is_shown(text: str) -> None:
    assert masked(text) == text


def test_after_a_password_the_rest_is_shown_again() -> None:
    text = "[a]\npassword = x\n  y\nuser = jane\n  host = h\n"
    text += "-----BEGIN PRIVATE KEY-----\nk\n-----END X-----\nend"
    assert masked(text).splitlines() == [
        "[a]",
        f"password = {MASK}",
        f"  {MASK}",
        "user = jane",
        "  host = h",
        MASK,
        MASK,
        MASK,
        "end",
    ]


def test_what_is_known_is_masked_wherever_it_stands() -> None:
    secret = Secret('a"b\\c é&')
    for form in secret.forms("jane"):
        if form.reveal() in {one.reveal() for one in secret.forms()}:
            assert form.reveal() not in masked(f"host x{form.reveal()}y\n", secret)
    assert masked("host h\n", secret) == "host h"


def test_a_password_over_two_lines_hides_them_all() -> None:
    assert masked("a\nb c\nd\n", Secret("b c\nd")) == "\n".join([MASK] * 3)


def test_each_line_comes_with_itself() -> None:
    text = "a\r\npassword x\n\nlast"
    assert "".join(line for line, _ in masked_lines(text)) == text
