"""The login check against servers that fail, over real sockets: the cause is named, the password is safe."""

from __future__ import annotations

import base64
import os
import socket
import ssl
import time
import tracemalloc
from pathlib import Path
from typing import Literal

import pytest

from provisioner.check import (
    Conditions,
    Target,
    Timeouts,
    attempt,
    check_login,
    check_service,
    exit_code,
    make_context,
)
from provisioner.check.attempt import Session
from provisioner.check.imap import ImapSession
from provisioner.check.reach import connect
from provisioner.check.smtp import SmtpSession
from provisioner.errors import UsageError
from provisioner.model import AppPassword, MailboxNames, PasswordForm, Security, Use
from provisioner.outcome import CheckResult
from provisioner.secret import Secret
from tests.servers import (
    HOST,
    PASSWORD,
    USER,
    Answer,
    Scenario,
    Server,
    Service,
    Talk,
    authority,
    both,
    client_context,
    close,
    drip,
    forever,
    full_backlog,
    half_close,
    hang,
    reset,
)

QUICK = Timeouts(connect=2, greeting=0.6, reply=0.6, total=4)

HINTS = AppPassword(
    term="app-specific password",
    spaces_are_decoration=True,
    form=PasswordForm(
        pattern="[a-z]{4}-[a-z]{4}-[a-z]{4}-[a-z]{4}",
        displayed_as="four groups of four small letters",
        example="abcd-efgh-ijkl-mnop",
    ),
)


def imap(name: str, code: str, sent: bool = False, says: str = "", **answers: object) -> Scenario:
    return Scenario("imap-" + name, "imap", "tls", code, answers, sent=sent, says=says)  # type: ignore[arg-type]


def smtp(name: str, code: str, sent: bool = False, says: str = "", **answers: object) -> Scenario:
    return Scenario("smtp-" + name, "smtp", "starttls", code, answers, sent=sent, says=says)  # type: ignore[arg-type]


def imap_login(name: str, code: str, answer: object, says: str = "") -> Scenario:
    return imap("login-" + name, code, sent=True, says=says, AUTHENTICATE=answer)


def smtp_login(name: str, code: str, answer: object, says: str = "") -> Scenario:
    return smtp("login-" + name, code, sent=True, says=says, AUTH=answer)


def plain_imap(name: str, code: str, says: str = "", **answers: object) -> Scenario:
    return Scenario("imap-starttls-" + name, "imap", "starttls", code, answers, says=says)  # type: ignore[arg-type]


def inside(secure: str, clear: str) -> object:
    """One answer inside TLS, another one in clear."""
    return lambda talk: talk.send((secure if talk.tls else clear).replace("{tag}", talk.tag))


NO = "{tag} NO "

