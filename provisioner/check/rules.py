"""What was seen -> which cause it is: one table, read from top to bottom, the first row that fits counts.

The order holds the rule behind all of it: a fault that is not the password is never blamed on the password.
Codes: RFC 5530 (IMAP), RFC 4954 and RFC 3463 (SMTP), OpenSSL's x509_vfy.h. Sentences: causes.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

from provisioner.check import phrases
from provisioner.login_causes import LoginRefused
from provisioner.model import Provider, ProviderText

Layer = Literal["greeting", "certificate", "handshake", "offer", "login", "alert", "inbox", "send"]
Confidence = Literal["certain", "likely"]
LONGEST = 500
"""Characters of what a server says that are looked at: a hostile one may say a great deal."""


class Seen(NamedTuple):
    """`status`: what is meant for machines, like `NO AUTHENTICATIONFAILED`, `535 5.7.8`, `RCPT 550 5.7.1`."""

    layer: Layer
    service: str
    status: str
    words: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A row. What is empty fits everything; `status` must match as a whole, `words` are searched for, and so
    is `unless`, which must not be found.

    `confidence`: `likely` where only words or the lack of any say so. `next`: instead of the cause's own.
    """

    layer: Layer
    code: str
    service: str = ""
    status: str = ""
    words: str = ""
    unless: str = ""
    confidence: Confidence = "certain"
    next: str = ""

    def fits(self, seen: Seen) -> bool:
        return (
            self.layer == seen.layer
            and self.service in ("", seen.service)
            and (not self.status or bool(_compiled(self.status).fullmatch(seen.status)))
            and (not self.words or bool(_compiled(self.words).search(seen.words[:LONGEST])))
            and not (self.unless and _compiled(self.unless).search(seen.words[:LONGEST]))
        )


def judge(seen: Seen, own: Iterable[Rule] = ()) -> Rule | None:
    """The first row that fits; those of the account's provider (`own`) before the general ones."""
    return next((rule for rules in (own, _of_layer(seen.layer)) for rule in rules if rule.fits(seen)), None)


@cache
def _of_layer(layer: Layer) -> tuple[Rule, ...]:
    return tuple(rule for rule in RULES if rule.layer == layer)


def of_provider(provider: Provider | None) -> tuple[Rule, ...]:
    """The rows of a provider profile: what its servers say, and what that means there."""
    if provider is None:
        return ()
    said = map(_said, provider.texts)
    over = (
        Rule("offer", "auth.passwords_over", service=service, status=status)
        for service, server, status in (("imap", provider.imap, ""), ("smtp", provider.smtp, "(?!none).*"))
        if server and server.plain_means_passwords
    )
    return (*said, *over)


def _said(text: ProviderText) -> Rule:
    """Words that blame the password say it of one that is wrong, too: then both are to be looked at."""
    doubtful = text.code is LoginRefused.ACCESS_OFF and bool(
        _compiled(rf"{phrases.BLAMED}|{phrases.SEEMS_BLAMED}").search(text.match)
    )
    step = (text.next or "").replace("{", "{{").replace("}", "}}")
    return Rule(
        "login",
        text.code.value,
        service=text.service,
        words=re.escape(text.match),
        confidence="likely" if doubtful else "certain",
        next=f"Copy the {{term}} again. If it is right: {step}" if doubtful and step else step,
    )


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I)


