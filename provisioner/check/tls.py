"""TLS for a connection, and the second look that names what is wrong with it.

A second look is a connection of its own on which certificates are not verified and nothing is sent
after the handshake; it only reads what the server shows.
"""

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


@dataclass(frozen=True, slots=True)
class Shown:
    """What a certificate says about itself; nobody has verified it."""

    issuer: str
    names: str
    not_before: str
    not_after: str


def certificate_fault(code: int, text: str, shown: Shown | None) -> Fault:
    """OpenSSL's X509_V_ERR number, with what the certificate shows, as a cause."""
    shown = shown or Shown("unknown issuer", "another name", "an unknown date", "an unknown date")
    rule = rules.judge(Seen("certificate", "", f"{code}", shown.issuer))
    cause = rule.code if rule else "tls.cert_invalid"
    date = shown.not_before if cause == "tls.cert_not_yet_valid" else shown.not_after
    facts = {"issuer": shown.issuer, "names": shown.names, "date": date}
    return Fault(cause, **facts, **({"text": text} if cause == "tls.cert_invalid" else {}))


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
            shown = _look(again, host)
        raise certificate_fault(error.verify_code, error.verify_message, shown) from None
    except ssl.SSLError as error:
        raise handshake_fault(error.reason or "") from None
    except ValueError:  # the name cannot be asked for: empty label, leading dot, too long
        raise Fault("net.dns") from None


def _verified(tls: ssl.SSLObject) -> Verified:
    shown: Any = tls.getpeercert() or {}
    issuer = {key: value for name in shown.get("issuer", ()) for key, value in name}
    seconds = ssl.cert_time_to_seconds(shown["notAfter"]) if "notAfter" in shown else None
    return Verified(
        expires=f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}" if seconds is not None else "",
        issuer=issuer.get("organizationName") or issuer.get("commonName", ""),
    )


def speaks_tls(again: Callable[[], Wire], host: str, seconds: float) -> bool:
    """Whether a server that is silent in clear answers a TLS hello."""
    with contextlib.suppress(Fault):
        wire = again()
        wire.enter("tls", seconds)
        try:
            wire.handshake(_blind_context(), host)
        except ClearText:
            return False
        except ssl.SSLError:
            return True  # it answered with a TLS alert
        finally:
            wire.close()
        return True
    return False


def _look(again: Callable[[], Wire], host: str) -> Shown | None:
    wire = again()
    try:
        wire.enter("tls", 5)
        der = wire.handshake(_blind_context(), host).getpeercert(binary_form=True)
    except (ClearText, ssl.SSLError):
        return None
    finally:
        wire.close()
    return _read_certificate(der) if der else None


def _blind_context() -> ssl.SSLContext:
    """Verifies nothing: for a look that sends nothing. `Wire` lets no password pass through it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read_certificate(der: bytes) -> Shown | None:
    from cryptography import x509  # only needed for a fault, and slow to import

    try:
        certificate = x509.load_der_x509_certificate(der)
        try:
            alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            names = [str(name.value) for name in alternative]
        except x509.ExtensionNotFound:
            names = _attributes(certificate.subject, x509.NameOID.COMMON_NAME)
        issuer = _attributes(certificate.issuer, x509.NameOID.ORGANIZATION_NAME, x509.NameOID.COMMON_NAME)
        return Shown(
            issuer=", ".join(issuer) or certificate.issuer.rfc4514_string() or "unknown issuer",
            names=", ".join(names[:3]) + (" ..." if len(names) > 3 else "") or "another name",
            not_before=f"{certificate.not_valid_before_utc:%Y-%m-%d}",
            not_after=f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        )
    except ValueError:  # not a certificate that can be parsed
        return None


def _attributes(name: object, *oids: object) -> list[str]:
    return [str(found.value) for oid in oids for found in name.get_attributes_for_oid(oid)]  # type: ignore[attr-defined]
