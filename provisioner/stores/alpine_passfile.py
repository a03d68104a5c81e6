"""alpine's file of passwords: lines in a simple cipher, encrypted to a key that lies beside it.

Format: pith/pine.hlp in alpine's source (Password File), alpine/imap.c (read_passfile, write_passfile,
xlate_in) and pith/smime.c (encrypt_file). Whoever can read the key can read the passwords.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

from provisioner.errors import Conflict, UsageError
from provisioner.secret import Secret

MAX_BYTES = 100
"""Of a password, user name or host (write_passfile)."""
_YEARS = 100
_FIRST, _COUNT = 0x20, 0x7E - 0x20 + 1
"""The characters that the simple cipher turns, and how many they are."""


@dataclass(frozen=True)
class Entry:
    """One login. `host` is `HOST:PORT`, else alpine asks once more."""

    secret: Secret
    user: str
    host: str


@dataclass(frozen=True)
class Key:
    """PEM files, the key without a passphrase."""

    private: bytes = field(repr=False)
    certificate: bytes


def make_key(name: str) -> Key:
    """A new one of the kind that alpine makes for itself, for the certificate subject `name`."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=365 * _YEARS))
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Key(pem, certificate.public_bytes(serialization.Encoding.PEM))


def read(data: bytes, key: Key) -> tuple[Entry, ...]:
    """The logins. Raises Conflict (`store.unreadable`) if they cannot be read with the key."""
    try:
        private = serialization.load_pem_private_key(key.private, None)
        certificate = x509.load_pem_x509_certificate(key.certificate)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise TypeError("not an RSA key")
        text = pkcs7.pkcs7_decrypt_pem(data, certificate, private, [])
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Conflict(
            "The passwords that alpine has stored for this account cannot be read.",
            "Remove the account with --force and set it up again.",
            code="store.unreadable",
        ) from None
    found = []
    for number, line in enumerate(text.replace(b"\r\n", b"\n").split(b"\n")):
        parts = _turned(line, number, -1).decode("utf-8", "surrogateescape").split("\t")
        if len(parts) >= 3:
            found.append(Entry(Secret(parts[0]), parts[1], parts[2]))
    return tuple(found)


def write(entries: Sequence[Entry], key: Key) -> bytes:
    """The file. Raises UsageError (`value.unwritable`) for what a line cannot hold."""
    lines = []
    for number, entry in enumerate(entries):
        parts = (entry.secret.reveal(), entry.user, entry.host)
        if any(set(part) & set("\t\r\n\0") or len(part.encode()) > MAX_BYTES for part in parts):
            raise UsageError(
                f"alpine cannot store a password or user name of more than {MAX_BYTES} bytes, or with tabs.",
                "Make another password, or set this account up in another client.",
                code="value.unwritable",
            )
        # The flag says that the password goes only over TLS.
        lines.append(_turned("\t".join((*parts, "1")).encode(), number, 1) + b"\n")
    certificate = x509.load_pem_x509_certificate(key.certificate)
    return (
        pkcs7.PKCS7EnvelopeBuilder()
        .set_data(b"".join(lines))
        .add_recipient(certificate)
        .set_content_encryption_algorithm(algorithms.AES256)
        .encrypt(serialization.Encoding.PEM, [pkcs7.PKCS7Options.Binary])
    )


def _turned(line: bytes, number: int, sign: int) -> bytes:
    """Each printable character turned by the sum of those before it and the line's number, from 0."""
    key, out = number, bytearray()
    for byte in line:
        if _FIRST <= byte < _FIRST + _COUNT:
            turned = (byte - _FIRST + sign * key) % _COUNT
            key = turned if sign > 0 else byte - _FIRST
            out.append(turned + _FIRST)
        else:
            out.append(byte)
    return bytes(out)
