"""What was seen -> cause code, as pure functions: no sockets, no clock.

What is a rule stands in rules.py; here the evidence is put into the words of that table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from provisioner.check import rules
from provisioner.check.diagnosis import Fault
from provisioner.check.rules import Layer, Rule, Seen
from provisioner.model import AppPassword
from provisioner.secret import Secret
from provisioner.shape import shape_of

Stage = Literal["greeting", "hello", "tls", "login", "mailboxes", "send", "find"]
Trouble = Literal["stalled", "dropped", "too_long", "garbled"]

_WHEN: dict[Stage, str] = {
    "greeting": "in the middle of its greeting",
    "hello": "before the login",
    "tls": "while encryption was being set up",
    "login": "while the login was pending",
    "mailboxes": "after it had accepted the login",
    "send": "while the test mail was being sent",
    "find": "while the test mail was looked for",
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
    if kind == "dropped" and stage != "login":
        fault = Fault("proto.dropped", when=_WHEN[stage])
        fault.next = "Try again; if it lasts, a firewall or security program may close the connection."
        return fault
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
    if wanted == "IMAP" and line.startswith(b"* OK ") and b"\0" not in line:
        return None
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
        text = re.sub(r"\r?\n\d{3}[ -]", " ", line.decode("utf-8", "replace"))
        rule = rules.judge(Seen("greeting", "smtp", text[:3], text))
        if rule or text[0] == "2":
            return Fault(rule.code, text=text) if rule else None
        return trouble("garbled", "greeting", heard=True)
    _, word, *said = line.decode("utf-8", "replace").split(None, 2)
    rule = rules.judge(Seen("greeting", "imap", word.strip().upper(), ""))
    return Fault(rule.code, text=" ".join(said)) if rule else None


def clear_text(wanted: str, data: bytes) -> Fault:
    """A port for TLS answered our TLS hello with `data`, which is not TLS."""
    found = speaker(data)
    if found == wanted:
        return Fault("tls.plaintext_on_tls_port")
    fault = greeting(wanted, data)
    return fault or Fault("tls.plaintext_on_tls_port")


_ALERT = re.compile(r"^(?:SSLV3|TLSV1\d*)_(?:ALERT_)?(.+)$")


def handshake_fault(reason: str) -> Fault:
    """The reason of an ssl.SSLError other than a certificate's, as a cause."""
    alert = _ALERT.match(reason)
    words = (alert[1] if alert else reason).lower().replace("_", " ")
    return _judged(Seen("handshake", "", "", reason), alert=words or "no reason given")


def no_way_in(service: str, methods: list[str]) -> Fault:
    """None of the `methods` that the server offers takes a password."""
    return _judged(Seen("offer", service, " ".join(methods) or "none", ""), methods=", ".join(methods))


def response_code(text: str) -> str:
    """The word in brackets at the start of an IMAP response text, in capitals."""
    found = re.match(r"\s*\[([^\]\s]+)", text)
    return found[1].upper() if found else ""


def is_alert(text: str) -> bool:
    """A person is to see this (RFC 9051, 7.1; WEBALERT is Gmail's)."""
    return response_code(text) in ("ALERT", "WEBALERT")


def imap_refusal(
    status: str, text: str, alerts: str = "", others: Sequence[str] = (), *, complaints: str = ""
) -> Fault:
    """A tagged NO or BAD to LOGIN or AUTHENTICATE; untagged `alerts` and `complaints` (NO, BAD) came before.

    An alert may be an announcement to everybody: it counts only where the answer itself blames the password
    or nothing, and only if it can be meant for this login alone.
    `others`: the ways to log in that the server offers, if none of them is for passwords.
    """
    said = f"{complaints[: rules.LONGEST // 2]} {text[: rules.LONGEST]}".strip()
    notice = f"{alerts} {complaints}".strip()
    facts = {"text": text, "notice": notice, "methods": ", ".join(others)}
    fault = _judged(_imap(status, text, said), **{key: word for key, word in facts.items() if word})
    if fault.code == "auth.bad_credentials" and (rule := rules.judge(Seen("alert", "imap", "", alerts))):
        fault.code, fault.confidence, fault.next = rule.code, rule.confidence, rule.next
    return fault


def imap_bye(text: str, stage: Stage) -> Fault:
    """`* BYE` before the tagged answer; its code is believed unless it blames the password."""
    text = text[: rules.LONGEST]
    if stage != "login":
        return Fault("proto.bye", text=text, when=_WHEN[stage])
    return _judged(_imap("BYE", text, text), text=text, when=_WHEN[stage])


