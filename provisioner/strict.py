"""Reads a YAML file of facts strictly into a Struct: all its problems at once, nothing guessed."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec
import yaml

from provisioner.errors import UsageError

MAX_DEPTH = 16
"""Levels of nesting. libyaml builds its tree by recursion and overruns the stack if it is deep enough."""
MAX_PROBLEMS = 20
"""So many are told; whoever made more of them made the same mistake in each entry."""
_LONG_NUMBER = re.compile(r"[-+]?[\d.][\w:.]{200,}")
"""Python refuses to print some of these, and takes minutes to make others (`1:1:1:...` is in base 60)."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)
_Kind = TypeVar("_Kind", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Paper:
    """What a file is called when it is wrong: its name, the first word of its codes, and what to compare."""

    name: str = "provider profile"
    code: str = "profile"
    hint: str = "profiles/icloud.yaml is a complete example."
    max_size: int = 256 * 1024
    """Bytes; the shipped profiles have some 3,000."""
    places: str = "keys"
    """What its problems are in."""


PROFILE = Paper()


def load(
    path: Path,
    kind: type[_Kind],
    meaning: Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[str]],
    paper: Paper = PROFILE,
    vet: Callable[[os.stat_result], None] = lambda found: None,
) -> _Kind:
    """The file as a `kind`. `meaning` yields problems that types cannot express: it is given the sections
    that have the right types, and all of the file. `vet` may refuse the file by its owner and permissions.

    Raises UsageError: code `profile.invalid` (or what `paper` says instead of `profile`), with each key and
    what is wrong there, or `profile.unreadable`.
    """
    node, raw = _parse(read(path, paper, vet), path, paper)
    sound: dict[str, Any] = {}
    if isinstance(raw, dict):
        sound = {
            field.name: msgspec.convert(raw[field.name], field.type)
            for field in _fields(kind).values()
            if field.name in raw and not any(_problems(raw[field.name], field.type, field.name))
        }
    found = chain(_repeated(node, "") if node else (), _problems(raw, kind, ""))
    found = chain(found, meaning(sound, raw) if isinstance(raw, dict) else ())
    problems = list(islice(found, MAX_PROBLEMS))
    if not problems:
        return kind(**sound)
    raise invalid(path, paper, problems, _not_looked_at(raw, problems[-1]) if any(found) else "")


def invalid(path: Path, paper: Paper, problems: Iterable[str], rest: str = "") -> UsageError:
    """What is wrong in the file, and what has not been looked at."""
    lines = "\n".join(f"  {problem}" for problem in (*problems, *([f"... and {rest}"] if rest else [])))
    return UsageError(
        f"{path} is not a valid {paper.name}:\n{lines}",
        f"Correct these {paper.places}; {paper.hint}",
        code=f"{paper.code}.invalid",
    )


def _not_looked_at(raw: Any, last: str) -> str:
    """What comes after the `last` problem: so many entries of its list."""
    place = re.match(r"(\w+)\[(\d+)\]", last)
    left = len(raw[place[1]]) - int(place[2]) - 1 if place else 0
    return f"{left} more of {place[1]}, not looked at" if place and left else "more, not shown"


