"""From a fault to what a person reads: sentence, next step, exit code."""

from __future__ import annotations

import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from provisioner.accounts import Target
from provisioner.check import waiting
from provisioner.check.causes import CAUSES
from provisioner.check.rules import Confidence, Seen
from provisioner.outcome import CheckResult
from provisioner.secret import Pieces, Secret

MAX_TEXT = 200
"""Characters of a server's own words that are shown."""


class Fault(Exception):
    """Something stopped the check. `facts` fill the sentence; they may hold a server's raw words."""

    def __init__(self, code: str, **facts: str) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts
        self.seen: Seen | None = None
        """What was judged by the table of rules; the account's provider may know better."""
        self.confidence: Confidence = "certain"
        self.next = ""
        """A next step instead of the cause's own; it may use the same names in braces."""


_DEFAULTS = {
    "finding": "",
    "methods": "OAuth",
    "term": "app password",
    "displayed": "the provider shows",
    "text": "(no reason given)",
    "command": "the login",
    "judged": "judged",
    "wait": waiting.UNKNOWN,  # after too much of something
    "pause": "some minutes",  # until a server is mended
}


def clean(text: str, passwords: Pieces) -> str:
    """`text` on one line without control characters, `passwords` masked, at most MAX_TEXT characters."""
    masked = passwords.redact(text)
    printable = masked if masked.isprintable() else "".join(c if c.isprintable() else " " for c in masked)
    words = passwords.redact(" ".join(printable.split()))
    return words if len(words) <= MAX_TEXT else words[: MAX_TEXT - 1].rstrip() + "…"


def explain(
    code: str, facts: dict[str, str], *, host: str, port: int, secrets: Iterable[Secret] = (), step: str = ""
) -> tuple[str, str]:
    """The sentence and the next step of a cause, or `step` instead.

    The server's words are added to what judges the login: before the answer (`notice`), and in it (`text`).
    """
    passwords = Pieces(secrets)
    cause = CAUSES[code]
    given = {key: clean(value, passwords) for key, value in facts.items()}
    if notice := given.pop("notice", ""):
        given["text"] = f"{notice} {given.get('text', '')}".strip()
    values = defaultdict(lambda: "unknown", _DEFAULTS)
    if span := waiting.told(given.get("text", "")):
        values["wait"] = values["pause"] = span
    values.update({key: value for key, value in given.items() if value}, host=host, port=str(port))
    values["a_term"] = ("an " if values["term"][0] in "aeiouAEIOU" else "a ") + values["term"]
    sentence = cause.sentence.format_map(values)
    if given.get("text") and "{text}" not in cause.sentence:
        sentence += f" It says: {given['text']}"
    return sentence, (step or cause.next).format_map(values)


def exit_code(code: str) -> int:
    """The process's exit code for a cause: 0 it works, 3 login rejected, 4 unreachable or TLS, 1 other."""
    return CAUSES[code].exit_code


_PASSWORD_BLAMED = ("auth.bad_credentials", "auth.account_password", "auth.password_mangled")
_Service = TypeVar("_Service", bound=str)


def compare(results: Mapping[_Service, CheckResult]) -> dict[_Service, CheckResult]:
    """The results in the light of each other: a password that one server takes is not wrong, and two
    servers that show one certificate and do not talk like mail servers are the network itself."""
    shown = {result.refused_certificate for result in results.values()}
    if len(results) > 1 and len(shown) == 1 and (certificate := shown.pop()):
        return {service: _blame_network(result, certificate) for service, result in results.items()}
    accepted = next(
        (result for result in results.values() if result.ok or result.code.startswith("box.")), None
    )
    if accepted is None:
        return dict(results)
    return {
        service: _blame_username(result, accepted) if result.code in _PASSWORD_BLAMED else result
        for service, result in results.items()
    }


def skipped(service: str, target: Target, limited: CheckResult) -> CheckResult:
    """What is said instead of a login at a server that has answered another one with `limited`."""
    facts = {"wait": waiting.told(limited.message)}
    message, step = explain("auth.skipped", facts, host=target.host, port=target.port)
    user = target.usernames[0] if target.usernames else ""
    return CheckResult(service, target.host, target.port, user, False, "auth.skipped", message, step)


def _blame_network(result: CheckResult, certificate: str) -> CheckResult:
    facts = {"names": certificate.partition(" / ")[0]}
    message, step = explain("net.captive_portal", facts, host=result.host, port=result.port)
    return replace(result, code="net.captive_portal", message=message, next=step, confidence="likely")


def _blame_username(result: CheckResult, accepted: CheckResult) -> CheckResult:
    if accepted.user in (result.user, *result.tried):
        return _blame_service(result, accepted)
    code = form_wanted(result.user, accepted.user)
    option = login_option(result.service, accepted.user if code else "USER")
    if result.service == "imap" and not code:  # --login alone would change the name for sending, too
        option += f" --smtp-login {shlex.quote(accepted.user)}"
    other = accepted.user if code else f"{accepted.host} (as {accepted.user})"
    facts = {"user": result.user, "other": other, "option": option}
    code = code or "auth.username"
    message, step = explain(code, facts, host=result.host, port=result.port)
    confidence = "certain" if code == "auth.username" else "likely"
    return replace(result, code=code, message=message, next=step, confidence=confidence)


def _blame_service(result: CheckResult, accepted: CheckResult) -> CheckResult:
    """Neither the password nor the name can be wrong: the other server takes both."""
    code = "auth.bad_credentials"
    message, step = result.message, result.next
    if result.code != code:  # what the password looks like does not matter then
        message, step = explain(code, {}, host=result.host, port=result.port)
    stop = "" if message.endswith((".", "!", "?", "…")) else "."
    message += (
        f"{stop} {accepted.host} accepts both, so {result.service.upper()} may be switched off "
        "for the account, or the password may not be meant for it."
    )
    return replace(result, code=code, message=message, next=step, confidence="likely")


def form_wanted(refused: str, accepted: str) -> str | None:
    """The cause, if two user names are two forms of one address."""
    if accepted.partition("@")[0] == refused:
        return "auth.username_full"
    return "auth.username_local" if refused.partition("@")[0] == accepted else None


def login_option(service: str, user: str) -> str:
    """What to type for this user name."""
    return f"{'--smtp-login' if service == 'smtp' else '--login'} {shlex.quote(user)}"


def size(number: int) -> str:
    """Bytes for a person: `4.8 GB` (of 1000)."""
    value, unit = number / 1000, "kB"
    for larger in ("MB", "GB", "TB"):
        if value < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.1f} {unit}"
