"""Reads provider profiles (profiles/*.yaml) strictly: all problems of a file are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Provider
from provisioner.resources import data_dir

SCHEMA = 1
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NEED_SOURCE = ("imap", "smtp", "mailboxes", "app_password", "guide", "caldav", "carddav", "domains")
_HOST = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I
)


def load_file(path: Path) -> Provider:
    """The provider profile in a YAML file.

    Raises UsageError (code `profile.invalid`) that names the file, and each key with what is wrong there.
    """
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text.", "Save it as UTF-8.", code="profile.invalid") from None
    except OSError as error:
        raise UsageError(
            f"The provider profile {path} cannot be read: {error.strerror}.",
            "Check the path.",
            code="profile.unreadable",
        ) from None
    try:
        raw = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" (line {where.line + 1})" if where else ""
        raise UsageError(
            f"{path} is not valid YAML{line}: {getattr(error, 'problem', None) or 'it cannot be parsed'}.",
            "Compare it with profiles/icloud.yaml.",
            code="profile.invalid",
        ) from None
    problems = list(_problems(raw, Provider, ""))
    if not problems:
        provider = msgspec.convert(raw, Provider)
        problems = list(_meaning(provider))
    if problems:
        raise UsageError(
            f"{path} is not a valid provider profile:\n" + "\n".join(f"  {problem}" for problem in problems),
            "Correct these keys; profiles/icloud.yaml is a complete example.",
            code="profile.invalid",
        )
    return provider


def _problems(value: Any, kind: Any, where: str) -> Iterator[str]:
    """Every structural problem below `value`; msgspec alone stops at the first."""
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
        return
    if struct := _optional_struct(kind):
        if value is not None:
            yield from _problems(value, struct, where)
        return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        yield f"{where}: {_plain(str(error), where)}"


def _optional_struct(kind: Any) -> Any:
    arms = [arm for arm in getattr(kind, "__args__", ()) if arm is not type(None)]
    if len(arms) == 1 and isinstance(arms[0], type) and issubclass(arms[0], msgspec.Struct):
        return arms[0]
    return None


def _join(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def _plain(message: str, where: str) -> str:
    """msgspec's `Expected `int`, got `str` - at `$[0]`` in our path notation."""
    text, _, place = message.partition(" - at `")
    place = place.rstrip("`").lstrip("$")
    return f"{text[:1].lower()}{text[1:].replace('`', '')}" + (f" (at {where}{place})" if place else "")


def _meaning(provider: Provider) -> Iterator[str]:
    """Problems that types cannot express."""
    if provider.schema != SCHEMA:
        yield f"schema: {provider.schema} is not known here, only {SCHEMA}"
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]*", provider.id):
        yield "id: only small letters, digits and dashes"
    for index, domain in enumerate(provider.domains):
        if not _HOST.fullmatch(domain) or domain != domain.lower():
            yield f"domains[{index}]: {domain!r} is not a domain in small letters"
    for section in ("imap", "smtp", "caldav", "carddav"):
        server = getattr(provider, section)
        if server is None:
            continue
        if not _HOST.fullmatch(server.host):
            yield f"{section}.host: {server.host!r} is not a host name"
        if not 1 <= server.port <= 65535:
            yield f"{section}.port: must be from 1 to 65535"
        if getattr(server, "usernames", True) == ():
            yield f"{section}.usernames: at least one form"
    if provider.app_password:
        try:
            re.compile(provider.app_password.pattern)
        except re.error as error:
            yield f"app_password.pattern: not a regular expression ({error})"
    if provider.mailboxes:
        for use, names in provider.mailboxes.names.items():
            if not names:
                yield f"mailboxes.names.{use}: at least one name"
    for steps in (provider.guide.create, provider.guide.revoke) if provider.guide else ():
        if not steps.url.startswith("https://"):
            yield "guide: each url must start with https://"
    for section in _NEED_SOURCE:
        if getattr(provider, section) and section not in provider.sources:
            yield f"sources.{section}: missing; say where the facts of {section} come from"
    for section in provider.sources:
        if section not in _NEED_SOURCE:
            yield f"sources.{section}: no such section"


def load_all(host: Host) -> dict[str, Provider]:
    """All provider profiles by id; one in the user's own directory replaces a shipped one of the same id.

    Raises UsageError for a file that is not valid.
    """
    found: dict[str, Provider] = {}
    for directory in (data_dir("profiles"), host.config_dir / "profiles"):
        for path in sorted(directory.glob("*.yaml")) if directory.is_dir() else ():
            provider = load_file(path)
            found[provider.id] = provider
    return found


def for_domain(providers: Iterable[Provider], domain: str) -> Provider | None:
    """The provider whose profile names this mail domain."""
    wanted = domain.lower()
    return next((provider for provider in providers if wanted in provider.domains), None)
