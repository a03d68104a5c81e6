"""A password in memory: never shown by repr, str, format, logging, pickle or JSON."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from itertools import takewhile
from typing import Any, NoReturn

MASK = "••••••••"
CUT = 6
"""So many characters of a password are masked: a server may repeat only the beginning of what it was sent."""


class Secret:
    """Holds a password. Only `reveal()` gives it out; grep for that to see who does."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The password itself. Call it as late as possible and keep no copy."""
        return self._value

    def redact(self, text: str) -> str:
        """`text` with every occurrence of the password replaced by a mask."""
        return text.replace(self._value, MASK) if self._value else text

    def forms(self, *users: str) -> tuple[Secret, ...]:
        """The password in every shape in which it travels or is written down, itself included.

        Base64 alone and, for each of `users`, as SASL PLAIN has it (RFC 4616), with and without the `=` at
        the end; quoted with backslashes; percent-encoded; escaped for XML. Nothing for an empty password.
        """
        from html import escape  # these take longer to load than most runs need
        from urllib.parse import quote

        if not self._value:
            return ()
        encoded = [_base64(self._value), *(_base64(f"\0{user}\0{self._value}") for user in users)]
        escaped = self._value.replace("\\", "\\\\")
        written = (
            escaped.replace('"', '\\"'),
            escaped.replace("'", "\\'"),
            quote(self._value, safe="", errors="surrogateescape"),
            escape(self._value, quote=False),
        )
        shapes = {self._value, *encoded, *(form.rstrip("=") for form in encoded), *written}
        return tuple(Secret(form) for form in sorted(shapes, key=len, reverse=True))

    def redact_forms(self, text: str) -> str:
        """`text` with every form of the password masked."""
        for form in self.forms():
            text = form.redact(text)
        return text

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac

        return hmac.compare_digest(self._value.encode(), other._value.encode())

    __hash__ = None  # type: ignore[assignment]  # a hash in a set or a dump would be an oracle

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled or copied")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        self.__reduce__()


def _base64(text: str) -> str:
    return base64.b64encode(text.encode("utf-8", "surrogateescape")).decode()


def redact_cut(text: str, secrets: Iterable[Secret]) -> str:
    """`text` with every occurrence of one of `secrets` masked, in any case, also of its beginning alone.

    Beginnings of fewer than CUT characters stay.
    """
    values = [value for secret in secrets if (value := secret.reveal())]
    if not values:
        return text
    lower = text.lower()
    if len(lower) == len(text):
        values = [value.lower() for value in values]
    else:  # a letter that becomes two: compared as it is
        lower = text
    heads = {value[:CUT] for value in values}
    done, at = [], 0
    while places := [place for head in heads if (place := lower.find(head, at)) >= 0]:
        start = min(places)
        # Several forms begin alike; what stands there is one of them, whole or not.
        end = start + max(_alike(lower, start, value) for value in values)
        done += [text[at:start], MASK]
        at = end
    return "".join([*done, text[at:]])


def _alike(text: str, start: int, value: str) -> int:
    """So many characters of `value` stand at `start`; 0 if too few to count."""
    pairs = zip(value, text[start : start + len(value)], strict=False)
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return alike if alike >= min(CUT, len(value)) else 0
