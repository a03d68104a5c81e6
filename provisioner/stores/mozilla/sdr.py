"""The encryption of one field of logins.json, NSS's "secret decoder ring" (lib/pk11wrap/pk11sdr.c)."""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import CipherAlgorithm, algorithms

from provisioner.secret import Secret
from provisioner.stores.mozilla import der, oid
from provisioner.stores.mozilla.pbe import Unreadable, decrypt, encrypt

KEY_ID = b"\xf8" + bytes(14) + b"\x01"
"""CKA_ID of every SDR key, whatever its kind."""


class KeyKind(StrEnum):
    """Kinds of SDR keys: AES-256 is what Thunderbird 144 and later make, 3DES what every version reads."""

    AES = "aes"
    DES3 = "des3"

    @property
    def size(self) -> int:
        """Of the key, in bytes."""
        return 32 if self is KeyKind.AES else 24

    @property
    def block(self) -> int:
        """Of the cipher, and so of the IV, in bytes."""
        return 16 if self is KeyKind.AES else 8


_OIDS = {oid.AES256_CBC: KeyKind.AES, oid.DES_EDE3_CBC: KeyKind.DES3}


@dataclass(frozen=True)
class SdrKey:
    """A key for the fields of logins.json."""

    kind: KeyKind
    value: bytes = field(repr=False)

    @classmethod
    def generate(cls, kind: KeyKind) -> SdrKey:
        """A new random key."""
        value = secrets.token_bytes(kind.size)
        if kind is KeyKind.DES3:  # the low bit of each byte makes its parity odd (FIPS 46-3)
            value = bytes(byte ^ (byte.bit_count() + 1) % 2 for byte in value)
        return cls(kind, value)

    def encrypt(self, secret: Secret) -> str:
        """The field's text."""
        iv = secrets.token_bytes(self.kind.block)
        identifier = next(name for name, kind in _OIDS.items() if kind is self.kind)
        ciphertext = encrypt(self._algorithm(), iv, secret.reveal().encode(), block=self.kind.block)
        return base64.b64encode(der.encode((KEY_ID, (identifier, iv), ciphertext))).decode()

    def _algorithm(self) -> CipherAlgorithm:
        return algorithms.AES256(self.value) if self.kind is KeyKind.AES else TripleDES(self.value)

    def decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        """The plain bytes. Raises Unreadable."""
        if len(iv) != self.kind.block:
            raise Unreadable("a field has a bad initialisation vector")
        return decrypt(self._algorithm(), iv, ciphertext, block=self.kind.block)


def decrypt_field(text: object, keys: Mapping[KeyKind, SdrKey]) -> Secret:
    """What a field of logins.json says. Raises Unreadable.

    The format has no checksum: a damaged field with sound padding and sound UTF-8 reads as another text,
    in Thunderbird as well.
    """
    try:
        value = der.decode(base64.b64decode(text, validate=True)) if isinstance(text, str) else None
    except (binascii.Error, ValueError):
        value = None
    match value:
        case (key_id, (str() as identifier, bytes() as iv), bytes() as ciphertext) if key_id == KEY_ID:
            key = keys.get(_OIDS[identifier]) if identifier in _OIDS else None
            if key is None:
                raise Unreadable("a field was encrypted with a key that is not there")
            try:
                return Secret(key.decrypt(iv, ciphertext).decode())
            except UnicodeDecodeError:
                raise Unreadable("a field is not text") from None
    raise Unreadable("a field is not as Thunderbird writes it")
