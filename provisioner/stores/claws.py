"""Claws Mail's own store of passwords, passwordstorerc; pure: bytes to bytes.

An entry is `{AES-256-CBC,ROUNDS}BASE64`: a random block, then the password padded with zeros to a multiple of
128 bytes, encrypted under PBKDF2-HMAC-SHA1(passphrase, salt, ROUNDS) (src/password.c, src/passwordstore.c).
The passphrase is the user's, or else one that is part of the program: then this is **obfuscation**, and who
can read the files has the password.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import itertools
import os
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from provisioner.errors import Conflict, UsageError
from provisioner.secret import Secret

BUILT_IN = Secret("passkey0")
"""What every program is built with, unless its builder chose another (configure.ac, --with-passcrypt-key)."""
ROUNDS = 50000
"""The usual number (src/prefs_common.c, master_passphrase_pbkdf2_rounds)."""
MAX_ROUNDS = 10_000_000
SALT = 64
"""Bytes of a new salt."""
_BLOCK, _CHUNK, _KEY, _CHECK = 16, 128, 32, 64
_ENTRY = re.compile(r"\{AES-256-CBC,(\d{1,9})\}([A-Za-z0-9+/]+=*)")
_HASH = re.compile(r"\{PBKDF2-HMAC-SHA1,(\d{1,9})\}([A-Za-z0-9+/]+=*)")


class Unreadable(ValueError):
    """An entry is none that this passphrase opens."""


@dataclass(frozen=True)
class Vault:
    """What encrypts: the passphrase and what clawsrc says beside it."""

    passphrase: Secret
    salt: bytes
    rounds: int = ROUNDS

    @classmethod
    def open(cls, stored_hash: str, salt: bytes, rounds: int, passphrase: Secret | None) -> Vault:
        """Under the user's passphrase, which must fit `stored_hash` (clawsrc, master_passphrase).

        Raises UsageError (`store.primary_password_needed`, `store.primary_password_wrong`) and Conflict
        (`store.unrecognised`).
        """
        if passphrase is None:
            raise UsageError(
                "Claws Mail's saved passwords are protected by a primary passphrase.",
                "Give the primary passphrase that Claws Mail asks for.",
                code="store.primary_password_needed",
            )
        match = _HASH.fullmatch(stored_hash)
        if match is None or not 0 < int(match[1]) <= MAX_ROUNDS:
            raise Conflict(
                "The primary passphrase of Claws Mail is stored in a form that we do not know.",
                "Turn the primary passphrase off in Claws Mail (Preferences, Other), run the command again, "
                "and turn it on again.",
                code="store.unrecognised",
            )
        derived = _derive(passphrase.reveal(), salt, int(match[1]), _CHECK)
        if not hmac.compare_digest(derived, _decoded(match[2])):
            raise UsageError(
                "That is not the primary passphrase of Claws Mail.",
                "Give the primary passphrase that Claws Mail asks for; capital letters matter.",
                code="store.primary_password_wrong",
            )
        return cls(passphrase, salt, rounds)

    def encrypt(self, secret: Secret) -> str:
        data = secret.reveal().encode()
        padded = data.ljust((len(data) // _CHUNK + 1) * _CHUNK, b"\0")
        encryptor = self._cipher(self.rounds).encryptor()
        encrypted = encryptor.update(os.urandom(_BLOCK) + padded) + encryptor.finalize()
        return f"{{AES-256-CBC,{self.rounds}}}{base64.b64encode(encrypted).decode()}"

    def decrypt(self, entry: str) -> Secret:
        """Raises Unreadable for an entry of another kind, or one that is encrypted otherwise."""
        match = _ENTRY.fullmatch(entry)
        data = _decoded(match[2]) if match else b""
        if match is None or len(data) % _BLOCK or not 0 < int(match[1]) <= MAX_ROUNDS:
            raise Unreadable("a form of its own")
        decryptor = self._cipher(int(match[1])).decryptor()
        plain = decryptor.update(data) + decryptor.finalize()
        text, _, padding = plain[_BLOCK:].partition(b"\0")
        try:
            if padding.strip(b"\0") or not padding:
                raise Unreadable("another passphrase")
            return Secret(text.decode())
        except UnicodeDecodeError:
            raise Unreadable("another passphrase") from None

    def _cipher(self, rounds: int) -> Cipher[modes.CBC]:
        # The first block is thrown away, so any vector will do; Claws Mail does not keep its own.
        if self.passphrase == BUILT_IN:
            key = _well_known(self.salt, rounds)
        else:
            key = _derive(self.passphrase.reveal(), self.salt, rounds, _KEY)
        return Cipher(algorithms.AES256(key), modes.CBC(bytes(_BLOCK)))


@functools.lru_cache(maxsize=8)
def _well_known(salt: bytes, rounds: int) -> bytes:
    """The key that everyone can derive; only this one is remembered."""
    return _derive(BUILT_IN.reveal(), salt, rounds, _KEY)


def _derive(passphrase: str, salt: bytes, rounds: int, length: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha1", passphrase.encode(), salt, rounds, length)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Unreadable("no base64") from None


class PasswordStore:
    """passwordstorerc: blocks `[account:NUMBER]` of lines `NAME ENTRY`; other lines stay as they are."""

    def __init__(self, data: bytes | None, version: int) -> None:
        """`version` is the config_version of a new file."""
        self._lines = (data or b"").decode("utf-8", "surrogateescape").splitlines(keepends=True)
        self._version = version

    @property
    def data(self) -> bytes | None:
        """The file; None once nothing but its version is left."""
        if all(not line.strip() or line.startswith("[config_version:") for line in self._lines):
            return None
        return "".join(self._lines).encode("utf-8", "surrogateescape")

    def entries(self, account: str) -> dict[str, str]:
        """Name -> entry of one account."""
        start, end = self._block(account) or (0, 0)
        words = (line.split() for line in self._lines[start + 1 : end])
        return {found[0]: found[1] for found in words if len(found) == 2}

    def all_entries(self) -> list[str]:
        """Every entry in the file."""
        words = (line.split() for line in self._lines if not line.startswith("["))
        return [found[1] for found in words if len(found) == 2]

    def put(self, account: str, name: str, entry: str) -> None:
        """Sets one entry of an account."""
        line = f"{name} {entry}\n"
        if not self._lines:
            self._lines.append(f"[config_version:{self._version}]\n")
        if not self._lines[-1].endswith("\n"):
            self._lines[-1] += "\n"
        if self._block(account) is None:
            self._lines += ["\n", f"[account:{account}]\n"]
        start, end = self._block(account) or (0, 0)
        for index in range(start + 1, end):
            if self._lines[index].startswith(f"{name} "):
                self._lines[index] = line
                return
        while not self._lines[end - 1].strip():
            end -= 1
        self._lines.insert(end, line)

    def drop(self, account: str) -> None:
        """Takes an account's block out, with the empty line that sets it apart."""
        if block := self._block(account):
            start, end = block
            while end == len(self._lines) and start and not self._lines[start - 1].strip():
                start -= 1
            del self._lines[start:end]

    def _block(self, account: str) -> tuple[int, int] | None:
        """From the account's own line up to the next block, None if there is none."""
        heads = [index for index, line in enumerate(self._lines) if line.startswith("[")]
        for start, end in itertools.pairwise([*heads, len(self._lines)]):
            if self._lines[start].strip() == f"[account:{account}]":
                return start, end
        return None


def shown(data: bytes) -> str:
    """What a diff may say of the file: which accounts have which passwords, not even encrypted ones."""
    lines = data.decode("utf-8", "replace").splitlines()
    marks = {line: hashlib.sha256(line.encode()).hexdigest()[:8] for line in lines}
    return "".join(
        f"{line}\n" if line.startswith("[") else f"{line.split()[0]} (password {marks[line]})\n"
        for line in lines
        if line.strip()
    )
