"""Reads provider profiles (profiles/*.yaml) strictly: all problems of a file are reported at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin
from urllib.parse import urlsplit

import msgspec
import yaml

from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import AppPassword, Guide, Provider
from provisioner.resources import data_dir

SCHEMA = 1
MAX_SIZE = 256 * 1024
"""Bytes of a file; the shipped ones have some 3,000."""
MAX_DEPTH = 16
"""Levels of nesting. libyaml builds its tree by recursion and overruns the stack if it is deep enough."""
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_PATTERN = 200
_NEED_SOURCE = ("imap", "smtp", "mailboxes", "app_password", "guide", "caldav", "carddav", "domains")
_HOST = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I
)


def load_file(path: Path) -> Provider:
    """The provider profile in a YAML file.

    Raises UsageError: code `profile.invalid`, with each key and what is wrong there, or `profile.unreadable`.
    """
    raw, problems = _parse(_read(path), path)
    problems += _problems(raw, Provider, "")
    if isinstance(raw, dict):
        sound = {
            field.name: msgspec.convert(raw[field.name], field.type)
            for field in msgspec.structs.fields(Provider)
            if field.name in raw and not any(_problems(raw[field.name], field.type, field.name))
        }
        problems += _meaning(sound, raw)
        if not problems:
            return Provider(**sound)
    raise UsageError(
        f"{path} is not a valid provider profile:\n" + "\n".join(f"  {problem}" for problem in problems),
        "Correct these keys; profiles/icloud.yaml is a complete example.",
        code="profile.invalid",
    )


def _read(path: Path) -> str:
    try:
        # Opening a named pipe must not wait for a writer; reading from one that has a writer may.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NONBLOCK)) as file:
            if _NONBLOCK:
                os.set_blocking(file.fileno(), True)
            data = file.read(MAX_SIZE + 1)
    except OSError as error:
        raise _unreadable(f"The provider profile {path}", error) from None
    if len(data) > MAX_SIZE:
        raise _invalid(path, f"is larger than {MAX_SIZE // 1024} KiB", "Check that it is the right file.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid(path, "is not UTF-8 text", "Save it as UTF-8.") from None


_NONBLOCK: int = getattr(os, "O_NONBLOCK", 0)


def _unreadable(what: str, error: OSError) -> UsageError:
    return UsageError(
        f"{what} cannot be read: {error.strerror}.",
        "Check the path, its owner and its permissions.",
        code="profile.unreadable",
    )


def _invalid(path: Path, what: str, hint: str = "Compare it with profiles/icloud.yaml.") -> UsageError:
    return UsageError(f"{path} {what}.", hint, code="profile.invalid")


def _parse(text: str, path: Path) -> tuple[Any, list[str]]:
    """The YAML document, and the keys in it that stand twice."""
    try:
        _require_plain(text, path)
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
        raise _invalid(path, f"is not valid YAML{line}: {why}") from None
    return raw, list(_repeated(node, "")) if node else []


def _require_plain(text: str, path: Path) -> None:
    """Refuses what makes a small file large or deep, in a pass over the events, which does not recurse."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if getattr(event, "anchor", None):
            raise _invalid(path, f"uses an anchor or alias (line {line}), which profiles do without")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _invalid(path, f"is nested too deeply (line {line})")


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
            yield f"{_join(where, name)}: stands twice (lines {lines[name]} and {line})"
        lines.setdefault(name, line)
        yield from _repeated(value, _join(where, name))


def _problems(value: Any, kind: Any, where: str) -> Iterator[str]:
    """Every structural problem below `value`; msgspec alone stops at the first."""
    arms = [arm for arm in get_args(kind) if arm is not type(None)]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        if not isinstance(value, dict):
            yield f"{where or 'the file'}: must be a mapping of keys to values"
            return
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in value:
            if key not in fields:
                yield f"{_join(where, key)}: unknown key (known here: {', '.join(fields)})"
        for name, field in fields.items():
            if name in value:
                yield from _problems(value[name], field.type, _join(where, name))
            elif field.required:
                yield f"{_join(where, name)}: missing"
    elif isinstance(kind, type) and issubclass(kind, Enum):
        if value not in (known := _values(kind)):
            yield f"{where}: {_shown(value)} is not known; {' or '.join(known)}"
    elif get_origin(kind) is tuple:
        if not isinstance(value, list):
            yield f"{where}: must be a list"
            return
        for index, item in enumerate(value):
            yield from _problems(item, arms[0], f"{where}[{index}]")
    elif get_origin(kind) is dict:
        if not isinstance(value, dict):
            yield f"{where}: must be a mapping of keys to values"
            return
        for key, item in value.items():
            if issubclass(arms[0], Enum) and key not in (known := _values(arms[0])):
                yield f"{_join(where, key)}: unknown {arms[0].__name__.lower()} ({', '.join(known)})"
            elif not isinstance(key, str):
                yield f"{_join(where, key)}: the key must be text"
            else:
                yield from _problems(item, arms[1], _join(where, key))
    elif len(arms) == 1:  # that, or nothing
        if value is not None:
            yield from _problems(value, arms[0], where)
    else:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            yield f"{where}: must be {_KINDS[kind]}, not {_shown(value)}"