SCENARIOS = [
    # Greeting
    imap("silent", "greet.timeout", GREETING=hang),
    smtp("silent", "greet.timeout", GREETING=hang),
    imap("dropped", "greet.dropped", GREETING=close),
    smtp("dropped", "greet.dropped", GREETING=close),
    smtp("reset", "greet.dropped", GREETING=reset),
    imap("bye", "greet.bye", says="too many", GREETING="* BYE too many connections\r\n"),
    smtp("busy", "greet.busy", says="try later", GREETING="421 4.3.2 try later\r\n"),
    smtp(
        "rejected",
        "greet.rejected",
        says="554-no your address is listed",
        GREETING="554-no\r\n554 your address is listed\r\n",
    ),
    imap("http", "greet.not_mail", says="web server", GREETING="HTTP/1.1 400 Bad Request\r\n"),
    smtp("ssh", "greet.not_mail", says="SSH", GREETING="SSH-2.0-OpenSSH_9.2\r\n"),
    smtp("ftp", "greet.not_mail", says="FTP", GREETING="220 ProFTPD Server\r\n"),
    smtp("garbage", "greet.not_mail", says="hello", GREETING="hello there\r\n"),
    imap("smtp-greeting", "greet.wrong_protocol", says="SMTP", GREETING="220 mail.example ESMTP\r\n"),
    imap("pop3-greeting", "greet.wrong_protocol", says="POP3", GREETING="+OK POP3 ready\r\n"),
    smtp("imap-greeting", "greet.wrong_protocol", says="IMAP", GREETING="* OK IMAP4 ready\r\n"),
    imap("preauth", "greet.preauth", says="It says: hello", GREETING="* PREAUTH hello\r\n"),
    imap("greeting-drips", "proto.stalled", GREETING=drip("* OK " + "x" * 500)),
    smtp("greeting-drips", "proto.stalled", GREETING=drip("220-" + "x" * 500)),
    imap("greeting-endless", "proto.too_long", GREETING=(b"* OK ", forever(b"x"))),
    smtp("greeting-endless", "proto.too_long", GREETING=forever(b"220-x\r\n")),
    imap("greeting-nul", "proto.garbled", GREETING=b"* OK \0\0\r\n"),
    smtp("greeting-nul", "proto.garbled", GREETING=b"220 a\0b\r\n"),
    smtp("greeting-half", "proto.dropped", GREETING=("220-mail", close)),
    # TLS
    Scenario("imap-plain-on-tls-port", "imap", "tls", "tls.plaintext_on_tls_port", implicit=False),
    Scenario("smtp-plain-on-tls-port", "smtp", "tls", "tls.plaintext_on_tls_port", implicit=False),
    Scenario(
        "imap-http-on-tls-port",
        "imap",
        "tls",
        "greet.not_mail",
        {"GREETING": (Talk.receive, "HTTP/1.1 400 Bad Request\r\n\r\n", close)},
        implicit=False,
    ),
    Scenario(
        "imap-smtp-on-tls-port",
        "imap",
        "tls",
        "greet.wrong_protocol",
        {"GREETING": "220 mail.example\r\n"},
        implicit=False,
    ),
    Scenario("imap-silent-on-tls-port", "imap", "tls", "greet.timeout", {"GREETING": hang}, implicit=False),
    Scenario(
        "imap-tls-aborted", "imap", "tls", "tls.aborted", {"GREETING": (Talk.receive, reset)}, implicit=False
    ),
    Scenario("smtp-tls-on-plain-port", "smtp", "starttls", "tls.tls_on_plain_port", implicit=True),
    Scenario("imap-tls-on-plain-port", "imap", "starttls", "tls.tls_on_plain_port", implicit=True),
    Scenario(
        "imap-alert-on-plain-port",
        "imap",
        "starttls",
        "tls.tls_on_plain_port",
        {"GREETING": (b"\x15\x03\x01\x00\x02\x02\x28\n", close)},
    ),
    Scenario(
        "imap-tls-alert",
        "imap",
        "tls",
        "tls.alert",
        {"GREETING": (Talk.receive, b"\x15\x03\x03\x00\x02\x02\x70", hang)},
        implicit=False,
        says="unrecognized name",
    ),
    *both("cert-expired", "tls.cert_expired", "expired"),
    *both("cert-future", "tls.cert_not_yet_valid", "future"),
    *both("cert-other-host", "tls.cert_wrong_host", "other-host"),
    *both("cert-unknown-ca", "tls.cert_unknown_ca", "unknown-ca"),
    *both("cert-intercepted", "tls.cert_intercepted", "intercepted"),
    *both("cert-incomplete-chain", "tls.cert_incomplete_chain", "incomplete"),
    *both("cert-unknown-root", "tls.cert_unknown_ca", "unknown-but-complete"),
    *both("cert-self-signed", "tls.cert_self_signed", "self-signed"),
    *both("tls1.1", "tls.too_old", "tls1.1"),
    *both("no-common-cipher", "tls.alert", "no-common-cipher"),
    # STARTTLS
    plain_imap("absent", "starttls.not_offered", GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n"),
    plain_imap("refused", "starttls.refused", STARTTLS="{tag} NO not now\r\n"),
    plain_imap(
        "injected",
        "starttls.injected",
        STARTTLS=("{tag} OK go\r\n* CAPABILITY IMAP4rev1\r\n", Talk.start_tls),
    ),
    plain_imap("preauth", "greet.preauth", GREETING="* PREAUTH hello\r\n"),
    plain_imap("bye", "proto.bye", says="not today", STARTTLS=("* BYE not today\r\n", close)),
    plain_imap(
        "bye-ok", "proto.bye", says="not today", STARTTLS=("* BYE not today\r\n{tag} OK go\r\n", close)
    ),
    plain_imap("dropped", "proto.dropped", STARTTLS=close),
    plain_imap("aborted", "tls.aborted", STARTTLS=("{tag} OK go\r\n", Talk.receive, close)),
    plain_imap("expired", "greet.bye", GREETING="* BYE not today\r\n"),
    smtp("starttls-absent", "starttls.not_offered", EHLO="250-mail.example\r\n250 AUTH PLAIN\r\n"),
    smtp(
        "starttls-stripped",
        "starttls.stripped",
        EHLO="250-mail.example\r\n250-XXXXXXXA\r\n250 AUTH PLAIN\r\n",
    ),
    smtp("starttls-refused", "starttls.refused", says="454", STARTTLS="454 4.7.0 TLS not available\r\n"),
    smtp("starttls-injected", "starttls.injected", STARTTLS=("220 go\r\n250 AUTH PLAIN\r\n", Talk.start_tls)),
    smtp(
        "starttls-injected-later",
        "starttls.injected",
        STARTTLS=("220 go\r\n", Talk.receive, "235 in\r\n", hang),
    ),
    smtp("ehlo-refused", "greet.rejected", EHLO="550 go away\r\n"),
    smtp(
        "ehlo-not-understood",
        "proto.bad",
        says="the greeting (EHLO); the password was not sent.",
        EHLO="501 5.5.2 Helo: Invalid name\r\n",
    ),
    smtp("ehlo-second-greeting", "proto.garbled", EHLO="220 mail.example ESMTP\r\n"),
    smtp("ehlo-bye", "proto.bye", says="221 2.0.0 closing", EHLO=("221 2.0.0 closing\r\n", close)),
    smtp("ehlo-busy", "greet.busy", EHLO="421 later\r\n"),
    smtp("ehlo-codes-differ", "proto.garbled", EHLO="250-mail.example\r\n550 STARTTLS\r\n"),
    smtp("ehlo-long-line", "proto.too_long", EHLO=forever(b"2")),
    # What the server offers
    imap(
        "login-disabled", "auth.disabled_plain", GREETING="* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] hi\r\n"
    ),
    imap(
        "oauth-only",
        "auth.bad_credentials",
        sent=True,
        says="no such",
        GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER] hi\r\n",
        LOGIN=NO + "no such\r\n",
    ),
    imap(
        "oauth-and-gssapi",
        "auth.method_off",
        sent=True,
        GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 AUTH=OAUTHBEARER AUTH=GSSAPI AUTH=NTLM] hi\r\n",
        LOGIN="{tag} BAD what?\r\n",
    ),
    imap(
        "oauth-without-login",
        "auth.no_common_method",
        says="XOAUTH2",
        GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 LOGINDISABLED] hi\r\n",
    ),
    imap(
        "gssapi-only",
        "auth.no_common_method",
        GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=GSSAPI LOGINDISABLED] hi\r\n",
    ),
    smtp("no-auth", "auth.none_offered", EHLO="250-mail.example\r\n250 STARTTLS\r\n"),
    smtp(
        "oauth-only", "auth.no_common_method", EHLO="250-mail.example\r\n250-STARTTLS\r\n250 AUTH XOAUTH2\r\n"
    ),
    imap("capability-silent", "proto.stalled", GREETING="* OK hi\r\n", CAPABILITY=hang),
    imap("capability-flood", "proto.too_long", GREETING="* OK hi\r\n", CAPABILITY=forever(b"* OK x\r\n")),
    # The login
    imap_login("rejected", "auth.bad_credentials", NO + "[AUTHENTICATIONFAILED] Authentication Failed\r\n"),
    imap_login("rejected-no-code", "auth.bad_credentials", NO + "authentication failed\r\n"),
    imap_login("rejected-and-dropped", "auth.bad_credentials", (NO + "[AUTHENTICATIONFAILED] no\r\n", close)),
    imap_login("not-authorized", "auth.not_authorized", NO + "[AUTHORIZATIONFAILED] no\r\n"),
    imap_login("expired", "auth.expired", NO + "[EXPIRED] no\r\n"),
    imap_login("privacy", "auth.privacy_required", NO + "[PRIVACYREQUIRED] no\r\n"),
    imap_login("admin", "auth.contact_admin", NO + "[CONTACTADMIN] blocked\r\n"),
    imap_login("unavailable", "auth.unavailable", NO + "[UNAVAILABLE] Unexpected exception\r\n"),
    imap_login("unavailable-text", "auth.unavailable", NO + "Service temporarily unavailable\r\n"),
    imap_login("limit", "auth.limit", NO + "[LIMIT] slow down\r\n"),
    imap(
        "login-throttled",
        "auth.limit",
        sent=True,
        AUTHENTICATE="{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n",
        LOGIN="{tag} BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds\r\n",
    ),
    imap_login("referral", "auth.elsewhere", NO + "[REFERRAL imap://b.example/] No such user, try b\r\n"),
    imap("referral-bye", "auth.elsewhere", sent=True, AUTHENTICATE="* BYE [REFERRAL imap://b/] b\r\n"),
    imap_login("in-use", "auth.in_use", NO + "[INUSE] locked\r\n"),
    imap_login(
        "app-password",
        "auth.app_password_required",
        NO + "[ALERT] Application-specific password required\r\n",
    ),
    imap_login(
        "web", "auth.web_login", ("* NO [WEBALERT https://x] Web login required.\r\n" + NO + "[ALERT] no\r\n")
    ),
    imap_login(
        "alert-before",
        "auth.app_password_required",
        "* OK [ALERT] Application-specific password required\r\n" + NO + "Invalid credentials\r\n",
        says="password required Invalid credentials",
    ),
    imap_login(
        "webalert-before",
        "auth.web_login",
        "* OK [WEBALERT https://x] Web login required.\r\n" + NO + "Invalid credentials\r\n",
    ),
    *(
        imap_login(
            f"announced-{number}", "auth.bad_credentials", f"{line}\r\n{NO}Login failed\r\n", says=line[5:]
        )
        for number, line in enumerate(
            f"* {status} [ALERT] {words}"
            for status, words in (
                ("OK", "From 1 January on you have to use OAuth2 or an app password with mail programs."),
                ("OK", "Basic authentication will be disabled on 1 December; use OAuth"),
                ("OK", "POP3 has been disabled on this server; IMAP stays."),
                ("OK", "Service maintenance Saturday 22:00-24:00"),
                ("OK", "Use webmail at https://webmail.example if your web browser is safe"),
                ("OK", "Beware of phishing: we never ask you to verify your account by e-mail"),
                ("OK", "Two-factor authentication must be enabled by 1 March"),
                ("OK", "Accounts of former students will be closed on 1 May"),
                ("NO", "IP addresses are logged, too many failures are blocked"),
            )
        )
    ),
    imap_login("bad-before", "auth.limit", "* BAD too many connections\r\n" + NO + "no\r\n", says="too many"),
    imap_login(
        "ok-before", "auth.bad_credentials", "* OK too many people like mail\r\n" + NO + "no\r\n", says="no"
    ),
    imap_login("too-often", "auth.limit", NO + "Too many invalid passwords, wait 15 minutes\r\n"),
    imap_login("method-off", "auth.method_off", NO + "Basic authentication is disabled.\r\n"),
    imap("login-bad", "proto.bad", sent=True, AUTHENTICATE="{tag} BAD what\r\n", LOGIN="{tag} BAD what\r\n"),
    imap(
        "login-cannot",
        "auth.method_broken",
        sent=True,
        AUTHENTICATE=NO + "[CANNOT] x\r\n",
        LOGIN=NO + "[CANNOT] x\r\n",
    ),
    imap_login("bye", "proto.bye", ("* BYE shutting down\r\n", close)),
    imap_login("bye-limit", "auth.limit", ("* BYE [LIMIT] too many\r\n", close)),
    imap_login("bye-hang", "proto.bye", ("* BYE shutting down\r\n", hang)),
    imap_login("dropped", "proto.dropped", close),
    imap_login("reset", "proto.dropped", reset),
    imap_login("half-close", "proto.dropped", half_close),
    imap_login("silent", "proto.stalled", hang),
    imap_login("drips", "proto.stalled", drip("* OK " + "x" * 500)),
    imap_login("long-line", "proto.too_long", (b"* OK ", b"x" * (1 << 20) + b"\r\n", hang)),
    imap_login("literal-bomb", "proto.too_long", (b"* X {4294967295}\r\n", forever(b"x"))),
    imap_login("literal-announced", "proto.too_long", (b"* X {2000000}\r\n", hang)),
    imap_login("literal-flood", "proto.too_long", forever(b"* X {1000}\r\n" + b"x" * 1000)),
    imap_login("untagged-flood", "proto.too_long", forever(b"* OK x\r\n")),
    imap_login("nul", "proto.garbled", b"* OK \0\r\n"),
    imap_login("wrong-tag", "proto.garbled", "ZZ OK welcome\r\n"),
    imap_login("no-tag", "proto.garbled", "OK welcome\r\n"),
    imap_login("asks-forever", "proto.garbled", forever(b"+ \r\n")),
    smtp_login("rejected", "auth.bad_credentials", "535 5.7.8 Error: authentication failed\r\n"),
    smtp_login(
        "rejected-lines", "auth.bad_credentials", "535-5.7.8 Username and\r\n535 5.7.8 Password no\r\n"
    ),
    imap_login(
        "imap-off", "auth.access_off", NO + "[AUTHENTICATIONFAILED] Please enable IMAP in your settings\r\n"
    ),
    imap_login("backend", "auth.unavailable", NO + "[AUTHENTICATIONFAILED] LDAP server down\r\n"),
    smtp_login("transition", "auth.transition", "432 4.7.12 A password transition is needed\r\n"),
    smtp_login("too-weak", "auth.method_off", "534 5.7.9 mechanism too weak\r\n"),
    smtp_login("pop-first", "auth.refused", "535 5.7.8 POP before SMTP required\r\n", says="POP before"),
    smtp_login("mechanism", "auth.method_broken", "535 5.7.8 failed: no mechanism available\r\n"),
    smtp_login("basic-off", "auth.method_off", "535 5.7.139 Authentication unsuccessful\r\n"),
    smtp_login(
        "app-password",
        "auth.app_password_required",
        "534-5.7.9 Application-specific\r\n534 5.7.9 password required\r\n",
    ),
    smtp_login("web", "auth.web_login", "534-5.7.14 Please log in via\r\n534 5.7.14 your web browser\r\n"),
    smtp_login("unavailable", "auth.unavailable", "454 4.7.0 Temporary authentication failure\r\n"),
    smtp_login("limit", "auth.limit", "421 4.7.0 Too many failed logins\r\n"),
    smtp_login("bye", "proto.bye", ("421 4.3.0 shutting down\r\n", close)),
    smtp_login("privacy", "auth.privacy_required", "538 5.7.11 more encryption\r\n"),
    smtp_login("required", "auth.required", "530 5.7.0 Authentication required\r\n"),
    smtp_login("bad", "proto.bad", "501 5.5.2 cannot decode\r\n"),
    smtp_login("refused", "auth.refused", "550 5.7.1 not on a Sunday\r\n", says="Sunday"),
    smtp_login("dropped", "proto.dropped", close),
    smtp_login("silent", "proto.stalled", hang),
    smtp_login("drips", "proto.stalled", drip("235" + "-" * 500)),
    smtp_login("flood", "proto.too_long", forever(b"235-x\r\n")),
    smtp_login("long-line", "proto.too_long", (b"235 ", b"x" * (1 << 20))),
    smtp_login("garbled", "proto.garbled", "235-yes\r\n535 no\r\n"),
    smtp_login("no-code", "proto.garbled", "welcome\r\n"),
    # After the login
    imap(
        "no-inbox",
        "box.no_inbox",
        sent=True,
        says="no such",
        EXAMINE=NO + "[NONEXISTENT] no such mailbox\r\n",
    ),
    imap("inbox-forbidden", "box.no_inbox", sent=True, EXAMINE=NO + "[NOPERM] try again later\r\n"),
    imap("inbox-bad", "box.no_inbox", sent=True, EXAMINE="{tag} BAD no\r\n"),
    imap("inbox-down", "box.unavailable", sent=True, EXAMINE=NO + "[UNAVAILABLE] backend is down\r\n"),
    imap("inbox-bug", "box.unavailable", sent=True, EXAMINE=NO + "[SERVERBUG] oops\r\n"),
    imap("inbox-later", "box.unavailable", sent=True, EXAMINE=NO + "Service temporarily unavailable\r\n"),
    imap("inbox-limit", "auth.limit", sent=True, EXAMINE=NO + "[LIMIT] too many connections\r\n"),
    imap("inbox-in-use", "auth.in_use", sent=True, EXAMINE=NO + "[INUSE] locked\r\n"),
    imap(
        "inbox-wants-id",
        "box.id_wanted",
        sent=True,
        says="Unsafe Login",
        EXAMINE=NO + "EXAMINE Unsafe Login. Please contact kefu@188.com for help\r\n",
    ),
    imap("inbox-dropped", "proto.dropped", sent=True, EXAMINE=close),
    imap("list-flood", "proto.too_long", sent=True, LIST=forever(b'* LIST () "/" x\r\n')),
    imap("list-literals", "proto.too_long", sent=True, LIST=forever(b'* LIST () "/" {3}\r\nabc\r\n')),
    imap("list-literal-bomb", "proto.too_long", sent=True, LIST=(b'* LIST () "/" {9999999999}\r\n', hang)),
    imap("list-one-line", "proto.too_long", sent=True, LIST=(b"* LIST (", forever(b"\\X "))),
    imap("list-nul", "proto.garbled", sent=True, LIST=b'* LIST () "/" a\0b\r\n'),
    imap("inbox-bye", "proto.bye", sent=True, EXAMINE=("* BYE enough\r\n", close)),
    imap("list-bye", "proto.bye", sent=True, LIST=("* BYE enough\r\n", close)),
    imap("list-drips", "proto.stalled", sent=True, LIST=drip("* LIST () " + "x" * 500)),
    imap("list-half-close", "proto.dropped", sent=True, LIST=half_close),
    # The same faults at other stages
    imap("capability-bye", "proto.bye", GREETING="* OK hi\r\n", CAPABILITY=("* BYE enough\r\n", close)),
    imap("capability-nul", "proto.garbled", GREETING="* OK hi\r\n", CAPABILITY=b"* CAPABILITY \0\r\n"),
    imap(
        "capability-literal-bomb",
        "proto.too_long",
        GREETING="* OK hi\r\n",
        CAPABILITY=b"* X {4294967295}\r\n",
    ),
    imap("greeting-literal-bomb", "proto.too_long", GREETING=(b"* OK {4294967295}\r\n", forever(b"x"))),
    imap("greeting-half-close", "greet.dropped", GREETING=half_close),
    smtp("greeting-half-close", "greet.dropped", GREETING=half_close),
    smtp("greeting-one-line", "proto.too_long", GREETING=(b"220 ", forever(b"x"))),
    smtp("ehlo-flood", "proto.too_long", EHLO=forever(b"250-X\r\n")),
    smtp("ehlo-nul", "proto.garbled", EHLO=b"250-mail\0\r\n250 STARTTLS\r\n"),
    smtp("ehlo-dropped", "proto.dropped", EHLO=close),
    smtp("starttls-bye", "starttls.refused", STARTTLS=("421 4.3.2 shutting down\r\n", close)),
    smtp("starttls-silent", "proto.stalled", STARTTLS=hang),
    smtp("starttls-half-close", "proto.dropped", STARTTLS=half_close),
    smtp_login("nul", "proto.garbled", b"235 wel\0come\r\n"),
    smtp_login("half-close", "proto.dropped", half_close),
    smtp("inside-busy", "greet.busy", EHLO=inside("421 4.3.2 enough\r\n", "250-x\r\n250 STARTTLS\r\n")),
    # TLS that does not come to an end
    *(
        Scenario(
            f"imap-handshake-{name}",
            "imap",
            "tls",
            code,
            {"GREETING": (Talk.receive, *steps)},
            implicit=False,
        )
        for name, code, steps in (
            ("drips", "proto.stalled", (b"\x16\x03\x03\x3f\xff", drip("x" * 500))),
            ("silent", "proto.stalled", (b"\x16\x03\x03", hang)),
            ("flood", "tls.failed", (forever(b"\x16\x03\x03\x00\x05\x02\xff\xff\xff\x00"),)),
            ("half-close", "tls.aborted", (half_close,)),
        )
    ),
    # What was said in clear counts for nothing inside TLS
    plain_imap(
        "said-before", "starttls.injected", GREETING="* OK [CAPABILITY STARTTLS] hi\r\nP1 OK fake\r\n"
    ),
    plain_imap(
        "injected-later", "starttls.injected", STARTTLS=("{tag} OK go\r\n", Talk.receive, "* OK in\r\n", hang)
    ),
    plain_imap(
        "other-methods-inside",
        "auth.no_common_method",
        CAPABILITY=inside(
            "* CAPABILITY AUTH=XOAUTH2 LOGINDISABLED\r\n{tag} OK\r\n",
            "* CAPABILITY STARTTLS AUTH=PLAIN\r\n{tag} OK\r\n",
        ),
    ),
    plain_imap(
        "login-disabled-inside",
        "auth.disabled_plain",
        CAPABILITY=inside(
            "* CAPABILITY LOGINDISABLED\r\n{tag} OK\r\n", "* CAPABILITY STARTTLS AUTH=PLAIN\r\n{tag} OK\r\n"
        ),
    ),
    smtp(
        "other-methods-inside",
        "auth.none_offered",
        EHLO=inside("250 x\r\n", "250-x\r\n250-STARTTLS\r\n250 AUTH PLAIN\r\n"),
    ),
    smtp("said-before", "starttls.injected", GREETING="220 hi\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n"),
]


