"""A list of names in one value of an INI file as Python's configparser reads it: `accounts = work, home`.

Pure: bytes to bytes. Every other byte stays as it is; what `add` had to make, `remove` takes away again.
"""

from __future__ import annotations

import re

_SECTION = re.compile(rb"^\[(.+)\][ \t]*\r?(?:\n|\Z)", re.M)


def names(data: bytes, section: str, key: str) -> tuple[str, ...]:
    """The names in the value, white space taken off; empty if there is none."""
    start, end = _value(data, section, key) or (0, 0)
    words = data[start:end].decode("utf-8", "surrogateescape").split(",")
    return tuple(word.strip() for word in words if word.strip())


def add(data: bytes, section: str, key: str, name: str) -> bytes:
    """`data` with `name` as the first in the list; a section that is missing is made at the top."""
    newline = b"\r\n" if re.match(rb"[^\n]*\r\n", data) else b"\n"
    line = f"{key} = {name}".encode() + newline
    present = names(data, section, key)
    if name in present:
        return data
    if value := _value(data, section, key):
        words = data[slice(*value)]
        start = value[1] - len(words.lstrip())
        return data[:start] + name.encode() + (b", " if present else b"") + data[start:]
    if body := _body(data, section):
        return data[: body[0]] + line + data[body[0] :]
    return f"[{section}]".encode() + newline + line + newline + data


def remove(data: bytes, section: str, key: str, name: str) -> bytes:
    """`data` without `name`; a line that holds nothing else goes with it, and so does a section of `add`."""
    present, value = names(data, section, key), _value(data, section, key)
    if value is None or name not in present:
        return data
    word = re.escape(name.encode())
    if present != (name,):
        pattern = rb"(?<![^\s,])" + word + rb"[ \t]*,[ \t]*|,\s*" + word + rb"(?![^\s,])"
        return data[: value[0]] + re.sub(pattern, b"", data[slice(*value)], count=1) + data[value[1] :]
    start, end = data.rfind(b"\n", 0, value[0]) + 1, data.find(b"\n", value[1]) + 1
    data = data[:start] + (data[end:] if end else b"")
    body = _body(data, section)
    if body and not data[: body[0]].removeprefix(f"[{section}]".encode()).strip():
        top = re.match(rb"\r?\n", data[body[0] :])
        if top and not re.search(rb"^[^\s#;]", data[slice(*body)], re.M):
            return data[body[0] + top.end() :]
    return data


def _body(data: bytes, section: str) -> tuple[int, int] | None:
    """From after the section's own line to the next section's."""
    for match in _SECTION.finditer(data):
        if match[1] == section.encode():
            following = _SECTION.search(data, match.end())
            return match.end(), following.start() if following else len(data)
    return None


def _value(data: bytes, section: str, key: str) -> tuple[int, int] | None:
    """From after the `=` to the end of the value's last line, continuation lines included."""
    body = _body(data, section)
    if body is None:
        return None
    name = re.escape(key.encode())
    pattern = re.compile(rb"^" + name + rb"[ \t]*[=:]([^\n]*(?:\n[ \t]+\S[^\n]*)*)", re.M | re.I)
    match = pattern.search(data, *body)
    return (match.start(1), match.start(1) + len(match[1].removesuffix(b"\r"))) if match else None