RULES: tuple[Rule, ...] = (
    # The greeting, and the answer to EHLO
    Rule("greeting", "greet.busy", "smtp", status=r"4\d\d"),
    Rule("greeting", "greet.rejected", "smtp", status=r"5\d\d"),
    Rule("greeting", "greet.bye", "imap", status="BYE"),
    Rule("greeting", "greet.preauth", "imap", status="PREAUTH"),
    # TLS: the reason of OpenSSL's error, alerts of the server included
    Rule(
        "handshake",
        "tls.too_old",
        words="PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|LEGACY_SIGALG|WRONG_SSL_VERSION",
    ),
    Rule("handshake", "tls.alert", words=r"^(SSLV3|TLSV1\d*)_(ALERT_)?."),
    Rule("handshake", "tls.failed"),
    # The certificate: X509_V_ERR; who signed it and how many certificates came (0: not known)
    Rule("certificate", "tls.cert_not_yet_valid", status="9"),
    Rule("certificate", "tls.cert_expired", status="10"),
    Rule("certificate", "tls.cert_wrong_host", status="62|64"),
    Rule(
        "certificate",
        "tls.cert_intercepted",
        status="18|19|20|21",
        words=phrases.INTERCEPTORS,
        confidence="likely",
    ),
    Rule("certificate", "tls.cert_self_signed", status="18"),
    Rule(
        "certificate",
        "tls.cert_incomplete_chain",
        status="20|21",
        words=rf"({phrases.PUBLIC}).*; [01] sent$",
        confidence="likely",
    ),
    Rule("certificate", "tls.cert_unknown_ca", status="19|20|21"),
    Rule("certificate", "tls.cert_weak", status="66|67|68"),
    Rule("certificate", "tls.cert_invalid"),
    # The ways to log in that are offered inside TLS, when none of them is one of ours
    Rule("offer", "auth.disabled_plain", "imap", status="none"),
    Rule("offer", "auth.none_offered", "smtp", status="none"),
    Rule("offer", "auth.no_common_method"),
    # The login. Words that say more than the code that comes with them, the most specific first
    Rule("login", "auth.limit", "imap", status="BAD.*", words=r"throttl|back-?off time", confidence="likely"),
    Rule("login", "auth.not_authorized", words=phrases.NO_MAILBOX, confidence="likely"),
    Rule("login", "proto.bad", "imap", status="BAD.*"),
    Rule("login", "auth.app_password_required", words=phrases.APP_PASSWORD_WANTED, unless=phrases.BLAMED),
    Rule("login", "auth.app_password_required", words=phrases.APP_PASSWORD_WANTED, confidence="likely"),
    Rule("login", "auth.method_off", words=phrases.METHOD_OFF),
    Rule("login", "auth.method_off", words=phrases.OAUTH_WANTED, unless=phrases.BLAMED),
    Rule("login", "auth.web_login", words=r"\[WEBALERT\b"),
    Rule("login", "auth.web_login", words=phrases.WEB_LOGIN, unless=phrases.BLAMED),
    Rule(
        "login",
        "auth.limit",
        status=r"(NO|BYE)( LIMIT| ALERT| AUTHENTICATIONFAILED)?|[45]\d\d.*",
        words=phrases.TOO_OFTEN_WRONG,
        confidence="likely",
        next="Wait {wait}, and try again; each wrong password may make it longer.",
    ),
    # IMAP response codes (RFC 5530)
    Rule("login", "auth.not_authorized", "imap", status=r"\w+ (AUTHORIZATIONFAILED|NOPERM)"),
    Rule("login", "auth.expired", "imap", status=r"\w+ EXPIRED"),
    Rule("login", "auth.privacy_required", "imap", status=r"\w+ PRIVACYREQUIRED"),
    Rule("login", "auth.contact_admin", "imap", status=r"\w+ CONTACTADMIN"),
    Rule(
        "login",
        "auth.limit",
        "imap",
        status=r"\w+ UNAVAILABLE",
        words=phrases.CONNECTIONS,
        confidence="likely",
    ),
    Rule("login", "auth.unavailable", "imap", status=r"\w+ (UNAVAILABLE|SERVERBUG)"),
    Rule("login", "auth.limit", "imap", status=r"\w+ (LIMIT|OVERQUOTA)"),
    Rule("login", "auth.in_use", "imap", status=r"\w+ INUSE"),
    Rule("login", "auth.web_login", "imap", status=r"\w+ WEBALERT"),
    Rule("login", "auth.method_broken", "imap", status=r"\w+ CANNOT"),
    Rule("login", "auth.elsewhere", "imap", status=r"\w+ REFERRAL"),  # RFC 2221
    Rule("login", "proto.bad", "imap", status=r"\w+ CLIENTBUG"),
    Rule("login", "auth.limit", "imap", status="BYE.*", words=phrases.LIMIT, confidence="likely"),
    Rule("login", "proto.bye", "imap", status="BYE.*"),
    # SMTP replies (RFC 4954, section 6) and enhanced status codes (RFC 3463; IANA)
    Rule("login", "auth.limit", "smtp", status=r"4\d\d.*", words=phrases.LIMIT, confidence="likely"),
    Rule("login", "proto.bye", "smtp", status="421.*"),
    Rule("login", "auth.unavailable", "smtp", status=r"4\d\d.*", words=rf"temporar|{phrases.UNAVAILABLE}"),
    Rule("login", "auth.unavailable", "smtp", status=r"4\d\d.*", words=phrases.LATER),
    # A wrong password, as servers that stand on go-smtp say it
    Rule(
        "login", "auth.bad_credentials", "smtp", status=r"4\d\d.*", words=phrases.BLAMED, confidence="likely"
    ),
    Rule("login", "auth.limit", "smtp", status="(450|452).*"),
    Rule("login", "auth.transition", "smtp", status=r"432( 4\.7\.12)?"),
    Rule("login", "auth.unavailable", "smtp", status=r"4\d\d.*"),
    Rule("login", "auth.privacy_required", "smtp", status=r"538.*|5\d\d 5\.7\.11"),
    Rule("login", "auth.privacy_required", "smtp", status="530.*", words=r"STARTTLS|\bTLS\b|encr"),
    Rule("login", "auth.required", "smtp", status="530.*"),
    Rule("login", "auth.contact_admin", "smtp", status=r"525.*|5\d\d 5\.7\.13"),
    Rule("login", "auth.method_off", "smtp", status=r"534 5\.7\.9"),
    Rule("login", "auth.method_off", "smtp", status=r"5\d\d 5\.7\.30"),  # Exchange
    Rule("login", "auth.web_login", "smtp", status=r"534 5\.7\.14"),
    Rule("login", "auth.refused", "smtp", status="534.*"),
    Rule("login", "proto.bad", "smtp", status="(50[0-4]|555).*"),
    # A refusal that seems to be about the password: what else it says comes first
    *(
        Rule("login", code, status="(NO|5).*", words=words, unless="".join(unless), confidence="likely")
        for code, words, *unless in (
            ("auth.access_off", phrases.ANYTHING),
            ("auth.limit", phrases.LIMIT),
            ("auth.unavailable", phrases.UNAVAILABLE, phrases.OFF_FOR_ONE),
            ("auth.unavailable", phrases.LATER, phrases.BLAMED),
            ("auth.method_broken", phrases.METHOD_BROKEN),
            ("auth.transition", phrases.TRANSITION),
            ("auth.expired", phrases.EXPIRED),
            ("auth.privacy_required", phrases.IN_CLEAR),
            ("auth.privacy_required", phrases.WANTS_TLS, phrases.BLAMED),
            ("auth.refused", phrases.SECOND_FACTOR),
            ("auth.refused", phrases.NETWORK),
            ("auth.access_off", phrases.ACCESS_OFF),
            ("auth.web_login", phrases.CONFIRM),
            ("auth.elsewhere", phrases.MOVED),
            ("auth.contact_admin", phrases.BLOCKED),
            ("auth.refused", phrases.CONDITION),
        )
    ),
    Rule("login", "auth.bad_credentials", status="NO AUTHENTICATIONFAILED|535.*"),
    Rule("login", "auth.bad_credentials", "imap", status="NO.*", confidence="likely"),
    Rule(
        "login",
        "auth.bad_credentials",
        "smtp",
        status=r"5\d\d.*",
        words=rf"{phrases.BLAMED}|{phrases.SEEMS_BLAMED}",
        confidence="likely",
    ),
    Rule("login", "auth.refused", "smtp", status=r"5\d\d.*"),
    Rule("login", "proto.garbled"),
    # An alert that came with a login, where the answer itself is silent about the cause
    Rule("alert", "auth.app_password_required", words=phrases.ALERT_APP_PASSWORD, confidence="likely"),
    Rule("alert", "auth.web_login", words=phrases.ALERT_WEB_LOGIN, confidence="likely"),
    # The answer to EXAMINE INBOX after a login that works
    Rule("inbox", "box.id_wanted", words=r"\bunsafe login\b"),  # github.com/joeyates/imap-backup/issues/217
    Rule("inbox", "box.unavailable", status=r"\w+ (UNAVAILABLE|SERVERBUG)"),
    Rule("inbox", "auth.limit", status=r"\w+ LIMIT"),
    Rule("inbox", "auth.in_use", status=r"\w+ INUSE"),
    Rule("inbox", "auth.contact_admin", status=r"\w+ CONTACTADMIN"),
    Rule("inbox", "box.no_inbox", status=r"\w+ (NONEXISTENT|NOPERM|CANNOT|AUTHORIZATIONFAILED)"),
    Rule("inbox", "auth.limit", words=phrases.LIMIT, confidence="likely"),
    Rule("inbox", "box.unavailable", words=phrases.UNAVAILABLE, confidence="likely"),
    Rule("inbox", "box.unavailable", words=phrases.LATER, confidence="likely"),
    Rule("inbox", "box.no_inbox"),
    # Sending after a login that works: the command, its reply, the enhanced status code (RFC 5321, RFC 3463)
    Rule("send", "auth.required", status=r"\w+ 530.*"),
    Rule("send", "send.too_big", status=r"\w+ (552.*|5\d\d 5\.(3\.4|2\.[23]))"),
    Rule("send", "send.later", status=r"\w+ 4\d\d.*"),
    # A server may say only at RCPT or after the mail what it thinks of the sender.
    Rule("send", "send.from_refused", status=r"\w+ 5.*", words=phrases.SENDER),
    Rule("send", "send.relay_refused", status=r"(MAIL|RCPT) 5.*", words=phrases.RELAY),
    Rule("send", "send.from_refused", status=r"MAIL (55[03] 5\.7\.1|\d+ 5\.(1\.[78]|7\.60))"),
    Rule("send", "send.from_refused", status="MAIL 55[03]", confidence="likely"),
    Rule("send", "send.relay_refused", status=r"RCPT (550|551|554) 5\.7\.1", confidence="likely"),
    Rule("send", "send.rejected"),
)