BOMBS = [scenario for scenario in SCENARIOS if scenario.code == "proto.too_long" or "flood" in scenario.name]
MOST_MEMORY = 32 << 20
"""Bytes that Python may hold at any time while a server floods it."""


def run(
    scenario: Scenario,
    server: Server,
    password: str = PASSWORD,
    users: tuple[str, ...] = (USER,),
    timeouts: Timeouts = QUICK,
) -> CheckResult:
    target = Target(HOST, server.port, Security(scenario.security), users)
    return check_service(
        scenario.service,
        target,
        Secret(password),
        Conditions(rule=HINTS, timeouts=timeouts, context=client_context()),
    )


def traces(password: str = PASSWORD, user: str = USER) -> list[bytes]:
    """Every form in which a password could be on the wire."""
    raw = password.encode()
    return [raw, base64.b64encode(raw), base64.b64encode(f"\0{user}\0{password}".encode())]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_names_the_cause_and_keeps_the_password(scenario: Scenario) -> None:
    # A flood ends by its size, however slow this machine is.
    timeouts = Timeouts() if scenario in BOMBS else QUICK
    with Server(scenario) as server:
        started = time.monotonic()
        result = run(scenario, server, timeouts=timeouts)
        assert time.monotonic() - started < timeouts.total + 3  # a hang, not a speed
    assert (result.code, result.ok) == (scenario.code, False), result.message
    assert scenario.says in result.message
    assert result.message.replace("does not know", "").count("unknown") == 0
    assert result.next
    assert server.connections <= 3  # the attempt, and second looks on which nothing is sent
    clear, inside = b"".join(server.clear), b"".join(server.inside)
    for trace in traces():
        assert trace not in clear
        if not scenario.sent:
            assert trace not in inside
        assert trace.decode() not in result.message + result.next
    if scenario.sent:
        assert any(trace in inside for trace in traces())
        tries = sum(word in ("AUTHENTICATE", "AUTH") for word in server.commands)
        tries = tries or server.commands.count("LOGIN")
        assert tries == (2 if scenario.name == "smtp-login-bad" else 1)  # AUTH LOGIN after AUTH PLAIN failed


