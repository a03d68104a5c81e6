"""How NSS protects the values in key4.db with the Primary Password (lib/softoken/sftkpwd.c, lowpbe.c).

Without a Primary Password the password is the empty string; everything else is the same.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, CipherAlgorithm, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.padding import PKCS7

from provisioner.stores.mozilla import der, oid

MAX_ITERATIONS = 1_000_000
"""NSS itself uses 1 or 10,000; more than this is an attempt to keep us busy."""

_SALT_HASHES = {20: "sha1", 48: "sha384"}
"""The length of the global salt tells the hash: SHA-384 since NSS bug 1990242 (2025)."""

_SALT = 32
_IV = 14
_ENTRY_SALT = 20


class Unreadable(ValueError):
    """A protected value has an unknown format, or the password does not fit it."""


class Undecryptable(Unreadable):
    """A value has a known format but the key, and so perhaps the password, does not fit it."""


class Protection:
    """The Primary Password joined with a store's global salt; protects and opens values.

    Raises Unreadable for a salt of an unknown kind.
    """

    __slots__ = ("_hash",)

    def __init__(self, global_salt: bytes, password: str) -> None:
        name = _SALT_HASHES.get(len(global_salt))
        if name is None:
            raise Unreadable("its global salt has an unknown length")
        self._hash = hashlib.new(name, global_salt + password.encode(errors="replace")).digest()

    def open(self, protected: bytes) -> tuple[bytes, int | None]:
        """The plain value, and its PBKDF2 iterations (None for the format of NSS before 3.49).

        Raises Unreadable, and its child Undecryptable where the password may be the wrong one.
        """
        match _decode(protected):
            case (
                (
                    oid.PBES2,
                    (
                        (oid.PBKDF2, (bytes() as salt, int() as iterations, 32, (oid.HMAC_SHA256,))),
                        (oid.AES256_CBC, bytes() as iv),
                    ),
                ),
                bytes() as ciphertext,
            ) if len(iv) == _IV:
                algorithm = algorithms.AES256(self._derive(salt, iterations))
                # NSS takes the whole encoded OCTET STRING, tag and length included, for the IV.
                return decrypt(algorithm, der.encode(iv), ciphertext, block=16), iterations
            case ((oid.PBE_SHA1_3DES, (bytes() as salt, 1)), bytes() as ciphertext) if (
                len(salt) == _ENTRY_SALT
            ):
                key, iv = self._derive_old(salt)
                return decrypt(TripleDES(key), iv, ciphertext, block=8), None
        raise Unreadable("a value is protected in an unknown way")

    def close(self, plain: bytes, iterations: int) -> bytes:
        """`plain` protected as current NSS does it."""
        salt, iv = secrets.token_bytes(_SALT), secrets.token_bytes(_IV)
        ciphertext = encrypt(
            algorithms.AES256(self._derive(salt, iterations)), der.encode(iv), plain, block=16
        )
        scheme = (oid.PBES2, (_kdf(salt, iterations), (oid.AES256_CBC, iv)))
        return der.encode((scheme, ciphertext))

    def sign(self, message: bytes, iterations: int) -> bytes:
        """The signature of `message` as current NSS makes it."""
        salt = secrets.token_bytes(_SALT)
        scheme = (oid.PBMAC1, (_kdf(salt, iterations), (oid.HMAC_SHA256,)))
        return der.encode((scheme, self._mac(salt, iterations, message)))

    def verify(self, message: bytes, signature: bytes) -> None:
        """Raises Unreadable unless `signature` is that of `message`."""
        match _decode(signature):
            case (
                (
                    oid.PBMAC1,
                    (
                        (oid.PBKDF2, (bytes() as salt, int() as iterations, 32, (oid.HMAC_SHA256,))),
                        (oid.HMAC_SHA256,),
                    ),
                ),
                bytes() as mac,
            ):
                if hmac.compare_digest(mac, self._mac(salt, iterations, message)):
                    return
                raise Unreadable("a key's signature is wrong")
        raise Unreadable("a key is signed in an unknown way")

    def _derive(self, salt: bytes, iterations: int) -> bytes:
        if not 1 <= iterations <= MAX_ITERATIONS:
            raise Unreadable("its iteration count is out of range")
        return PBKDF2HMAC(hashes.SHA256(), 32, salt, iterations).derive(self._hash)

    def _mac(self, salt: bytes, iterations: int, message: bytes) -> bytes:
        return hmac.digest(self._derive(salt, iterations), message, "sha256")

    def _derive_old(self, salt: bytes) -> tuple[bytes, bytes]:
        # PKCS #12 PBE as NSS did it for its own store (lowpbe.c, nsspkcs5_PKCS12PBE with SHA-1).
        key = hashlib.sha1(self._hash + salt).digest()  # noqa: S324 - what the format says

        def prf(data: bytes) -> bytes:
            return hmac.digest(key, data, "sha1")

        material = prf(salt + salt) + prf(prf(salt) + salt)
        return material[:24], material[-8:]


def encrypt(algorithm: CipherAlgorithm, iv: bytes, plain: bytes, *, block: int) -> bytes:
    """CBC with PKCS #7 padding; `block` in bytes."""
    padder = PKCS7(block * 8).padder()
    context = Cipher(algorithm, modes.CBC(iv)).encryptor()
    return context.update(padder.update(plain) + padder.finalize()) + context.finalize()


def decrypt(algorithm: CipherAlgorithm, iv: bytes, ciphertext: bytes, *, block: int) -> bytes:
    """The reverse of `encrypt`. Raises Undecryptable."""
    unpadder = PKCS7(block * 8).unpadder()
    context = Cipher(algorithm, modes.CBC(iv)).decryptor()
    try:
        return unpadder.update(context.update(ciphertext) + context.finalize()) + unpadder.finalize()
    except ValueError:
        raise Undecryptable("a value cannot be decrypted") from None


def _kdf(salt: bytes, iterations: int) -> tuple[der.Value, ...]:
    return (oid.PBKDF2, (salt, iterations, 32, (oid.HMAC_SHA256,)))


def _decode(data: bytes) -> der.Value:
    try:
        return der.decode(data)
    except der.NotDer:
        raise Unreadable("a value is not DER") from None
