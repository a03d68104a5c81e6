"""What was seen -> cause code, as pure functions: no sockets, no clock.

The rule behind all of them: a fault that is not the password is never blamed on the password.
Response codes: RFC 5530 (IMAP), RFC 4954 and RFC 3463 (SMTP).
"""

from __future__ import annotations

import re
from typing import Literal

from provisioner.check.diagnosis import Fault
from provisioner.model import AppPassword
from provisioner.secret import Secret
from provisioner.shape import shape_of

Stage = Literal["greeting", "hello", "tls", "login", "mailboxes"]
Trouble = Literal["stalled", "dropped", "too_long", "garbled"]

_WHEN: dict[Stage, str] = {
    "greeting": "in the middle of its greeting",
    "hello": "before the login",
    "tls": "while encryption was being set up",
    "login": "while the login was pending",
    "mailboxes": "after it had accepted the login",
}

_SPEAKERS = (
    (re.compile(rb"\* (OK|PREAUTH|BYE)\b", re.I), "IMAP"),
    (re.compile(rb"HTTP/|<(!doctype|html)", re.I), "a web server"),
    (re.compile(rb"SSH-"), "an SSH server"),
    (re.compile(rb"220[ -](?!.*SMTP).*FTP", re.I), "an FTP server"),
    (re.compile(rb"\d{3}[ -]"), "SMTP"),
    (re.compile(rb"(\+OK|-ERR)\b"), "POP3"),
)
_MAIL = ("IMAP", "SMTP", "POP3")


def trouble(kind: Trouble, stage: Stage, heard: bool) -> Fault:
    """The connection failed in `stage`; `heard`: something of the answer had come."""
    if kind in ("stalled", "dropped") and stage == "greeting" and not heard:
        return Fault("greet.timeout" if kind == "stalled" else "greet.dropped")
    if stage == "tls" and kind == "dropped":
        return Fault("tls.aborted")
    if stage == "tls" and kind == "stalled" and not heard:
        return Fault("greet.timeout")
    return Fault(f"proto.{kind}", when=_WHEN[stage])


def speaker(line: bytes) -> str:
    """Who talks like this: IMAP, SMTP, POP3, the name of another service, or an empty string."""
    return next((name for pattern, name in _SPEAKERS if pattern.match(line)), "")


def is_tls_record(data: bytes) -> bool:
    """An alert or handshake record (RFC 8446, section 5.1)."""
    return data[:1] in (b"\x15", b"\x16") and data[1:2] in (b"\x03", b"")


def greeting(wanted: str, line: bytes) -> Fault | None:
    """What is wrong with the first line (for SMTP the whole reply) of a server for `wanted`."""
    if is_tls_record(line):
        return Fault("tls.tls_on_plain_port")
    found = speaker(line)
    if found not in _MAIL:
        return Fault("greet.not_mail", what=found or ("it says: " + line.decode("utf-8", "replace")))
    if found != wanted:
        return Fault("greet.wrong_protocol", found=found, wanted=wanted)
    if b"\0" in line:
        return trouble("garbled", "greeting", heard=True)
    if wanted == "SMTP":
        text = line.decode("utf-8", "replace")
        return {"2": None, "4": Fault("greet.busy", text=text), "5": Fault("greet.rejected", text=text)}.get(
            text[0], trouble("garbled", "greeting", heard=True)
        )
    word = line.split()[1].upper()
    if word == b"BYE":
        return Fault("greet.bye", text=line[6:].decode("utf-8", "replace"))
    return Fault("greet.preauth") if word == b"PREAUTH" else None


def clear_text(wanted: str, data: bytes) -> Fault:
    """A port for TLS answered our TLS hello with `data`, which is not TLS."""
    found = speaker(data)
    if found == wanted:
        return Fault("tls.plaintext_on_tls_port")
    fault = greeting(wanted, data)
    return fault or Fault("tls.plaintext_on_tls_port")


_TOO_OLD = re.compile(r"PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|LEGACY_SIGALG|WRONG_SSL_VERSION")
_ALERT = re.compile(r"^(?:SSLV3|TLSV1\d*)_(?:ALERT_)?(.+)$")


def handshake_fault(reason: str) -> Fault:
    """The reason of an ssl.SSLError other than a certificate's, as a cause."""
    if _TOO_OLD.search(reason):
        return Fault("tls.too_old")
    alert = _ALERT.match(reason)
    words = (alert[1] if alert else reason).lower().replace("_", " ")
    return Fault("tls.alert" if alert else "tls.failed", alert=words or "no reason given")


