"""A password in memory: never shown by repr, str, format, logging, pickle or JSON."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Any, NoReturn

MASK = "••••••••"
CUT = 6
"""So many characters of a password are masked: a server may repeat only a part of what it was sent."""


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
        the end; quoted with backslashes; percent-encoded; escaped for XML; if long enough to be told from
        chance, also without the spaces and hyphens of its groups, in hexadecimal digits, and as base64 has it
        after a user name of any length. Nothing for an empty password.
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
        raw = self._value.encode("utf-8", "surrogateescape")
        derived = (re.sub(r"[\s-]", "", self._value), raw.hex(), *_end_of_base64(raw))
        shapes = {self._value, *encoded, *(form.rstrip("=") for form in encoded), *written}
        shapes |= {form for form in derived if len(form) >= CUT}
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


def _end_of_base64(raw: bytes) -> tuple[str, ...]:
    """What stands in base64 whatever came before `raw`, for each way to fall into groups of three."""
    encoded = [base64.b64encode(bytes(before) + raw).decode() for before in range(3)]
    return tuple(text[-(-before * 8 // 6) :].rstrip("=") for before, text in enumerate(encoded))


class Pieces:
    """Finds passwords in a text, and whatever part of one is long enough to be told from chance."""

    __slots__ = ("_pieces",)

    def __init__(self, secrets: Iterable[Secret]) -> None:
        self._pieces: dict[int, set[str]] = {}
        """By their length: all pieces of CUT characters, and what is shorter as a whole."""
        for secret in secrets:
            value = _lower(secret.reveal())
            for shape in {value, "".join(filter(str.isprintable, value))}:
                size = min(CUT, len(shape))
                pieces = {shape[at : at + size] for at in range(len(shape) - size + 1)} - {""}
                if pieces:
                    self._pieces.setdefault(size, set()).update(pieces)

    def redact(self, text: str) -> str:
        """`text` with every piece of a password masked, in any case, be it beginning, middle or end.

        What a terminal does not show, or spaces between single letters, hide nothing.
        """
        if not self._pieces:
            return text
        lower = _lower(text)
        found = self._found(lower)
        if not lower.isprintable():
            shown = [at for at, letter in enumerate(lower) if letter.isprintable()]
            hidden = self._found("".join(lower[at] for at in shown))
            found += [(shown[start], shown[stop - 1] + 1) for start, stop in hidden]
        if _SPREAD.search(lower):
            shown = [at for at, letter in enumerate(lower) if letter.isprintable() and letter != " "]
            spread = [
                (shown[start], shown[stop - 1] + 1)
                for start, stop in self._found("".join(lower[at] for at in shown))
                if shown[stop - 1] - shown[start] >= 2 * (stop - start - 1)
            ]
            found += spread
        done: list[str] = []
        end = 0
        for start, stop in sorted(found):
            if start > end or not done:  # pieces that overlap or touch become one mask
                done += [text[end:start], MASK]
            end = max(end, stop)
        return "".join([*done, text[end:]])

    def _found(self, lower: str) -> list[tuple[int, int]]:
        return [
            (at, at + size)
            for size, known in self._pieces.items()
            for at in range(len(lower) - size + 1)
            if lower[at : at + size] in known
        ]


_SPREAD = re.compile(r"(?<!\S)\S(?:\s+\S){3}(?!\S)")
"""Single letters with space between them."""


def _lower(text: str) -> str:
    """In small letters, as many as before: a few letters would become two."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c if len(c.lower()) > 1 else c.lower() for c in text)
