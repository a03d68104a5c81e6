"""A password in memory: never shown by repr, str, format, logging, pickle or JSON."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn

MASK = "••••••••"


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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
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