# Words that say more than the code that comes with them. Order: the most specific first.
_WANTED = r"app(lication)?([- ]specific)?[- ]passw(or)?d|parol prilozheniya|authori[sz]ation code"
_JUDGED = 500
"""Characters of what a server says that are looked at: a hostile one may say a great deal."""
_TEXTS = tuple(
    (re.compile(pattern, re.I), code)
    for pattern, code in (
        (
            r"basic auth\w{0,12} is disabled|\b5\.7\.139\b|SmtpClientAuthentication is disabled",
            "auth.method_off",
        ),
        (
            rf"({_WANTED}).{{0,60}}(requir|needed)|(use|creat|need|generat|requir|neobhodim)\w{{0,9}}.{{0,40}}({_WANTED})",
            "auth.app_password_required",
        ),
        (r"\[WEBALERT\b|(web ?browser|web ?login)", "auth.web_login"),
    )
)
_BUSY = tuple(
    (re.compile(pattern, re.I), code)
    for pattern, code in (
        (
            r"too many|rate[ -]?limit|limit exceeded|exceeded.{0,30}limit|throttl|"
            r"temporar\w{1,5} (locked|blocked)",
            "auth.limit",
        ),
        (
            r"temporar\w{1,5} (\w+ )?(unavailable|fail\w{0,5}|error)|"
            r"(service|server|system|currently) (\w+ )?unavailable|try again later|"
            r"internal (server )?error|unexpected exception|connection lost to auth",
            "auth.unavailable",
        ),
    )
)
_RFC5530 = {
    "AUTHENTICATIONFAILED": "auth.bad_credentials",
    "AUTHORIZATIONFAILED": "auth.not_authorized",
    "NOPERM": "auth.not_authorized",
    "EXPIRED": "auth.expired",
    "PRIVACYREQUIRED": "auth.privacy_required",
    "CONTACTADMIN": "auth.contact_admin",
    "UNAVAILABLE": "auth.unavailable",
    "SERVERBUG": "auth.unavailable",
    "LIMIT": "auth.limit",
    "OVERQUOTA": "auth.limit",
    "INUSE": "auth.in_use",
    "WEBALERT": "auth.web_login",
    "CANNOT": "auth.method_broken",
    "CLIENTBUG": "proto.bad",
}


def _by_words(text: str, rules: tuple[tuple[re.Pattern[str], str], ...]) -> str:
    return next((code for pattern, code in rules if pattern.search(text)), "")


def response_code(text: str) -> str:
    """The word in brackets at the start of an IMAP response text, in capitals."""
    found = re.match(r"\s*\[([^\]\s]+)", text)
    return found[1].upper() if found else ""


def imap_refusal(status: str, text: str, notices: str = "") -> Fault:
    """A tagged NO or BAD to LOGIN or AUTHENTICATE; `notices` are untagged NO lines that came before it."""
    if status == "BAD":
        return Fault("proto.bad", text=text)
    words = f"{notices[:_JUDGED]} {text[:_JUDGED]}".strip()
    code = _by_words(words, _TEXTS) or _RFC5530.get(response_code(text), "")
    if code in ("", "auth.bad_credentials"):
        code = _by_words(words, _BUSY) or "auth.bad_credentials"
    return Fault(code, text=text)


def imap_bye(text: str, stage: Stage) -> Fault:
    """`* BYE` before the tagged answer; its code is believed unless it blames the password."""
    text = text[:_JUDGED]
    code = _by_words(text, _TEXTS) or _RFC5530.get(response_code(text), "")
    if stage != "login" or code in ("", "auth.bad_credentials"):
        code = "proto.bye"
    return Fault(code, text=text, when=_WHEN[stage])


def smtp_refusal(code: int, text: str) -> Fault:
    """The reply to AUTH when it is not 235."""
    found = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", text)
    enhanced = found[1] if found else ""
    said = f"{code} {text[:_JUDGED]}"
    cause = _by_words(said, _TEXTS)
    if not cause:
        cause = _smtp_code(code, enhanced, said)
    return Fault(cause, text=said, when=_WHEN["login"])


def _smtp_code(code: int, enhanced: str, said: str) -> str:
    busy = _by_words(said, _BUSY)
    by_code = {421: "proto.bye", 450: "auth.limit", 452: "auth.limit", 454: "auth.unavailable"}
    if 400 <= code < 500:
        return "auth.limit" if busy == "auth.limit" else by_code.get(code, "auth.unavailable")
    if (
        code == 538
        or enhanced == "5.7.11"
        or (code == 530 and re.search(r"STARTTLS|\bTLS\b|encr", said, re.I))
    ):
        return "auth.privacy_required"
    if code == 530:
        return "auth.required"
    if code == 525 or enhanced == "5.7.13":
        return "auth.contact_admin"
    if code == 534:
        return {"5.7.9": "auth.app_password_required", "5.7.14": "auth.web_login"}.get(
            enhanced, "auth.refused"
        )
    if code in (500, 501, 502, 503, 504, 555):
        return "proto.bad"
    blamed = re.search(
        r"(authentication|login) (failed|unsuccessful)|(invalid|bad|incorrect) (cred|log|user|pass)",
        said,
        re.I,
    )
    if code == 535 or (500 <= code < 600 and blamed):
        return busy or "auth.bad_credentials"
    return "auth.refused" if 500 <= code < 600 else "proto.garbled"


def smtp_reply_valid(lines: list[bytes]) -> bool:
    """Every line begins with the same three digits and only the last ends the reply (RFC 5321, 4.2.1)."""
    codes = {line[:3] for line in lines}
    return (
        len(codes) == 1
        and codes.pop().isdigit()
        and not any(b"\0" in line for line in lines)
        and all(line[3:4] == b"-" for line in lines[:-1])
        and lines[-1][3:4] in (b" ", b"\r", b"\n")
    )


def starttls_missing(capabilities: list[str]) -> Fault:
    """No STARTTLS is offered. A firewall's filter leaves X's in its place (Cisco's "fixup smtp")."""
    stripped = any(re.fullmatch(r"X{4,}A?", word.upper()) for word in capabilities)
    return Fault("starttls.stripped" if stripped else "starttls.not_offered")


def refine(fault: Fault, secret: Secret, rule: AppPassword | None) -> Fault:
    """A rejected login, told apart by what the password looks like."""
    if rule is None:
        return fault
    fault.facts |= {"term": rule.term}
    if rule.form:
        fault.facts |= {"displayed": rule.form.displayed_as}
    if fault.code == "auth.bad_credentials":
        shape = shape_of(secret, rule)
        if shape.kind != "fits":
            fault.code = "auth.password_mangled" if shape.kind == "mangled" else "auth.account_password"
            fault.facts["why"] = shape.why
    return fault