def inbox_refusal(status: str, text: str) -> Fault:
    """A tagged NO or BAD to EXAMINE INBOX, after a login that works."""
    return _judged(_imap(status, text, text[: rules.LONGEST], "inbox"), text=text)


def _imap(status: str, text: str, said: str, layer: Layer = "login") -> Seen:
    return Seen(layer, "imap", f"{status} {response_code(text)}".strip(), _ADDRESS.sub(" ", said))


_ADDRESS = re.compile(
    r"\bhttps?://[^\s\]>)]{1,500}|\b[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){1,8}/[^\s\]>)]{0,500}", re.I
)
"""A page's name: its words are about the page."""


def smtp_refusal(code: int, text: str) -> Fault:
    """The reply to AUTH when it is not 235."""
    said = f"{code} {text}"[: rules.LONGEST]
    seen = Seen("login", "smtp", " ".join(_status(code, text)), _ADDRESS.sub(" ", said))
    return _judged(seen, text=said, when=_WHEN["login"])


def _status(code: int, text: str) -> list[str]:
    """The code of a reply, and its enhanced status code (RFC 3463) if there is one."""
    found = re.match(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", text)
    return [f"{code}", *([found[1]] if found else [])]


def send_refusal(step: Literal["MAIL", "RCPT", "DATA", "END"], code: int, text: str) -> Fault:
    """What the server said instead of taking the mail; `END` is the reply to the mail itself."""
    said = f"{code} {text}"[: rules.LONGEST]
    status = " ".join([step, *_status(code, text)])
    return _judged(Seen("send", "smtp", status, said), text=said)


def hello_refusal(code: int, text: str) -> Fault:
    """The reply to EHLO when it is not 250 (RFC 5321, 4.2.2 and 4.3.2)."""
    said = f"{code} {text}"
    if code == 221:
        return Fault("proto.bye", text=said, when=_WHEN["hello"])
    if 500 <= code <= 504:  # the command or its argument, not who sent it
        return Fault("proto.bad", text=said, command="the greeting (EHLO)", judged="sent")
    rule = rules.judge(Seen("greeting", "smtp", f"{code}", text))
    return Fault(rule.code, text=said) if rule else trouble("garbled", "hello", heard=True)


def _judged(seen: Seen, **facts: str) -> Fault:
    rule = rules.judge(seen)
    assert rule, seen  # noqa: S101 - every layer but the greeting ends with a row for all the rest
    fault = Fault(rule.code, **facts)
    fault.seen, fault.confidence, fault.next = seen, rule.confidence, rule.next
    return fault


_OPEN = ("auth.bad_credentials", "auth.access_off", "auth.refused")
_PLAIN_WORDS = ("auth.limit", "auth.app_password_required")


def at_provider(fault: Fault, own: Iterable[Rule]) -> Fault:
    """The same fault, if the account's provider means something else by these words.

    Words of a login count only where the server's code and other words leave it open: `NO [UNAVAILABLE]`
    stays that.
    """
    rule = next((rule for rule in own if fault.seen and rule.fits(fault.seen)), None)
    if rule is None or fault.seen is None:
        return fault
    plain = rule.layer != "login" or rule.code in _PLAIN_WORDS or fault.code in {*_OPEN, rule.code}
    if plain:
        fault.code, fault.next, fault.confidence = rule.code, rule.next, rule.confidence
    return fault


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


DOUBT = (
    "Copy the {term} again, or make a new one; {host} lists only {methods}, so it may want the provider's "
    "own sign-in instead of any password."
)
NO_LOGIN = "{host} does not know LOGIN, and lists only {methods}: use the provider's own sign-in."


def refine(fault: Fault, secret: Secret, rule: AppPassword | None) -> Fault:
    """A rejected login, told apart by what the server offers and by what the password looks like."""
    if "methods" in fault.facts and fault.seen and fault.seen.layer == "login":
        if fault.code == "auth.bad_credentials":
            fault.confidence, fault.next = "likely", DOUBT
        elif fault.code in ("proto.bad", "auth.method_broken"):
            fault.code, fault.confidence, fault.next = "auth.method_off", "likely", NO_LOGIN
    if rule is None:
        return fault
    fault.facts |= {"term": rule.term}
    if rule.form:
        fault.facts |= {"displayed": rule.form.displayed_as}
    if fault.code == "auth.bad_credentials":
        shape = shape_of(secret, rule)
        if shape.kind != "fits":
            fault.next, fault.confidence = "", "likely"
            fault.code = "auth.password_mangled" if shape.kind == "mangled" else "auth.account_password"
            fault.facts["why"] = shape.why
    return fault
