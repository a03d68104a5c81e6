"""The accounts in text files, ours in marked blocks and the user's own: which of them log in where."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.base import Found, Options
from provisioner.clients.common import hook
from provisioner.clients.common.blockfile import BlockFile
from provisioner.edits import block
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account, Server


@dataclass(frozen=True)
class Entry:
    """One account as a file has it. `command`: what prints its password; empty if it comes otherwise."""

    line: int
    """From 1; where its password is given, else where the account begins."""
    host: str
    user: str
    command: str


Parse = Callable[[str], Iterable[Entry]]
"""The accounts in a file's text, tolerant: what it does not understand is not an account."""


def nothing_by_hand(_text: str) -> tuple[Entry, ...]:
    """For files that are wholly ours."""
    return ()


Section = dict[str, tuple[str, int]]
"""Settings by name in lower case: the value, and its line from 1."""

_HEAD = re.compile(r"\[.*\]")
_SETTING = re.compile(r"([A-Za-z_-]+)\s*[=:]\s*(.*)")


def sections(text: str) -> Iterator[Section]:
    """The sections of a file as Python's configparser reads it; values that go on are cut at their line."""
    section: Section = {}
    for number, line in enumerate(text.split("\n"), 1):
        if _HEAD.match(line):
            yield section
            section = {}
        elif match := _SETTING.fullmatch(line.rstrip()):
            section[match[1].lower()] = match[2], number
    yield section


def find(
    host: Host,
    account: Account,
    options: Options,
    server: Server,
    usual: Sequence[Path],
    parse: Parse = nothing_by_hand,
) -> tuple[Found, ...]:
    """Our block and the accounts of the user's own for `server`, in the named file or in each of `usual`.

    Raises Conflict (`block.broken`, `file.*`) for a named file that cannot be read.
    """
    if options.profile is not None:
        return tuple(_in_file(host, account, server, Path(options.profile).expanduser(), parse))
    found: list[Found] = []
    for path in dict.fromkeys(usual):
        try:
            found += _in_file(host, account, server, path, parse)
        except Conflict as error:
            found.append(_unseen(path, error))
    return tuple(found)


def advise(
    host: Host, account: Account, options: Options, places: Iterable[tuple[Path, Parse]]
) -> tuple[Found, ...]:
    """The accounts of the user's own for either of the account's servers, in files that `plan` never changes.

    In the named file only if it is one of them. One that reads our item has the new password anyway.
    """
    found: list[Found] = []
    for path, parse in dict.fromkeys(places):
        if options.profile is not None and Path(options.profile).expanduser() != path:
            continue
        try:
            file = BlockFile.read(host, path, account.key)
        except Conflict as error:
            found.append(_unseen(path, error))
            continue
        entries = [
            one for server in (account.imap, account.smtp) for one in _own(file, account, server, parse)
        ]
        lines = {one.line: one for one in entries if not hook.reads(one.command, account)}
        found += [Found(str(path), advice=_advice(host, path, one)) for _, one in sorted(lines.items())]
    return tuple(found)


def _unseen(path: Path, error: Conflict) -> Found:
    return Found(str(path), advice=f"{error.message} So look there before you revoke.")


def _own(file: BlockFile, account: Account, server: Server, parse: Parse) -> Iterator[Entry]:
    """The user's own accounts for the server."""
    names = {server.username.lower(), account.local_part.lower(), account.key}
    for entry in parse(_without_blocks(file)):
        if entry.host.lower() == server.host.lower() and entry.user.lower() in names:
            yield entry


def _in_file(host: Host, account: Account, server: Server, path: Path, parse: Parse) -> Iterator[Found]:
    file = BlockFile.read(host, path, account.key)
    item = account.item
    if file.block:
        reads = not file.block.edited or any(
            hook.reads(entry.command, account) for entry in parse(file.block.body)
        )
        yield Found(str(path), account, item if reads else None)
    lines = set()
    for entry in _own(file, account, server, parse):
        if hook.reads(entry.command, account):
            yield Found(str(path), account, item, name=str(entry.line))
        elif entry.line not in lines:  # one that only takes over another's settings
            lines.add(entry.line)
            yield Found(str(path), advice=_advice(host, path, entry), name=str(entry.line))


def _without_blocks(file: BlockFile) -> str:
    """The text of the user's own lines; where a block of ours is, lines are empty, so that numbers stay."""
    data = file.data or b""
    for one in block.blocks(data, file.path)[::-1]:
        data = data[: one.start] + b"\n" * data[one.start : one.end].count(b"\n") + data[one.end :]
    return data.decode("utf-8", "surrogateescape")


def _advice(host: Host, path: Path, entry: Entry) -> str:
    shown = f"~/{path.relative_to(host.home)}" if path.is_relative_to(host.home) else str(path)
    return (
        f"{shown} line {entry.line} has {entry.user} at {entry.host} with a password or a command "
        "of its own: change it before you revoke the old password."
    )