@pytest.mark.parametrize("scenario", BOMBS, ids=lambda scenario: scenario.name)
def test_a_flood_takes_little_memory(scenario: Scenario) -> None:
    with Server(scenario) as server:
        tracemalloc.start()
        try:
            result = run(scenario, server, timeouts=Timeouts())
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert result.code == scenario.code
    assert most < MOST_MEMORY


GOOD = {
    "imap-tls": Scenario("", "imap", "tls", "ok"),
    "imap-starttls": Scenario("", "imap", "starttls", "ok"),
    "smtp-tls": Scenario("", "smtp", "tls", "ok"),
    "smtp-starttls": Scenario("", "smtp", "starttls", "ok"),
    "imap-login-only": imap("", "ok", GREETING="* OK [CAPABILITY IMAP4rev1] hi\r\n", AUTHENTICATE=close),
    "imap-caps-lie": imap("", "ok", AUTHENTICATE="{tag} BAD unknown\r\n"),
    "imap-caps-late": imap("", "ok", GREETING="* OK hi\r\n"),
    "imap-more-inside-tls": Scenario(
        "",
        "imap",
        "starttls",
        "ok",
        {"GREETING": "* OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi\r\n"},
    ),
    "imap-no-ir": imap(
        "",
        "ok",
        GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi\r\n",
        AUTHENTICATE=("+ \r\n", Talk.read_line, "{tag} OK in\r\n"),
    ),
    "imap-noise": imap("", "ok", AUTHENTICATE="* OK one\r\n* 3 EXISTS\r\n* X {3}\r\na\nb\r\n{tag} ok in\r\n"),
    "imap-oauth-and-scram": imap(
        "",
        "ok",
        GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-1-PLUS] hi\r\n",
    ),
    "imap-coremail": imap(
        "",
        "ok",
        GREETING="* OK Coremail System IMap Server Ready(163com[x])\r\n",
        CAPABILITY="* CAPABILITY IMAP4rev1 XLIST ID STARTTLS UIDPLUS X-CM-EXT-1 SASL-IR AUTH=XOAUTH2\r\n"
        "{tag} OK CAPABILITY completed\r\n",
        AUTHENTICATE="{tag} BAD Parse command error\r\n",
    ),
    "imap-kerberos": imap("", "ok", GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=GSSAPI AUTH=NTLM] hi\r\n"),
    "imap-sasl-login": imap(
        "",
        "ok",
        GREETING="* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN AUTH=XOAUTH2 LOGINDISABLED] hi\r\n",
        LOGIN=NO + "disabled\r\n",
        AUTHENTICATE=(
            "+ VXNlcm5hbWU6\r\n",
            Talk.read_line,
            "+ UGFzc3dvcmQ6\r\n",
            Talk.read_line,
            "{tag} OK in\r\n",
        ),
    ),
    "smtp-login-only": smtp(
        "",
        "ok",
        EHLO="250-x\r\n250-STARTTLS\r\n250 AUTH LOGIN\r\n",
        AUTH=("334 VXNlcm5hbWU6\r\n", Talk.read_line, "334 UGFzc3dvcmQ6\r\n", Talk.read_line, "235 in\r\n"),
    ),
    "smtp-no-ir": smtp("", "ok", AUTH=("334 \r\n", Talk.read_line, "235 in\r\n")),
}


