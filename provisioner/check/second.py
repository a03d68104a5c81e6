"""A second look after a fault whose reason may lie on this side: name service, search domain, clock."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provisioner.check.diagnosis import Fault
from provisioner.check.reach import resolve

SECONDS = 3
"""For each name that is looked up."""
_WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)
_LASTS = timedelta(days=3652)
"""A clock so far ahead of this program is not believed."""
_ELSEWHERE = (
    "net.refused",
    "net.timeout",
    "greet.not_mail",
    "tls.cert_wrong_host",
    "tls.cert_self_signed",
    "tls.cert_unknown_ca",
)
"""Seen, too, when a name leads to a computer that is not meant."""


def look(fault: Fault, host: str, others: Iterable[str], deadline: float) -> Fault:
    """The fault, told more exactly if a look shows more. Takes no longer than `deadline`."""
    if fault.code == "net.dns":
        _tell_names_apart(fault, host, others, deadline)
    elif fault.code in ("tls.cert_not_yet_valid", "tls.cert_expired"):
        if not plausible(now := _now()):
            fault.facts["finding"] = f", but this computer's clock says {now:%Y-%m-%d}, which must be wrong"
            fault.next = "Set this computer's date and time, then try again."
    elif fault.code in _ELSEWHERE and (real := search_domain(host, deadline)):
        return Fault("net.search_domain", real=real)
    return fault


def _tell_names_apart(fault: Fault, host: str, others: Iterable[str], deadline: float) -> None:
    """Misspelt, or nothing can be looked up: the name of another server tells."""
    strangers = [name for name in others if _domain(name) != _domain(host)]
    other = strangers[0] if strangers else ""
    answer = resolve(other, 0, _within(deadline)) if other else ""
    if isinstance(answer, list):
        fault.facts["finding"] = f"; {other} is found, so the name is probably misspelt"
        fault.next = "Check the spelling of {host}."
    elif fault.facts.get("answer") == "none" or answer == "none":
        fault.facts["finding"] = "; no name server answers, so this computer is probably offline"
        fault.next = "Check the internet connection."
    elif answer == "no":
        fault.facts["finding"] = f"; nor is {other} found"


def search_domain(host: str, deadline: float) -> str:
    """The name that the resolver made of `host` by adding a search domain to it, if that is all it found."""
    if "." not in host.strip(".") or host.endswith(".") or _is_address(host):
        return ""
    if resolve(host + ".", 0, _within(deadline)) != "no":
        return ""
    found = resolve(host, 0, _within(deadline), socket.AI_CANONNAME)
    real = found[0][3] if isinstance(found, list) else ""
    return real if real.lower().startswith(host.lower() + ".") else ""


def plausible(now: datetime) -> bool:
    """Whether a clock may be right: this program was written, and installed, in the past."""
    installed = datetime.fromtimestamp(Path(__file__).stat().st_mtime, UTC)
    earliest = max(_WRITTEN, installed)
    return earliest - timedelta(days=1) <= now <= earliest + _LASTS


def refused_certificate(fault: Fault) -> str:
    """Who showed it, if no mail server talks there."""
    facts = fault.facts
    return f"{facts['names']} / {facts['issuer']}" if "names" in facts and not facts.get("talks") else ""


def _now() -> datetime:
    return datetime.now(UTC)


def _domain(host: str) -> str:
    return ".".join(host.lower().rstrip(".").split(".")[-2:])


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _within(deadline: float) -> float:
    return min(deadline, time.monotonic() + SECONDS)
