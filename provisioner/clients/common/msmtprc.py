"""The accounts in configuration files of msmtp and mpop, which are read alike (src/conf.c of both)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from provisioner.clients.common.entries import Entry

_LINE = re.compile(r"\s*([^\s#]\S*)[ \t]*(.*?)\s*")


def names(text: str) -> set[str]:
    """The accounts that a configuration defines; lines before the first are one named `default`.

    As src/conf.c reads them: `account NAME [: OTHER,...]`, names with or without double quotes.
    """
    found: set[str] = set()
    section = ""
    for line in text.split("\n"):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        command, argument = match[1], match[2]
        if command == "account":
            found.add(_unquoted(_unquoted(argument).partition(":")[0].strip()))
        elif command not in ("defaults", "eval") and not section:
            found.add("default")
        section = section or command
    return found


def entries(text: str) -> Iterator[Entry]:
    """The accounts, with what they have from `defaults` and from accounts that they name (msmtp(1))."""
    known: dict[str, dict[str, tuple[str, int]]] = {}
    defaults: dict[str, tuple[str, int]] = {}
    current = known.setdefault("default", {})
    for number, line in enumerate(text.split("\n"), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        command, argument = match[1], match[2]
        if command == "defaults":
            current = defaults
        elif command == "account":
            name, _, others = _unquoted(argument).partition(":")
            current = dict(defaults)
            for other in others.split(","):
                current |= known.get(_unquoted(other.strip()), {})
            current["account"] = current.get("account", (name, number))
            known[_unquoted(name.strip())] = current
        else:
            current[command] = _unquoted(argument), number
    for found in known.values():
        password, own = found.get("password", ("", 0))
        hook_command, at = found.get("passwordeval", ("", 0))
        place = own if password else at or found.get("account", found.get("host", ("", 1)))[1]
        user, server = (found.get(key, ("", 0))[0] for key in ("user", "host"))
        yield Entry(place, server, user, "" if password else hook_command)


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] == '"' else text