@pytest.mark.parametrize("name", GOOD)
def test_login_works(name: str) -> None:
    with Server(GOOD[name]) as server:
        result = run(GOOD[name], server)
    assert (result.code, result.ok, result.user) == ("ok", True, USER), result.message
    assert not any(trace in b"".join(server.clear) for trace in traces())
    assert any(trace in b"".join(server.inside) for trace in traces())


@pytest.mark.parametrize("password", ['a"b\\c d', "pässwörd-密码", "x" * 600, "{12}", "%s%(a)s{host}"])
@pytest.mark.parametrize("name", ["imap-tls", "smtp-starttls", "imap-login-only"])
def test_hard_passwords_arrive_as_they_are(name: str, password: str) -> None:
    scenario = GOOD[name]
    if name == "imap-login-only" and not password.isascii():
        scenario = imap(
            "",
            "ok",
            GREETING="* OK [CAPABILITY IMAP4rev1] hi\r\n",
            LOGIN=("+ go\r\n", Talk.read_line, "{tag} OK in\r\n"),
        )
    if len(password) > 500 and name == "smtp-starttls":
        scenario = GOOD["smtp-no-ir"]
    with Server(scenario) as server:
        result = run(scenario, server, password)
    assert result.ok, result.message
    sent = b"".join(server.inside)
    quoted = password.replace("\\", "\\\\").replace('"', '\\"')
    expected = quoted if name == "imap-login-only" else password
    assert any(trace in sent for trace in traces(expected))


