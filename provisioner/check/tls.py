"""TLS for a connection, always verified; what is wrong with a certificate is seen by a look of its own."""

from __future__ import annotations

import contextlib
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from provisioner.check import rules
from provisioner.check.diagnosis import Fault
from provisioner.check.evidence import clear_text, handshake_fault
from provisioner.check.rules import Seen
from provisioner.check.shown import Shown, look
from provisioner.check.wire import ClearText, Wire
from provisioner.errors import UsageError
from provisioner.model import Security


def make_context() -> ssl.SSLContext:
    """The system's CA bundle (SSL_CERT_FILE is honoured by OpenSSL), host names checked, TLS 1.2 or newer.

    Reading the bundle takes some 40 ms: make one and share it. Raises UsageError (`tls.ca_file`) when
    SSL_CERT_FILE or SSL_CERT_DIR leads to no certificate: OpenSSL says nothing then, and the server
    would be blamed.
    """
    # Not ssl.create_default_context(): that would write the session's keys to SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    loaded = context.cert_store_stats()["x509"] > 0  # those of a directory are only read when needed
    file, directory = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file and (problem := _file_problem(file, loaded=loaded)):
        raise _no_authority("SSL_CERT_FILE", file, problem)
    if directory and (problem := _directory_problem(directory, others=loaded)):
        raise _no_authority("SSL_CERT_DIR", directory, problem)
    return context


def _file_problem(name: str, *, loaded: bool) -> str:
    try:
        Path(name).open("rb").close()
    except OSError as error:
        return f"which cannot be read: {error.strerror}"
    return "" if loaded else "which holds no certificate"


def _directory_problem(names: str, *, others: bool) -> str:
    """SSL_CERT_DIR is a list, as PATH is. OpenSSL looks a certificate up there by the hash of its name."""
    problem = "which holds no certificate under its hash"
    for name in names.split(os.pathsep):
        try:
            files = list(Path(name).iterdir())
            if others or any(re.fullmatch(r"[0-9a-f]{8}\.\d+", file.name) for file in files):
                return ""
        except OSError as error:
            problem = f"which cannot be read: {error.strerror}"
    return problem


def _no_authority(variable: str, value: str, problem: str) -> UsageError:
    return UsageError(
        f"{variable} names {value}, {problem}.",
        f"Correct {variable}, or unset it to use this computer's own certificates.",
        code="tls.ca_file",
    )


@dataclass(frozen=True, slots=True)
class Verified:
    """A certificate that was verified: the end of its time (ISO 8601, UTC) and who signed it."""

    expires: str = ""
    issuer: str = ""


def certificate_fault(code: int, text: str, shown: Shown | None) -> Fault:
    """OpenSSL's X509_V_ERR number, with what the certificate shows, as a cause."""
    shown = shown or Shown()
    rule = rules.judge(Seen("certificate", "", f"{code}", f"{shown.issuer}; {shown.sent} sent"))
    cause = rule.code if rule else "tls.cert_invalid"
    date = shown.not_before if cause == "tls.cert_not_yet_valid" else shown.not_after
    facts = {"issuer": shown.issuer, "names": shown.names, "date": date, "talks": shown.talks}
    fault = Fault(cause, **facts, **({"text": text} if cause == "tls.cert_invalid" else {}))
    fault.confidence = rule.confidence if rule else "certain"
    return fault


def secure(
    wire: Wire, context: ssl.SSLContext, host: str, security: Security, wanted: str, again: Callable[[], Wire]
) -> Verified:
    """Encrypts `wire` and verifies the server. `again` gives another connection at the same point.

    Raises Fault `tls.*`, `starttls.injected` or `greet.*`.
    """
    try:
        return _verified(wire.handshake(context, host))
    except ClearText as error:
        if security is Security.STARTTLS:
            raise Fault("starttls.injected") from None
        raise clear_text(wanted, error.data) from None
    except ssl.SSLCertVerificationError as error:
        shown = None
        with contextlib.suppress(Fault):
            shown = look(again, host, greets=security is Security.TLS)
        raise certificate_fault(error.verify_code, error.verify_message, shown) from None
    except ssl.SSLError as error:
        raise handshake_fault(error.reason or "") from None
    except ValueError:  # the name cannot be asked for: empty label, leading dot, too long
        raise Fault("net.dns") from None


_known: dict[bytes, Verified] = {}
"""What certificates say: many accounts of one server show the same, and reading it is slow."""


def _verified(tls: ssl.SSLObject) -> Verified:
    raw = tls.getpeercert(binary_form=True) or b""
    if raw not in _known:
        shown: Any = tls.getpeercert() or {}
        issuer = {key: value for name in shown.get("issuer", ()) for key, value in name}
        _known[raw] = Verified(
            expires=_iso(shown["notAfter"]) if "notAfter" in shown else "",
            issuer=issuer.get("organizationName") or issuer.get("commonName", ""),
        )
    return _known[raw]


def _iso(not_after: str) -> str:
    return f"{datetime.fromtimestamp(ssl.cert_time_to_seconds(not_after), UTC):%Y-%m-%dT%H:%M:%SZ}"