def read(path: Path, paper: Paper, vet: Callable[[os.stat_result], None]) -> str:
    """The text of the file, which `vet` has not refused. Raises UsageError as `load`."""
    try:
        # Opening a named pipe must not wait for a writer; reading from one that has a writer may.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK)) as file:
            if _NONBLOCK:
                os.set_blocking(file.fileno(), True)
            vet(os.fstat(file.fileno()))
            data = file.read(paper.max_size + 1)
    except OSError as error:
        raise unreadable(f"The {paper.name} {path}", error, paper.code) from None
    if len(data) > paper.max_size:
        large = f"is larger than {paper.max_size // 1024} KiB"
        raise _invalid(path, paper, large, "Check that it is the right file.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid(path, paper, "is not UTF-8 text", "Save it as UTF-8.") from None


def unreadable(what: str, error: OSError, code: str = PROFILE.code) -> UsageError:
    return UsageError(
        f"{what} cannot be read: {error.strerror}.",
        "Check the path, its owner and its permissions.",
        code=f"{code}.unreadable",
    )


def _invalid(path: Path, paper: Paper, what: str, hint: str = "") -> UsageError:
    return UsageError(f"{path} {what}.", hint or f"Compare it: {paper.hint}", code=f"{paper.code}.invalid")


def _parse(text: str, path: Path, paper: Paper) -> tuple[yaml.Node | None, Any]:
    """The YAML document, as it stands there and as values."""
    try:
        _require_plain(text, path, paper)
        loader = _LOADER(text)
        try:
            node = loader.get_single_node()
            raw = loader.construct_document(node) if node else None
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        why = getattr(error, "problem", None) or "it cannot be parsed"
        raise _invalid(path, paper, f"is not valid YAML{line}: {why}") from None
    return node, raw


def _require_plain(text: str, path: Path, paper: Paper) -> None:
    """Refuses what makes a small file large or deep, in a pass over the events, which does not recurse."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if getattr(event, "anchor", None):
            raise _invalid(path, paper, f"uses an anchor or alias (line {line}), which is not read here")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _invalid(path, paper, f"is nested too deeply (line {line})")
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0] and _LONG_NUMBER.fullmatch(event.value):
            raise _invalid(path, paper, f"has a number of hundreds of digits (line {line})")


def _repeated(node: yaml.Node, where: str) -> Iterator[str]:
    """Keys that stand twice in their mapping; YAML forbids them, and PyYAML keeps the last."""
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _repeated(item, f"{where}[{index}]")
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in lines:
            yield f"{join(where, name)}: stands twice (lines {lines[name]} and {line})"
        lines.setdefault(name, line)
        yield from _repeated(value, join(where, name))


def _problems(value: Any, kind: Any, where: str) -> Iterator[str]:
    """Every structural problem below `value`; msgspec alone stops at the first."""
    arms = [arm for arm in get_args(kind) if arm is not type(None)]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if not isinstance(value, dict):
            yield f"{where or 'the file'}: must be a mapping of keys to values"
            return
        fields = _fields(kind)
        for key in value:
            if key not in fields:
                yield f"{join(where, key)}: unknown key (known here: {', '.join(fields)})"
        for name, field in fields.items():
            if name in value:
                yield from _problems(value[name], field.type, join(where, name))
            elif field.required:
                yield f"{join(where, name)}: missing"
    elif isinstance(kind, type) and issubclass(kind, Enum):
        if value not in (known := _values(kind)):
            yield f"{where}: {shown(value)} is not known; {' or '.join(known)}"
    elif get_origin(kind) is tuple:
        if not isinstance(value, list):
            yield f"{where}: must be a list"
            return
        for index, item in enumerate(value):
            if not _fits(item, arms[0]):  # msgspec is much quicker where nothing is wrong
                yield from _problems(item, arms[0], f"{where}[{index}]")
    elif get_origin(kind) is dict:
        if not isinstance(value, dict):
            yield f"{where}: must be a mapping of keys to values"
            return
        for key, item in value.items():
            if issubclass(arms[0], Enum) and key not in (known := _values(arms[0])):
                yield f"{join(where, key)}: unknown {arms[0].__name__.lower()} ({', '.join(known)})"
            elif not isinstance(key, str):
                yield f"{join(where, key)}: the key must be text"
            else:
                yield from _problems(item, arms[1], join(where, key))
    elif len(arms) == 1:  # that, or nothing
        if value is not None:
            yield from _problems(value, arms[0], where)
    else:
        if not _fits(value, kind):
            yield f"{where}: must be {_KINDS[kind]}, not {shown(value)}"


def _fits(value: Any, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


_KINDS = {str: "text", int: "a whole number", bool: "true or false"}


def _values(kind: type[Enum]) -> list[str]:
    return [str(member.value) for member in kind]


def shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def join(where: str, key: object) -> str:
    name = key if isinstance(key, str) and re.fullmatch(r"[\w.-]{1,60}", key) else shown(key)
    return f"{where}.{name}" if where else name
