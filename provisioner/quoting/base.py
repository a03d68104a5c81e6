"""What every quoting filter is made of."""

from __future__ import annotations

from provisioner.errors import UsageError


class Quoted(str):
    """Text that is safe in the target syntax."""

    __slots__ = ()


def one_line(text: str, title: str, limit: int | None = None) -> str:
    """`text` if it is one line of valid Unicode, of at most `limit` bytes in UTF-8.

    Raises UsageError (`value.unwritable`) that names `title`, the program that could not read it.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        size = None
    if size is None or (limit is not None and size > limit) or any(char in text for char in "\r\n\0"):
        most = f", of at most {limit} bytes" if limit is not None else ""
        raise UsageError(
            f"The configuration of {title} can hold only values of one line{most}.",
            "Shorten the address, user name or path, and leave out line breaks.",
            code="value.unwritable",
        )
    return text


def escaped(text: str) -> str:
    """`text` between double quotes of TOML and of YAML: escaped is what is not printable."""

    def one(char: str) -> str:
        if char in '"\\':
            return f"\\{char}"
        if char.isprintable():
            return char
        return f"\\u{ord(char):04X}" if ord(char) < 0x10000 else f"\\U{ord(char):08X}"

    return "".join(map(one, text))
