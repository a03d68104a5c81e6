"""What may be shown of a file in a diff: masked text, and a summary of stores that are no text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.errors import ProvisionError
from provisioner.masking import masked_lines
from provisioner.secret import Secret


@dataclass(frozen=True)
class Shown:
    """Lines as they are compared, each beside what is printed of it."""

    lines: tuple[tuple[str, str], ...]
    summary: bool = False
    """These are not the file's own lines; those that are alike on both sides say nothing."""


def shown(path: Path, data: bytes | None, secrets: Sequence[Secret]) -> Shown:
    """A file, by its name. `secrets` are passwords that may be in it."""
    if data is None:
        return Shown(())
    summarise = _STORES.get(path.name) or _STORES.get(path.suffix)
    if summarise is not None:
        try:
            text = summarise(data)
        except (ProvisionError, ValueError):
            text = ""
        return _summary(text or f"(not readable, {len(data)} bytes)\n")
    if b"\0" in data:
        return _summary(f"(binary, {len(data)} bytes)\n")
    return Shown(tuple(masked_lines(data.decode("utf-8", "backslashreplace"), secrets)))


def _summary(text: str) -> Shown:
    return Shown(tuple((line, line) for line in text.splitlines()), summary=True)


def _key4(data: bytes) -> str:
    from provisioner.stores import mozilla

    return mozilla.shown_key4(data)


def _logins(data: bytes) -> str:
    from provisioner.stores import mozilla

    return mozilla.shown_logins(data)


def _claws(data: bytes) -> str:
    from provisioner.stores import claws

    return claws.shown(data)


def _profile(data: bytes) -> str:
    from provisioner.clients.apple_mail import profile

    return profile.shown(data)


_STORES: dict[str, Callable[[bytes], str]] = {
    "key4.db": _key4,
    "logins.json": _logins,
    "logins-backup.json": _logins,
    "passwordstorerc": _claws,
    ".mobileconfig": _profile,
    ".pkcs7": lambda data: "(encrypted)\n",
}
"""File name or suffix -> what to say of it. Loaded when needed, so that others cost nothing."""