KERBEROS = "* OK [CAPABILITY IMAP4rev1 AUTH=GSSAPI AUTH=SCRAM-SHA-256-PLUS] hi\r\n"


def test_where_no_way_for_passwords_is_offered_a_refusal_may_mean_all_of_them() -> None:
    scenario = imap("", "", GREETING=KERBEROS, LOGIN=NO + "[AUTHENTICATIONFAILED] no\r\n")
    with Server(scenario) as server:
        result = run(scenario, server, users=(USER, USER + "@icloud.com"))
    assert (result.code, result.confidence) == ("auth.bad_credentials", "likely")
    assert "lists only GSSAPI, SCRAM-SHA-256-PLUS, so it may want the provider's own sign-in" in result.next
    assert "Copy the app-specific password again" in result.next
    assert server.commands.count("LOGIN") == 2  # it may have been the user name
    for answer in ("{tag} BAD unknown\r\n", NO + "[CANNOT] Unsupported authentication mechanism.\r\n"):
        scenario = imap("", "", GREETING=KERBEROS, LOGIN=answer)
        with Server(scenario) as server:
            result = run(scenario, server)
        assert (result.code, result.confidence) == ("auth.method_off", "likely")
        assert "does not know LOGIN, and lists only GSSAPI, SCRAM-SHA-256-PLUS" in result.next
    scenario = imap("", "", GREETING=KERBEROS, LOGIN=NO + "[UNAVAILABLE] no\r\n")
    with Server(scenario) as server:
        assert run(scenario, server).code == "auth.unavailable"


def test_sasl_login_is_not_tried_again_and_asks_no_more_than_it_needs() -> None:
    greeting = "* OK [CAPABILITY IMAP4rev1 AUTH=LOGIN LOGINDISABLED] hi\r\n"
    for answer, code in (
        (("+ \r\n", Talk.read_line, "+ \r\n", Talk.read_line, NO + "no\r\n"), "auth.bad_credentials"),
        (("+ \r\n", Talk.read_line, NO + "no such user\r\n"), "auth.bad_credentials"),
        (forever(b"+ \r\n"), "proto.garbled"),
    ):
        scenario = imap("", code, GREETING=greeting, AUTHENTICATE=answer)
        with Server(scenario) as server:
            assert run(scenario, server).code == code
        assert b"".join(server.inside).count(base64.b64encode(PASSWORD.encode())) <= 1
        assert server.commands.count("AUTHENTICATE") == 1


def test_an_alert_is_shown_masked_and_bounded() -> None:
    alert = f"* OK [ALERT] you sent {PASSWORD} " + "x" * 5000 + "\r\n"
    scenario = imap("", "", AUTHENTICATE=alert + NO + f"you sent {PASSWORD}\r\n")
    with Server(scenario) as server:
        result = run(scenario, server)
    assert result.message.count("you sent ") == 2
    assert PASSWORD not in result.message
    assert len(result.message) < 600


def test_second_user_name_only_after_a_rejection() -> None:
    def judge(talk: Talk) -> None:
        right = base64.b64encode(f"\0{USER}@icloud.com\0{PASSWORD}".encode())
        talk.send(f"{talk.tag} {'OK in' if right in talk.line else 'NO [AUTHENTICATIONFAILED] no'}\r\n")

    users = (USER, USER + "@icloud.com", "never@tried")
    scenario = imap("", "ok", AUTHENTICATE=judge)
    with Server(scenario) as server:
        result = run(scenario, server, users=users)
    assert (result.ok, result.user, server.connections) == (True, users[1], 2)

    scenario = imap("", "auth.bad_credentials", AUTHENTICATE="{tag} NO no\r\n")
    with Server(scenario) as server:
        result = run(scenario, server, users=users)
    assert (result.code, result.user) == ("auth.bad_credentials", USER)
    assert server.commands.count("AUTHENTICATE") == server.connections == 2

    scenario = imap("", "auth.unavailable", AUTHENTICATE="{tag} NO [UNAVAILABLE] no\r\n")
    with Server(scenario) as server:
        assert run(scenario, server, users=users).code == "auth.unavailable"
    assert server.connections == 1


CANNOT = {"AUTHENTICATE": "{tag} NO [CANNOT] no\r\n"}
BAD = {"AUTHENTICATE": "{tag} BAD no\r\n"}
ASKS_AGAIN = ("+ \r\n", Talk.read_line, "{tag} NO [AUTHENTICATIONFAILED] no\r\n")


def refuse_second_method(talk: Talk) -> None:
    if talk.line.upper().startswith(b"AUTH PLAIN"):
        talk.send("504 unknown\r\n")
        return
    for step in ("334 VXNlcm5hbWU6\r\n", "334 UGFzc3dvcmQ6\r\n"):
        talk.send(step)
        talk.read_line()
    talk.send("535 5.7.8 no\r\n")


@pytest.mark.parametrize(
    ("service", "answers"),
    [
        ("imap", BAD | {"LOGIN": NO + "no\r\n"}),
        ("imap", CANNOT | {"LOGIN": NO + "no\r\n"}),
        ("imap", {"AUTHENTICATE": ASKS_AGAIN}),
        ("imap", {"AUTHENTICATE": ("+ \r\n", Talk.read_line, "{tag} BAD no\r\n"), "LOGIN": NO + "no\r\n"}),
        ("smtp", {"AUTH": refuse_second_method}),
        ("smtp", {"AUTH": ("334 \r\n", Talk.read_line, "535 5.7.8 no\r\n")}),
        ("smtp", {"AUTH": ("334 \r\n", Talk.read_line, "504 no\r\n")}),
    ],
)
def test_the_password_is_sent_twice_at_most(service: Service, answers: dict[str, Answer]) -> None:
    """Whatever the methods and user names."""
    security: Literal["tls", "starttls"] = "tls" if service == "imap" else "starttls"
    scenario = Scenario("", service, security, "", answers)
    users = (USER, USER + "@icloud.com")
    with Server(scenario) as server:
        result = run(scenario, server, users=users)
    received = b"".join(server.inside)
    sent = sum(received.count(trace) for trace in {trace for user in users for trace in traces(user=user)})
    assert sent == 2
    if result.code == "auth.bad_credentials":
        assert f"{users[1]} was not tried" in result.next


