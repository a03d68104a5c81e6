"""The demo server's certificate: made for one run, for `localhost`, by an authority nobody else knows.

Importing this module needs the `demo` extra.
"""

from __future__ import annotations

import base64
import os
import ssl
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes

HOST = "localhost"


class Certificate:
    """A key and certificate that live as long as this object; only the authority's certificate is a file."""

    def __init__(self) -> None:
        self._authority = trustme.CA()
        self._leaf = self._authority.issue_cert(HOST, "127.0.0.1")
        self._parsed = x509.load_pem_x509_certificate(self._leaf.cert_chain_pems[0].bytes())

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in upper-case hex with colons, as clients show it."""
        return self._parsed.fingerprint(hashes.SHA256()).hex(":").upper()

    def context(self) -> ssl.SSLContext:
        """What a server needs: TLS 1.2 or newer with this certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._leaf.configure_cert(context)
        return context

    def write_authority(self, path: Path) -> None:
        """Writes the authority's certificate (PEM) to a file that only the user can read."""
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._authority.cert_pem.bytes())

    def override(self, *ports: int) -> str:
        """The content of a Mozilla profile's `cert_override.txt`: trust exactly this certificate, only at
        these ports of `localhost`. Nothing else in the profile changes.

        Format: nsCertOverrideService.cpp (`Read`), one line per server: `host:port:originAttributes`, the
        OID of SHA-256, fingerprint, an empty field that once held bits, and the certificate's dbKey, which
        may not be empty.
        """
        lines = [
            f"{HOST}:{port}:\tOID.2.16.840.1.101.3.4.2.1\t{self.fingerprint}\t\t{self._db_key}\n"
            for port in ports
        ]
        return "".join(["# PSM Certificate Override Settings file\n", *lines])

    @property
    def _db_key(self) -> str:
        """nsNSSCertificate.cpp (`GetDbKey`): eight zero bytes, both lengths, serial number, issuer."""
        number = self._parsed.serial_number
        serial = number.to_bytes(number.bit_length() // 8 + 1, "big")  # DER: a leading zero for the sign
        issuer = self._parsed.issuer.public_bytes()
        sizes = bytes(8) + len(serial).to_bytes(4, "big") + len(issuer).to_bytes(4, "big")
        return base64.b64encode(sizes + serial + issuer).decode()