_KINDS = {str: "text", int: "a whole number", bool: "true or false"}


def _values(kind: type[Enum]) -> list[str]:
    return [str(member.value) for member in kind]


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _join(where: str, key: object) -> str:
    name = key if isinstance(key, str) and re.fullmatch(r"[\w.-]{1,60}", key) else _shown(key)
    return f"{where}.{name}" if where else name


def _meaning(sound: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[str]:
    """Problems that types cannot express, in the sections that have the right types."""
    if "schema" in sound and sound["schema"] != SCHEMA:
        yield f"schema: {sound['schema']} is not known here, only {SCHEMA}"
    if "id" in sound and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", sound["id"]):
        yield "id: only small letters, digits and dashes"
    for index, domain in enumerate(sound.get("domains", ())):
        if not _HOST.fullmatch(domain) or domain != domain.lower():
            yield f"domains[{index}]: {_shown(domain)} is not a domain in small letters"
    for section in ("imap", "smtp", "caldav", "carddav"):
        server = sound.get(section)
        if server is None:
            continue
        if not _HOST.fullmatch(server.host):
            yield f"{section}.host: {_shown(server.host)} is not a host name"
        if not 1 <= server.port <= 65535:
            yield f"{section}.port: must be from 1 to 65535"
        if getattr(server, "usernames", True) == ():
            yield f"{section}.usernames: at least one form"
    if app_password := sound.get("app_password"):
        yield from _app_password(app_password)
    if mailboxes := sound.get("mailboxes"):
        for use, names in mailboxes.names.items():
            if not all(names) or not names:
                yield f"mailboxes.names.{use}: at least one name, and none empty"
    if guide := sound.get("guide"):
        yield from _guide(guide)
    if (sources := sound.get("sources")) is not None:
        for section in _NEED_SOURCE:
            if raw.get(section) and section not in sources:
                yield f"sources.{section}: missing; say where the facts of {section} come from"
        for section in sources:
            if section not in _NEED_SOURCE:
                yield f"{_join('sources', section)}: no such section"


def _app_password(rule: AppPassword) -> Iterator[str]:
    if len(rule.pattern) > MAX_PATTERN or re.search(r"\)([*+?]|\{\d*,)", rule.pattern):
        # A repeated group with repetitions inside can take for ever on one wrong letter.
        yield "app_password.pattern: too long, or a group is repeated other than {n} times"
        return
    try:
        fits = re.fullmatch(rule.pattern, rule.example)
    except (re.error, RecursionError, OverflowError) as error:
        yield f"app_password.pattern: not a regular expression ({error})"
        return
    if not fits:
        yield f"app_password.example: {_shown(rule.example)} does not match the pattern"


def _guide(guide: Guide) -> Iterator[str]:
    for name, part in (("create", guide.create), ("revoke", guide.revoke)):
        if not _is_web_page(part.url):
            yield f"guide.{name}.url: {_shown(part.url)} is not an address like https://host/page"
        for index, step in enumerate(part.steps):
            rest = step.replace("{label}", "")
            if "{" in rest or "}" in rest:
                yield f"guide.{name}.steps[{index}]: braces are only for {{label}}"


def _is_web_page(url: str) -> bool:
    """Opened in the user's browser, so nothing in it may be read in two ways: plain ASCII, no user name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    plain = re.fullmatch(r"https://[!-~]+", url) and not re.search(r"[\\<>\"`{|}^]", url)
    host = parts.hostname or ""
    return bool(plain and _HOST.fullmatch(host) and port != 0 and "@" not in parts.netloc)


def load_all(host: Host) -> dict[str, Provider]:
    """All provider profiles by id; one in the user's own directory replaces a shipped one of the same id.

    Raises UsageError for a file that is not valid, or a directory that cannot be read.
    """
    found: dict[str, Provider] = {}
    for directory in (data_dir("profiles"), host.config_dir / "profiles"):
        try:
            paths = sorted(directory.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _unreadable(f"The directory of provider profiles {directory}", error) from None
        for path in paths:
            if path.suffix == ".yaml" and not path.name.startswith("."):  # editors keep locks in dot files
                provider = load_file(path)
                found[provider.id] = provider
    owners: dict[str, Provider] = {}
    for provider in found.values():
        for domain in provider.domains:
            if (other := owners.setdefault(domain, provider)) is not provider:
                raise UsageError(
                    f"Two provider profiles claim the domain {domain}: {other.id} and {provider.id}.",
                    f"Take it out of one of them; your own are in {host.config_dir / 'profiles'}.",
                    code="profile.invalid",
                )
    return found


def for_domain(providers: Iterable[Provider], domain: str) -> Provider | None:
    """The provider whose profile names this mail domain."""
    wanted = domain.lower()
    return next((provider for provider in providers if wanted in provider.domains), None)