@pytest.mark.parametrize("service", ["imap", "smtp"])
@pytest.mark.parametrize(
    ("password", "code"),
    [("Summer2024!", "auth.account_password"), ("abcd–efgh–ijkl–mnop", "auth.password_mangled")],
)
def test_a_refusal_is_told_apart_by_the_look_of_the_password(service: str, password: str, code: str) -> None:
    scenario = (
        imap("", code, AUTHENTICATE="{tag} NO [AUTHENTICATIONFAILED] no\r\n")
        if service == "imap"
        else smtp("", code, AUTH="535 5.7.8 no\r\n")
    )
    with Server(scenario) as server:
        result = run(scenario, server, password)
    assert result.code == code
    assert "an app-specific password" in result.message


def test_an_echo_of_the_password_is_masked() -> None:
    for echo in (PASSWORD, base64.b64encode(f"\0{USER}\0{PASSWORD}".encode()).decode()):
        for scenario in (
            imap("", "", AUTHENTICATE="{tag} NO you sent \x1b[31m" + echo + " " + "z" * 999 + "\r\n"),
            smtp("", "", AUTH=f"550 you sent {echo}\r\n"),
        ):
            with Server(scenario) as server:
                result = run(scenario, server)
            assert "you sent" in result.message
            assert "••••" in result.message
            assert echo.rstrip("=") not in repr(result)
            assert "\x1b" not in result.message
            assert len(result.message) < 400


def test_mailboxes_are_read_from_the_server() -> None:
    names = MailboxNames(special_use_advertised=False, names={Use.SENT: ("Sent Messages", "Sent Items")})
    rows = (
        '() "/" INBOX',
        '() "/" "sent items"',
        '(\\NoSelect) "/" Trash',
        '() "/" "Entw&APw-rfe"',
        '() "/" Archive',
    )
    listing = "".join(f"* LIST {row}\r\n" for row in rows) + '* LIST () "/" {4}\r\nJunk\r\n{tag} OK\r\n'
    with Server(imap("", "ok", LIST=listing)) as server:
        target = Target(HOST, server.port, Security.TLS, (USER,))
        result = check_service(
            "imap",
            target,
            Secret(PASSWORD),
            Conditions(mailboxes=names, timeouts=QUICK, context=client_context()),
        )
    assert result.mailboxes
    assert result.mailboxes.names == {Use.SENT: "sent items", Use.ARCHIVE: "Archive", Use.JUNK: "Junk"}
    assert (result.mailboxes.seen, result.mailboxes.special_use, result.mailbox_count) == (True, False, 5)
    assert set(server.commands) == {"AUTHENTICATE", "CAPABILITY", "ID", "EXAMINE", "LIST", "LOGOUT"}


@pytest.mark.parametrize("known", [True, False])
def test_special_use_is_asked_for_where_it_is_offered(known: bool) -> None:
    def listing(talk: Talk) -> None:
        flag = "\\Sent" if b"SPECIAL-USE" in talk.line else ""
        talk.send(f'* LIST ({flag}) "." Gesendet\r\n{talk.tag} OK\r\n')

    caps = "CAPABILITY IMAP4rev1 LIST-EXTENDED SPECIAL-USE"
    scenario = imap(
        "",
        "ok",
        AUTHENTICATE="{tag} OK " + (f"[{caps}] in\r\n" if known else "in\r\n"),
        CAPABILITY=f"* {caps}\r\n{{tag}} OK\r\n",
        LIST=listing,
    )
    with Server(scenario) as server:
        result = run(scenario, server)
    assert result.mailboxes
    assert result.mailboxes.names == {Use.SENT: "Gesendet"}
    assert result.mailboxes.special_use
    assert result.mailboxes.delimiter == "."
    assert server.commands.count("LIST") == (1 if known else 2)
    assert ("CAPABILITY" in server.commands) is not known


@pytest.mark.parametrize("session", [ImapSession, SmtpSession])
def test_no_password_without_verified_tls_even_by_our_own_mistake(session: type[Session]) -> None:
    """Logging in on a plain connection, as a fault in the order of calls would."""
    scenario = GOOD["imap-starttls" if session is ImapSession else "smtp-starttls"]
    with Server(scenario) as server:
        line = connect(HOST, server.port, seconds=2, deadline=time.monotonic() + 4)
        talk = session(line, QUICK)
        talk.greet()
        with pytest.raises(RuntimeError):
            talk.login(USER, Secret(PASSWORD))
        talk.close()
    assert not any(trace in b"".join(server.clear) for trace in traces())


def test_after_bye_only_a_moment_is_waited_for_more() -> None:
    with Server(imap_login("", "proto.bye", ("* BYE shutting down\r\n", hang))) as server:
        target = Target(HOST, server.port, Security.TLS, (USER,))
        timeouts = Timeouts(reply=20, total=20)
        result = check_service(
            "imap", target, Secret(PASSWORD), Conditions(timeouts=timeouts, context=client_context())
        )
    assert result.code == "proto.bye"
    assert result.seconds < 15


def test_slow_greeting_is_a_remark_only() -> None:
    def late(talk: Talk) -> None:
        time.sleep(0.2)
        talk.send("* OK hi\r\n")

    with Server(imap("", "greet.slow", GREETING=late)) as server:
        target = Target(HOST, server.port, Security.TLS, (USER,))
        result = check_service(
            "imap",
            target,
            Secret(PASSWORD),
            Conditions(timeouts=Timeouts(slow=0.1), context=client_context()),
        )
    assert (result.code, result.ok, exit_code(result.code)) == ("greet.slow", True, 0)


@pytest.mark.parametrize("service", ["imap", "smtp"])
@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_the_wrong_security_is_answered_with_the_option_that_helps(service: str, security: str) -> None:
    scenario = Scenario("", service, security, "", implicit=security == "starttls")  # type: ignore[arg-type]
    with Server(scenario) as server:
        result = run(scenario, server)
    right = "starttls" if security == "tls" else "tls"
    assert f"--{service}-security {right} " in result.next


