"""Evidence -> cause, without sockets."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.check import evidence, exit_code, waiting
from provisioner.check.causes import CAUSES
from provisioner.check.diagnosis import MAX_TEXT, clean, compare, explain
from provisioner.check.evidence import Stage
from provisioner.check.shown import Shown
from provisioner.check.tls import certificate_fault
from provisioner.model import AppPassword, PasswordForm
from provisioner.outcome import CheckResult
from provisioner.secret import Pieces, Secret
from provisioner.shape import shape_of

APPLE = AppPassword(
    term="app-specific password",
    spaces_are_decoration=True,
    form=PasswordForm(
        pattern="[a-z]{4}-[a-z]{4}-[a-z]{4}-[a-z]{4}",
        displayed_as="four groups of four small letters",
        example="abcd-efgh-ijkl-mnop",
    ),
)
COMPACT = AppPassword(
    term="app password",
    spaces_are_decoration=True,
    form=PasswordForm(
        pattern="[a-z]{16}", displayed_as="four groups of four small letters", example="abcd efgh ijkl mnop"
    ),
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[AUTHENTICATIONFAILED] Authentication Failed", "auth.bad_credentials"),
        ("[AUTHENTICATIONFAILED] Invalid credentials (Failure)", "auth.bad_credentials"),
        ("LOGIN invalid credentials or IMAP is disabled", "auth.access_off"),
        ("Invalid app password", "auth.bad_credentials"),
        (
            "[ALERT] Application-specific password required: https://x.example",
            "auth.app_password_required",
        ),
        ("NEOBHODIM parol prilozheniya. Application password is REQUIRED", "auth.app_password_required"),
        ("Sorry, you need to create an app password to use this service", "auth.app_password_required"),
        ("[ALERT] Please log in via your web browser: https://x", "auth.web_login"),
        ("[UNAVAILABLE] Temporary authentication failure.", "auth.unavailable"),
        ("Service temporarily unavailable", "auth.unavailable"),
        ("[AUTHENTICATIONFAILED] Too many failures, try again later", "auth.limit"),
        ("[SERVERBUG] oops", "auth.unavailable"),
        ("Maximum number of connections from user+IP exceeded", "auth.limit"),
        ("[UNAVAILABLE] Maximum number of connections from user+IP exceeded", "auth.limit"),
        ("[authorizationfailed] x", "auth.not_authorized"),
        ("", "auth.bad_credentials"),
    ],
)
def test_imap_refusal(text: str, code: str) -> None:
    assert evidence.imap_refusal("NO", text).code == code
    assert evidence.imap_refusal("BAD", text).code == "proto.bad"


@pytest.mark.parametrize(
    ("code", "text", "cause"),
    [
        (535, "5.7.8 Error: authentication failed", "auth.bad_credentials"),
        (535, "5.7.3 Authentication unsuccessful", "auth.bad_credentials"),
        (535, "", "auth.bad_credentials"),
        (
            535,
            "5.7.8 Error: authentication failed: Connection lost to authentication",
            "auth.unavailable",
        ),
        (535, "5.7.0 too many failed logins", "auth.limit"),
        (535, "5.7.139 Authentication unsuccessful, basic authentication is disabled.", "auth.method_off"),
        (534, "5.7.9 Application-specific password required", "auth.app_password_required"),
        (534, "5.7.9 no", "auth.method_off"),
        (534, "5.7.9 mechanism too weak", "auth.method_off"),
        (534, "5.7.9 Please log in with your web browser and then try again.", "auth.web_login"),
        (550, "5.7.30 Basic authentication is not supported for Client Submission.", "auth.method_off"),
        (550, "5.7.30 no", "auth.method_off"),
        (550, "User has no permission", "auth.access_off"),
        (550, "5.7.1 Please check your mail first (POP before SMTP)", "auth.refused"),
        (534, "5.7.14 no", "auth.web_login"),
        (525, "5.7.13 account disabled", "auth.contact_admin"),
        (530, "5.7.0 Must issue a STARTTLS command first", "auth.privacy_required"),
        (432, "4.7.12 A password transition is needed", "auth.transition"),
        (432, "A password transition is needed", "auth.transition"),
        (432, "4.7.1 Concurrent connections limit exceeded", "auth.limit"),
        (432, "4.3.2 mailbox server is offline", "auth.unavailable"),
        (450, "4.7.1 slow down", "auth.limit"),
        (451, "Authentication failed: Maximum credits exceeded", "auth.limit"),
        (535, "Authentication failed: Maximum credits exceeded", "auth.limit"),
        (554, "5.7.1 login failed", "auth.bad_credentials"),
        (554, "5.7.1 blocked by policy", "auth.refused"),
        (504, "5.5.4 unrecognised mechanism", "proto.bad"),
        (250, "what", "proto.garbled"),
    ],
)
def test_smtp_refusal(code: int, text: str, cause: str) -> None:
    assert evidence.smtp_refusal(code, text).code == cause


def outcome(service: Literal["imap", "smtp"], code: str, user: str = "jane") -> CheckResult:
    return CheckResult(
        service=service,
        host=f"{service}.example",
        port=1,
        user=user,
        ok=code in ("ok", "greet.slow"),
        code=code,
        message="the servers words",
        next="copy it again",
        seconds=0.5,
    )


@pytest.mark.parametrize("blamed", ["auth.bad_credentials", "auth.account_password", "auth.password_mangled"])
@pytest.mark.parametrize("accepted", ["ok", "greet.slow", "box.no_inbox"])
def test_a_password_that_the_other_server_accepts_is_not_blamed(blamed: str, accepted: str) -> None:
    imap, smtp = outcome("imap", accepted, "jane"), outcome("smtp", blamed, "Jane D")
    both = compare({"imap": imap, "smtp": smtp})
    assert both["imap"] == imap
    assert (both["smtp"].code, both["smtp"].ok, exit_code(both["smtp"].code)) == ("auth.username", False, 3)
    assert both["smtp"].message.startswith("smtp.example does not accept the user name Jane D;")
    assert "imap.example (as jane) accepts it" in both["smtp"].message
    assert "--smtp-login USER." in both["smtp"].next
    assert both["smtp"].seconds == smtp.seconds

    if accepted != "box.no_inbox":
        both = compare({"imap": outcome("imap", blamed, "jane"), "smtp": outcome("smtp", accepted, "Jane D")})
        assert both["imap"].code == "auth.username"
        assert "--login USER --smtp-login 'Jane D'." in both["imap"].next


@pytest.mark.parametrize(
    ("refused", "accepted", "tried", "code"),
    [
        ("jane", "jane@x.example", (), "auth.username_full"),
        ("jane@x.example", "jane", (), "auth.username_local"),
        ("jane", "joe@x.example", (), "auth.username"),
    ],
)
def test_the_form_that_the_other_server_takes(
    refused: str, accepted: str, tried: tuple[str, ...], code: str
) -> None:
    result = replace(outcome("imap", "auth.bad_credentials", refused), tried=tried)
    both = compare({"imap": result, "smtp": outcome("smtp", "ok", accepted)})
    assert both["imap"].code == code
    assert accepted in both["imap"].message
    assert both["imap"].next.endswith(
        "--login USER --smtp-login " + accepted + "." if code == "auth.username" else f"--login {accepted}."
    )
    assert exit_code(code) == 3


@pytest.mark.parametrize(
    ("accepted", "tried"), [("jane", ("jane",)), ("jane@x.example", ("jane", "jane@x.example"))]
)
def test_a_name_that_the_other_server_takes_is_not_blamed_either(
    accepted: str, tried: tuple[str, ...]
) -> None:
    result = replace(outcome("imap", "auth.bad_credentials"), tried=tried)
    both = compare({"imap": result, "smtp": outcome("smtp", "ok", accepted)})["imap"]
    assert (both.code, both.confidence, both.next) == ("auth.bad_credentials", "likely", result.next)
    assert both.message.startswith(
        "the servers words. smtp.example accepts both, so IMAP may be switched off"
    )
    mangled = compare(
        {"imap": replace(result, code="auth.password_mangled"), "smtp": outcome("smtp", "ok", accepted)}
    )["imap"]
    assert mangled.code == "auth.bad_credentials"
    assert "make a new one" in mangled.next
    assert "does not accept this user name and password. smtp.example accepts" in mangled.message


@pytest.mark.parametrize("smtp", ["auth.bad_credentials", "auth.unavailable", "net.refused"])
@pytest.mark.parametrize("imap", ["auth.bad_credentials", "auth.limit", "proto.dropped"])
def test_without_an_accepted_login_results_stay_as_they_are(imap: str, smtp: str) -> None:
    results = {"imap": outcome("imap", imap), "smtp": outcome("smtp", smtp)}
    assert compare(results) == results


@pytest.mark.parametrize(
    "code", ["auth.unavailable", "auth.method_off", "auth.app_password_required", "net.dns"]
)
def test_other_faults_are_not_blamed_on_the_user_name(code: str) -> None:
    results = {"imap": outcome("imap", "ok"), "smtp": outcome("smtp", code)}
    assert compare(results) == results
    assert compare({"smtp": results["smtp"]}) == {"smtp": results["smtp"]}


@given(st.integers(400, 499), st.text(max_size=60))
def test_a_temporary_smtp_reply_never_blames_the_password(code: int, text: str) -> None:
    assert evidence.smtp_refusal(code, text).code != "auth.bad_credentials"


@pytest.mark.parametrize(
    ("code", "text", "cause"),
    [  # Proton Mail Bridge, maddy and whatever else stands on go-smtp answer a wrong password so
        (454, "4.7.0 invalid username or password", "auth.bad_credentials"),
        (454, "4.7.0 Invalid credentials", "auth.bad_credentials"),
        (454, "4.7.0 no such user", "auth.bad_credentials"),
        (454, "4.7.0 bad username or password", "auth.bad_credentials"),
        (454, "4.7.0 Authentication failed", "auth.unavailable"),
        (454, "4.7.0 Temporary authentication failure, check your password", "auth.unavailable"),
        (454, "4.7.0 Invalid credentials, try again later", "auth.unavailable"),
        (454, "4.7.0 Invalid credentials, too many connections", "auth.limit"),
        (421, "4.7.0 Invalid credentials", "proto.bye"),
    ],
)
def test_a_temporary_smtp_reply_blames_the_password_only_in_plain_words(
    code: int, text: str, cause: str
) -> None:
    fault = evidence.smtp_refusal(code, text)
    assert fault.code == cause
    assert fault.confidence == "likely" or cause in ("auth.unavailable", "proto.bye")


PUBLIC, COMPANY, SCANNER = "Let's Encrypt, R11", "Example Company CA", "ESET, ESET SSL Filter CA"


@pytest.mark.parametrize(
    ("verify_code", "issuer", "cause"),
    [
        (9, PUBLIC, "not_yet_valid"),
        (10, PUBLIC, "expired"),
        (62, PUBLIC, "wrong_host"),
        (64, PUBLIC, "wrong_host"),
        (18, "localhost", "self_signed"),
        (18, "mitmproxy", "intercepted"),
        (19, COMPANY, "unknown_ca"),
        (20, COMPANY, "unknown_ca"),
        (20, PUBLIC, "incomplete_chain"),
        (21, PUBLIC, "incomplete_chain"),
        (19, SCANNER, "intercepted"),
        (20, "Resettlement Ltd", "unknown_ca"),
        (66, PUBLIC, "weak"),
        (85, PUBLIC, "invalid"),
    ],
)
def test_certificate_faults(verify_code: int, issuer: str, cause: str) -> None:
    shown = Shown(issuer, "a.example, b.example", "2031-01-02", "2032-03-04")
    assert certificate_fault(verify_code, "text", shown).code == "tls.cert_" + cause
    assert certificate_fault(verify_code, "text", None).code.startswith("tls.cert_")
    if cause in ("not_yet_valid", "expired"):
        date = certificate_fault(verify_code, "text", shown).facts["date"]
        assert date == ("2031-01-02" if cause == "not_yet_valid" else "2032-03-04")


@pytest.mark.parametrize(
    ("reason", "code", "alert"),
    [
        ("TLSV1_ALERT_PROTOCOL_VERSION", "tls.too_old", None),
        ("UNSUPPORTED_PROTOCOL", "tls.too_old", None),
        ("LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED", "tls.too_old", None),
        ("SSLV3_ALERT_HANDSHAKE_FAILURE", "tls.alert", "handshake failure"),
        ("TLSV1_UNRECOGNIZED_NAME", "tls.alert", "unrecognized name"),
        ("DH_KEY_TOO_SMALL", "tls.failed", "dh key too small"),
        ("", "tls.failed", "no reason given"),
    ],
)
def test_handshake_faults(reason: str, code: str, alert: str | None) -> None:
    fault = evidence.handshake_fault(reason)
    assert fault.code == code
    assert alert is None or fault.facts["alert"] == alert


@pytest.mark.parametrize(
    ("lines", "valid"),
    [
        ([b"250 x\r\n"], True),
        ([b"250-x\r\n", b"250 y\r\n"], True),
        ([b"250\r\n"], True),
        ([b"250-x\r\n", b"550 y\r\n"], False),
        ([b"250 x\r\n", b"250 y\r\n"], False),
        ([b"2x0 x\r\n"], False),
        ([b"250x\r\n"], False),
        ([b"250 \0\r\n"], False),
        ([], False),
    ],
)
def test_smtp_replies(lines: list[bytes], valid: bool) -> None:
    assert evidence.smtp_reply_valid(lines) is valid


@given(st.binary(min_size=1, max_size=80))
def test_any_first_line_is_judged(line: bytes) -> None:
    for wanted in ("IMAP", "SMTP"):
        fault = evidence.greeting(wanted, line)
        assert fault is None or fault.code in CAUSES
        assert evidence.clear_text(wanted, line).code in CAUSES


@pytest.mark.parametrize(
    ("password", "rule", "kind", "why"),
    [
        ("abcd-efgh-ijkl-mnop", APPLE, "fits", ""),
        ("abcdefghijklmnop", APPLE, "mangled", "its dashes are missing"),
        ("abcd efgh ijkl mnop", APPLE, "mangled", "its dashes are missing"),
        ("abcd efgh ijkl mnop", COMPACT, "fits", ""),
        ("abcd-efgh-ijkl-mnop", COMPACT, "fits", ""),
        ("abcd–efgh—ijkl‑mnop", APPLE, "mangled", "dashes"),
        ("ABCD-EFGH-IJKL-MNOP", APPLE, "mangled", "capital"),
        ("Abcd-efgh-ijkl-mnop", APPLE, "mangled", "capital"),
        ("“abcd-efgh-ijkl-mnop”", APPLE, "mangled", "quotes"),
        ("abcd-efgh-ijkl-mnop.", APPLE, "mangled", "punctuation"),
        ("abcd-efgh\u200b-ijkl-mnop", APPLE, "mangled", "invisible"),
        ("abcd-efgh-ijkl-mno", APPLE, "mangled", "missing"),
        ("abcd-efgh-ijkl-mnopq", APPLE, "mangled", "too many"),
        ("Summer2024!", APPLE, "other", ""),
        ("correct-horse", APPLE, "other", ""),
        ("abcdefghijklmno", APPLE, "other", ""),
        ("abcd-efgh-ijkl-mno1", APPLE, "other", ""),
        ("", APPLE, "other", ""),
    ],
)
def test_the_shape_of_a_password(password: str, rule: AppPassword, kind: str, why: str) -> None:
    shape = shape_of(Secret(password), rule)
    assert shape.kind == kind
    assert why in shape.why


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Request is throttled. Suggested Backoff Time: 299961 milliseconds", "5 minutes"),
        ("[LIMIT] try again in 30 seconds.", "30 seconds"),
        ("421 4.7.0 too many failures, wait 1 minute", "60 seconds"),
        ("locked for 90 min", "90 minutes"),
        ("Retry after 3600s", "60 minutes"),
        ("blocked for the next 24 hours", "24 hours"),
        ("please wait at least 3 days", "3 days"),
        ("in 1 second", "1 second"),
        ("too many connections (10) from 203.0.113.7", ""),
        ("in 0 seconds", ""),
        ("421 try again later", ""),
        ("after 5 mistakes", ""),
    ],
)
def test_how_long_to_wait(text: str, told: str) -> None:
    assert waiting.told(text) == told
    _, step = explain("auth.limit", {"text": text}, host="h", port=1)
    assert (f"wait {told}," if told else "does not say how long") in step
    assert (
        f"Wait {told or 'some minutes'} and try" in explain("proto.bye", {"text": text}, host="h", port=1)[1]
    )


@pytest.mark.parametrize(
    ("words", "other_programs"),
    [
        ("Too many failed logins", False),
        ("Too many invalid login attempts. Try again in 15 minutes.", False),
        ("[LIMIT] Too many login attempts", False),
        ("[ALERT] Too many simultaneous connections", True),
        ("[LIMIT] slow down", True),
    ],
)
def test_other_programs_are_not_closed_because_of_wrong_passwords(words: str, other_programs: bool) -> None:
    faults = [evidence.imap_refusal("NO", words), evidence.imap_bye(words, "login")]
    if "[" not in words:
        faults += [evidence.smtp_refusal(535, words), evidence.smtp_refusal(421, words)]
    for fault in faults:
        assert (fault.code, fault.confidence) in (("auth.limit", "likely"), ("auth.limit", "certain"))
        step = explain(fault.code, fault.facts, host="h", port=1, step=fault.next)[1]
        assert ("Close other mail programs" in step) is other_programs
        assert ("each wrong password" in step) is not other_programs
        assert ("ait 15 minutes" in step) is ("15 minutes" in words)


@pytest.mark.parametrize("stage", ["greeting", "hello", "login", "mailboxes", "send", "find"])
def test_wrong_passwords_are_a_reason_to_hang_up_only_during_the_login(stage: Stage) -> None:
    fault = evidence.trouble("dropped", stage, heard=True)
    message, step = explain(fault.code, fault.facts, host="h", port=1, step=fault.next)
    assert message.startswith("h closed the connection")
    assert ("repeated wrong logins" in step) is (stage == "login")


@pytest.mark.parametrize("code", ["auth.unavailable", "box.unavailable", "greet.busy"])
def test_a_server_that_is_down_is_waited_for_less(code: str) -> None:
    assert "Wait some minutes and" in explain(code, {"text": "sorry"}, host="h", port=1)[1]
    assert "Wait 2 hours and" in explain(code, {"text": "back in 2 hours"}, host="h", port=1)[1]


@given(st.text(max_size=40))
def test_the_shape_of_any_password(password: str) -> None:
    shape_of(Secret(password), APPLE)


@given(st.text(max_size=400), st.text(min_size=3, max_size=20))
def test_a_servers_words_are_harmless(text: str, password: str) -> None:
    words = clean(text + password + text, Pieces([Secret(password)]))
    assert words.isprintable()
    assert len(words) <= MAX_TEXT
    assert "\n" not in words


@pytest.mark.parametrize("code", CAUSES)
def test_every_cause_reads_as_a_sentence(code: str) -> None:
    message, step = explain(code, {}, host="mail.example", port=993)
    assert message[0].isupper() or message.startswith("mail.example")
    assert not re.search(r"[{}]", message + step)
    assert bool(step) is (code not in ("ok", "send.arrived"))
    assert exit_code(code) in (0, 1, 3, 4)
    assert exit_code(code) != 3 or code.startswith("auth.")
    harmless = {"ok", "greet.slow", "box.nearly_full", "send.arrived", "send.in_junk", "send.saves_sent"}
    harmless |= {"send.saves_none", "send.left_flagged", "send.not_deleted", "send.out_of_sight"}
    assert (exit_code(code) == 0) is (code in harmless)


def test_every_code_in_the_source_has_a_sentence() -> None:
    source = "".join(path.read_text("utf-8") for path in Path(evidence.__file__).parent.glob("*.py"))
    # `code=` is an exception's own: nothing was tried then.
    named = set(re.findall(r'(?<!code=)"((?:net|greet|tls|starttls|auth|proto|box|send)\.[a-z_]+)"', source))
    assert named <= CAUSES.keys()


def test_braces_of_a_server_are_only_text() -> None:
    message, _ = explain("greet.bye", {"text": "{host.__class__} {0}"}, host="h", port=1)
    assert message.endswith("{host.__class__} {0}")


def test_every_form_of_the_password_is_masked() -> None:
    secret = Secret('pass"  word')
    for form in secret.forms("jane"):
        message, _ = explain(
            "auth.refused",
            {"text": f"you sent {form.reveal()}!"},
            host="h",
            port=1,
            secrets=secret.forms("jane"),
        )
        assert form.reveal() not in message
        assert "word" not in message


def test_a_very_long_answer_is_judged_by_its_beginning() -> None:
    """Quadratic patterns on 64 KiB held the interpreter, and with it Ctrl-C, for minutes."""
    for flood in ("use" * 21_000, "app" * 21_000, "temporar" * 8_000, "basic auth" * 6_000):
        assert evidence.imap_refusal("NO", flood).code == "auth.bad_credentials"
        assert evidence.smtp_refusal(535, flood).code == "auth.bad_credentials"
        assert evidence.imap_bye(flood, "login").code == "proto.bye"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Account locked", "auth.contact_admin"),
        ("account disabled", "auth.contact_admin"),
        ("your account has been suspended", "auth.contact_admin"),
        ("IMAP access is disabled for your account", "auth.access_off"),
        ("User not enabled for IMAP", "auth.access_off"),
        ("Your account is not enabled for IMAP use. Please visit your settings", "auth.access_off"),
        ("This user does not have access rights to this service", "auth.access_off"),
        ("5.7.1 SMTP access denied for this user", "auth.access_off"),
        ("Your IP 1.2.3.4 has been blacklisted", "auth.refused"),
        ("Access denied from your location", "auth.refused"),
        ("two-step verification must be enabled", "auth.refused"),
        ("please enable 2FA", "auth.refused"),
        ("accept the new terms of service", "auth.refused"),
        ("Mailbox quota exceeded", "auth.refused"),
        ("Please verify your account by phone", "auth.refused"),
        ("Server is under maintenance", "auth.unavailable"),
        ("Server overloaded", "auth.unavailable"),
        ("server busy", "auth.unavailable"),
        ("Database connection error", "auth.unavailable"),
        ("Password expired", "auth.expired"),
        ("Your password must be changed", "auth.expired"),
        ("Please use TLS", "auth.privacy_required"),
        ("Password authentication is disabled; use OAuth2", "auth.method_off"),
        ("Basic authentication is not supported", "auth.method_off"),
        ("Password login has been disabled for your organisation", "auth.method_off"),
        ("Basic auth is no longer allowed", "auth.method_off"),
        ("This account requires modern authentication", "auth.method_off"),
        ("mechanism too weak for this user", "auth.method_off"),
        ("Please enable IMAP in your account settings", "auth.access_off"),
        ("IMAP and POP3 are not activated", "auth.access_off"),
        ("IMAP is only available to paying customers", "auth.access_off"),
        ("Your account has not enabled SMTP AUTH", "auth.access_off"),
        ("You are yet to enable IMAP for your account", "auth.access_off"),
        ("Account not activated. Subscribe to premium for IMAP", "auth.access_off"),
        ("POP3/IMAP disabled", "auth.access_off"),
        ("IMAP login is disabled for this user", "auth.access_off"),
        ("SMTP AUTH has been turned off", "auth.access_off"),
        ("IMAP access is not available for your plan", "auth.access_off"),
        ("You need to switch on IMAP first", "auth.access_off"),
        ("Das Passwort ist falsch. Bitte aktivieren Sie IMAP", "auth.access_off"),
        ("Mail client access has been deactivated", "auth.access_off"),
        (
            "Login fail. Account is abnormal, service is not open, password is incorrect, login frequency "
            "limited, or system is busy. More information at https://help.mail.qq.com",
            "auth.access_off",
        ),
        ("Login fail. Please using authorization code to login.", "auth.app_password_required"),
        ("A TOTP code is required to authenticate", "auth.app_password_required"),
        ("Bitte verwenden Sie ein App-Passwort", "auth.app_password_required"),
        ("Missing TOTP token, try with 'secret$totp_token'.", "auth.app_password_required"),
        ("Incorrect username or password. Only OAuth or app passwords work", "auth.app_password_required"),
        ("Basic authentication is disabled, invalid credentials", "auth.method_off"),
        ("Please accept EULA first. For more info see https://ya.example/", "auth.refused"),
        ("Sign in in the web interface and accept the terms", "auth.refused"),
        ("IMAP service is not available for this account", "auth.access_off"),
        ("LOGIN IMAP service not open", "auth.access_off"),
        ("POP3/IMAP Zugriff ist nicht aktiviert", "auth.access_off"),
        ("Server(s) unavailable to complete operation", "auth.unavailable"),
        ("System error", "auth.unavailable"),
        ("LOGIN Server error", "auth.unavailable"),
        ("Internal login failure. Refer to server log for more information.", "auth.unavailable"),
        ("LDAP server down", "auth.unavailable"),
        ("Timeout contacting authentication backend", "auth.unavailable"),
        ("Lookup failed d17mb12", "auth.unavailable"),
        ("Database timeout", "auth.unavailable"),
        ("Authentication server timed out", "auth.unavailable"),
        ("IMAP service is currently not available", "auth.unavailable"),
        ("Could not connect to the authentication server", "auth.unavailable"),
        ("remote authentication server unavailable", "auth.unavailable"),
        ("authentication failed: generic failure", "auth.unavailable"),
        ("Temporary problem, please come back", "auth.unavailable"),
        ("Login failed: user lookup failed", "auth.bad_credentials"),
        ("POP before SMTP required; check your mail first", "auth.refused"),
        ("Please check your mail first (POP-before-SMTP)", "auth.refused"),
        ("IP address blocked, fail2ban", "auth.refused"),
        ("The login is invalid: your IP address is not whitelisted", "auth.refused"),
        ("Logins from your country are not allowed", "auth.refused"),
        ("Access from your network is not permitted", "auth.refused"),
        ("Your IP has been blocked due to too many failed logins", "auth.limit"),
        ("Maximum login attempts reached", "auth.limit"),
        ("Connection limit reached", "auth.limit"),
        ("authentication failed: no mechanism available", "auth.method_broken"),
        ("Unsupported authentication mechanism", "auth.method_broken"),
        ("user exists, but no verifier for user", "auth.method_broken"),
        ("Plain authentication disallowed on this connection", "auth.privacy_required"),
        ("cleartext logins disabled", "auth.privacy_required"),
        ("Plaintext authentication disabled", "auth.privacy_required"),
        ("Login only available under a layer", "auth.privacy_required"),
        ("A SSL/TLS-connection is required for authentication", "auth.privacy_required"),
        ("A TLS client certificate is required", "auth.bad_credentials"),
        ("Please enable 2FA to use IMAP", "auth.refused"),
        ("account under evaluation", "auth.refused"),
        ("Mailbox is inactive; sign in to reactivate", "auth.web_login"),
        ("User account frozen", "auth.contact_admin"),
        ("User disabled", "auth.contact_admin"),
        ("Login is disabled for this account", "auth.contact_admin"),
        ("You must change your password", "auth.expired"),
        ("passphrase expired, has to be reset", "auth.expired"),
        ("One time use of a plaintext password will enable requested mechanism", "auth.transition"),
        ("User is authenticated but not connected.", "auth.not_authorized"),
        ("POP/IMAP access isn't enabled", "auth.access_off"),
        ("Sorry, IMAP isn't available on the free plan", "auth.access_off"),
        ("You are not authorized to use IMAP", "auth.access_off"),
        ("Invalid login or password. Note: IMAP must be enabled", "auth.access_off"),
        ("This service is available to paying members only", "auth.access_off"),
        ("SMTP authentication is not allowed from this network", "auth.refused"),
        ("Login denied because of suspicious activity", "auth.web_login"),
        ("Please complete the captcha at https://x.example", "auth.web_login"),
        ("This account has been migrated to a new server", "auth.elsewhere"),
        ("User login disabled", "auth.contact_admin"),
        ("account is not active", "auth.contact_admin"),
        # What must not be taken for any of these
        ("Incorrect username or password. Did you forget to use OAuth", "auth.bad_credentials"),
        ("Incorrect username or password - Please try again later", "auth.bad_credentials"),
        ("Login incorrect. Please try again later", "auth.bad_credentials"),
        (
            "Invalid login or password. Too many failed attempts will lock your account",
            "auth.bad_credentials",
        ),
        ("Wrong password. Too many attempts may lock your account", "auth.bad_credentials"),
        ("Invalid login or password. Reset it in your web browser", "auth.bad_credentials"),
        ("Login failed. Check your user name and password and use SSL.", "auth.bad_credentials"),
        ("Authentication failed. See https://help.example.com/imap-disabled", "auth.bad_credentials"),
        ("Authentication failed. See help.example.com/use-ssl-required", "auth.bad_credentials"),
        (
            "Invalid password; your account will be locked after 3 more failed attempts",
            "auth.bad_credentials",
        ),
        ("1 attempt left before your account is locked", "auth.bad_credentials"),
        ("Invalid credentials: check that your account is not suspended", "auth.bad_credentials"),
        ("the IMAP server cannot log you in: bad password", "auth.bad_credentials"),
        ("Username and password do not match (imap)", "auth.bad_credentials"),
        ("Bad password, contact the administrator if the problem persists", "auth.bad_credentials"),
        ("wrong password, use the password of your mailbox", "auth.bad_credentials"),
        ("Scheduled maintenance on Sunday. Invalid password", "auth.bad_credentials"),
        ("imap.example.com: user or password wrong", "auth.bad_credentials"),
        ("smtp.example.com: account suspended", "auth.contact_admin"),
        ("Invalid login. Need help? https://example.com/imap", "auth.bad_credentials"),
        ("Wrong password. See our page about IMAP and TLS", "auth.bad_credentials"),
        ("The user name or password is incorrect. Verify that CAPS LOCK is not on", "auth.bad_credentials"),
        ("another step is needed in authentication", "auth.bad_credentials"),
        ("user not found", "auth.bad_credentials"),
        ("STATUS_LOGON_FAILURE", "auth.bad_credentials"),
        ("Access denied", "auth.bad_credentials"),
        ("IMAP login failed: account blocked", "auth.contact_admin"),
        ("IMAP login failed: account disabled", "auth.contact_admin"),
        ("Access denied. Account blocked", "auth.contact_admin"),
        ("Access denied: invalid password for this address", "auth.bad_credentials"),
        ("Authentication failed", "auth.bad_credentials"),
        ("LOGIN Invalid credentials", "auth.bad_credentials"),
        ("Incorrect username, password or access token", "auth.bad_credentials"),
        ("Username and Password not accepted. Learn more at", "auth.bad_credentials"),
        ("Authentication unsuccessful, the user credentials were incorrect", "auth.bad_credentials"),
    ],
)
def test_what_is_not_the_password_is_not_blamed_on_it(words: str, code: str) -> None:
    assert evidence.imap_refusal("NO", words, "").code == code
    assert evidence.imap_refusal("NO", f"[AUTHENTICATIONFAILED] {words}", "").code == code
    assert evidence.smtp_refusal(535, words).code == code
    assert evidence.smtp_refusal(535, f"5.7.8 {words}").code == code


def test_an_app_password_beside_a_plain_blame_is_only_likely() -> None:
    said = "Incorrect username or password. Note: this requires an app password when two-factor is on"
    assert evidence.smtp_refusal(535, said).confidence == "likely"
    assert evidence.smtp_refusal(535, "5.7.8 This requires an app password").confidence == "certain"


def test_the_code_of_microsoft_for_more_than_one_cause() -> None:
    said = "5.7.139 Authentication unsuccessful, the user credentials were incorrect."
    assert evidence.smtp_refusal(535, said).code == "auth.bad_credentials"
