"""A look at what a server shows without proof: on a connection of its own, after which nothing is sent."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from provisioner.check.diagnosis import Fault
from provisioner.check.evidence import speaker
from provisioner.check.wire import ClearText, Wire


@dataclass(frozen=True, slots=True)
class Shown:
    """What a certificate says about itself; nobody has verified it."""

    issuer: str = "unknown issuer"
    names: str = "another name"
    not_before: str = "an unknown date"
    not_after: str = "an unknown date"
    sent: int = 0
    """How many certificates came; 0: not known."""
    talks: str = ""
    """Who greets there; empty: nobody we know."""


def speaks_tls(again: Callable[[], Wire], host: str, seconds: float) -> bool:
    """Whether a server that is silent in clear answers a TLS hello."""
    with contextlib.suppress(Fault):
        wire = again()
        wire.enter("tls", seconds)
        try:
            wire.handshake(blind_context(), host)
        except ClearText:
            return False
        except ssl.SSLError:
            return True  # it answered with a TLS alert
        finally:
            wire.close()
        return True
    return False


def look(again: Callable[[], Wire], host: str, *, greets: bool) -> Shown | None:
    """The certificate that was refused; if a greeting comes next, also who talks there. Raises Fault."""
    wire = again()
    try:
        wire.enter("tls", 5)
        tls = wire.handshake(blind_context(), host)
        shown = _read_certificate(tls.getpeercert(binary_form=True) or b"")
        talks = ""
        if greets and shown:
            wire.enter("greeting", 1.5)
            with contextlib.suppress(Fault):
                talks = speaker(wire.readline())
        return shown and replace(shown, sent=_number_sent(tls), talks=talks if greets else "mail")
    except (ClearText, ssl.SSLError):
        return None
    finally:
        wire.close()


def _number_sent(tls: Any) -> int:
    """Certificates in the server's message. Public since Python 3.13."""
    ask = getattr(tls, "get_unverified_chain", None) or getattr(tls._sslobj, "get_unverified_chain", None)
    return len(ask() or ()) if ask else 0


def blind_context() -> ssl.SSLContext:
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