def test_a_silent_port_for_tls_is_found_before_the_time_for_a_greeting_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt, "SILENCE", 0.1)
    waited: list[ImapSession] = []
    monkeypatch.setattr(ImapSession, "greet", waited.append)
    scenario = Scenario("", "imap", "starttls", "tls.tls_on_plain_port", implicit=True)
    with Server(scenario) as server:
        target = Target(HOST, server.port, Security.STARTTLS, (USER,))
        timeouts = Timeouts(greeting=60, total=60)
        result = check_service(
            "imap", target, Secret(PASSWORD), Conditions(timeouts=timeouts, context=client_context())
        )
    assert result.code == scenario.code
    assert not waited
    assert b"".join(server.clear + server.inside) == b""


@pytest.mark.parametrize("name", ["imap-starttls", "smtp-starttls"])
def test_a_late_greeting_is_still_taken_after_the_look_for_tls(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "SILENCE", 0.05)
    monkeypatch.setattr(attempt, "LOOK", 0.05)
    good = GOOD[name]
    greeting = "* OK hi\r\n" if good.service == "imap" else "220 hi\r\n"

    def late(talk: Talk) -> None:
        if talk.server.connections == 1:  # the look has a connection of its own
            time.sleep(0.3)
        talk.send(greeting)

    scenario = Scenario("", good.service, good.security, "ok", {"GREETING": late})
    with Server(scenario) as server:
        result = run(scenario, server)
        assert server.connections >= 2
    assert result.code == "ok", result.message


def test_total_deadline_outranks_the_stages() -> None:
    scenario = imap("", "proto.stalled", GREETING=drip("* OK " + "x" * 5000))
    with Server(scenario) as server:
        target = Target(HOST, server.port, Security.TLS, (USER,))
        result = check_login(
            {"imap": target},
            Secret(PASSWORD),
            Conditions(timeouts=Timeouts.of(0.5), context=client_context()),
        )["imap"]
    assert result.code == "proto.stalled"
    assert result.seconds < 5


def test_network_faults() -> None:
    def code(host: str, port: int) -> str:
        target = Target(host, port, Security.TLS, (USER,))
        timeouts = Timeouts(connect=0.5, total=3)
        return check_service(
            "imap", target, Secret(PASSWORD), Conditions(timeouts=timeouts, context=client_context())
        ).code

    with socket.create_server(("127.0.0.1", 0)) as listener:
        free = listener.getsockname()[1]
    assert code("127.0.0.1", free) == "net.refused"
    assert code("no-such-host.invalid", 993) == "net.dns"
    for name in ("", "a" * 70 + ".example", "a\0b", ".", "exa mple"):
        assert code(name, 993) == "net.dns"
    with full_backlog() as port:
        assert code("127.0.0.1", port) == "net.timeout"


def test_both_services_side_by_side() -> None:
    rejected = smtp("", "auth.bad_credentials", AUTH="535 5.7.8 no\r\n")
    with Server(GOOD["imap-tls"]) as one, Server(rejected) as two:
        results = check_login(
            {
                "imap": Target(HOST, one.port, Security.TLS, (USER,)),
                "smtp": Target(HOST, two.port, Security.STARTTLS, (USER,)),
            },
            Secret(PASSWORD),
            Conditions(context=client_context()),
        )
    assert {service: result.code for service, result in results.items()} == {
        "imap": "ok",
        "smtp": "auth.bad_credentials",
    }
    assert results["smtp"].message.endswith("or the password may not be meant for it.")
    assert results["smtp"].confidence == "likely"
    assert list(results) == ["imap", "smtp"]
    assert [exit_code(result.code) for result in results.values()] == [0, 3]


@pytest.mark.parametrize("password", ["", "a\r\nb", "a\0b", "\ud800"])
def test_what_cannot_be_sent_is_refused_before_a_connection(password: str) -> None:
    with Server(GOOD["imap-tls"]) as server:
        target = Target(HOST, server.port, Security.TLS, (USER,))
        with pytest.raises(UsageError) as caught:
            check_login({"imap": target}, Secret(password), Conditions(context=client_context()))
        with pytest.raises(UsageError):
            check_service(
                "imap",
                Target(HOST, server.port, Security.TLS, ("a\nb",)),
                Secret("x"),
                Conditions(context=client_context()),
            )
    assert server.connections == 0
    assert not password.strip() or password not in str(caught.value)


def test_a_bundle_of_authorities_that_is_not_one_is_not_blamed_on_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenSSL ignores a wrong SSL_CERT_FILE without a word."""

    def refusal() -> UsageError:
        with pytest.raises(UsageError) as caught, Server(GOOD["imap-tls"]) as server:
            check_login({"imap": Target(HOST, server.port, Security.TLS, (USER,))}, Secret(PASSWORD))
        assert server.connections == 0
        assert caught.value.code == "tls.ca_file"
        return caught.value

    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    missing, text, good = tmp_path / "none.pem", tmp_path / "text.pem", tmp_path / "good.pem"
    text.write_text("-----BEGIN CERTIFICATE-----\nnot really\n-----END CERTIFICATE-----\n")
    authority().cert_pem.write_to_path(good)
    monkeypatch.setenv("SSL_CERT_FILE", str(missing))
    assert (
        refusal().message
        == f"SSL_CERT_FILE names {missing}, which cannot be read: No such file or directory."
    )
    assert "unset it" in refusal().hint
    monkeypatch.setenv("SSL_CERT_FILE", str(text))
    assert refusal().message == f"SSL_CERT_FILE names {text}, which holds no certificate."
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path))
    assert "SSL_CERT_FILE" in refusal().message

    monkeypatch.setenv("SSL_CERT_FILE", str(good))
    with Server(GOOD["imap-tls"]) as server:
        target = Target(HOST, server.port, Security.TLS, (USER,))
        assert check_login({"imap": target}, Secret(PASSWORD))["imap"].ok

    monkeypatch.setenv("SSL_CERT_DIR", str(missing))
    assert refusal().message.startswith(f"SSL_CERT_DIR names {missing}, which cannot be read")
    monkeypatch.setenv("SSL_CERT_DIR", f"{missing}{os.pathsep}{tmp_path}")  # one that exists is enough
    make_context()


@pytest.mark.parametrize("code", ["", "tls.ca_file"])
def test_a_directory_of_authorities_needs_certificates_by_their_hash(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "certs").mkdir()
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda self: None)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "certs"))
    authority().cert_pem.write_to_path(tmp_path / "certs" / ("authority.pem" if code else "0a1b2c3d.0"))
    if not code:
        make_context()
        return
    with pytest.raises(UsageError, match="no certificate under its hash") as caught:
        make_context()
    assert caught.value.code == code
