"""Reads provider profiles (profiles/*.yaml) strictly: all problems of a file are reported at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from provisioner import strict
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Guide, PasswordForm, Provider
from provisioner.resources import data_dir

SCHEMA = 1
MAX_PATTERN = 200
MIN_MATCH = 8
_NEED_SOURCE = (
    "domains",
    "imap",
    "smtp",
    "refusal",
    "warning",
    "texts",
    "mailboxes",
    "app_password",
    "guide",
    "caldav",
    "carddav",
    "pop",
)
_HOST = re.compile(
    r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*", re.I
)


def load_file(path: Path) -> Provider:
    """The provider profile in a YAML file.

    Raises UsageError: code `profile.invalid`, with each key and what is wrong there, or `profile.unreadable`.
    """
    return strict.load(path, Provider, _meaning)


def _meaning(sound: Mapping[str, Any], raw: Mapping[str, Any]) -> Iterator[str]:
    """Problems that types cannot express, in the sections that have the right types."""
    if "schema" in sound and sound["schema"] != SCHEMA:
        yield f"schema: {sound['schema']} is not known here, only {SCHEMA}"
    if "id" in sound and not re.fullmatch(r"[a-z0-9][a-z0-9-]*", sound["id"]):
        yield "id: only small letters, digits and dashes"
    for index, domain in enumerate(sound.get("domains", ())):
        if not _HOST.fullmatch(domain) or domain != domain.lower():
            yield f"domains[{index}]: {strict.shown(domain)} is not a domain in small letters"
    for section in ("imap", "smtp", "caldav", "carddav", "pop"):
        server = sound.get(section)
        if server is None:
            continue
        if not _HOST.fullmatch(server.host):
            yield f"{section}.host: {strict.shown(server.host)} is not a host name"
        if not 1 <= server.port <= 65535:
            yield f"{section}.port: must be from 1 to 65535"
        if getattr(server, "usernames", True) == ():
            yield f"{section}.usernames: at least one form"
    if not sound.get("refusal"):
        yield from (f"{section}: missing" for section in ("imap", "smtp") if section not in raw)
    for index, text in enumerate(sound.get("texts", ())):
        if len(text.match) < MIN_MATCH:
            yield f"texts[{index}].match: at least {MIN_MATCH} characters, or it is found anywhere"
    if (app_password := sound.get("app_password")) and app_password.form:
        yield from _form(app_password.form)
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
                yield f"{strict.join('sources', section)}: no such section"


def _form(rule: PasswordForm) -> Iterator[str]:
    if len(rule.pattern) > MAX_PATTERN or re.search(r"\)([*+?]|\{\d*,)", rule.pattern):
        # A repeated group with repetitions inside can take for ever on one wrong letter.
        yield "app_password.form.pattern: too long, or a group is repeated other than {n} times"
        return
    try:
        fits = re.fullmatch(rule.pattern, rule.example)
    except (re.error, RecursionError, OverflowError) as error:
        yield f"app_password.form.pattern: not a regular expression ({error})"
        return
    if not fits:
        yield f"app_password.form.example: {strict.shown(rule.example)} does not match the pattern"


def _guide(guide: Guide) -> Iterator[str]:
    for name, part in (("create", guide.create), ("revoke", guide.revoke)):
        if not _is_web_page(part.url):
            yield f"guide.{name}.url: {strict.shown(part.url)} is not an address like https://host/page"
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


def load_all(host: Host, about: str | None = None) -> dict[str, Provider]:
    """All provider profiles by id; one in the user's own directory replaces a shipped one of the same id.

    `about`: an id or a domain; shipped files that do not mention it are left out, which is much quicker.
    Raises UsageError for a file that is not valid, or a directory that cannot be read.
    """
    found: dict[str, Provider] = {}
    shipped = data_dir("profiles")
    for directory in (shipped, host.config_dir / "profiles"):
        try:
            paths = sorted(directory.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise strict.unreadable(f"The directory of provider profiles {directory}", error) from None
        for path in paths:
            if path.suffix != ".yaml" or path.name.startswith("."):  # editors keep locks in dot files
                continue
            if directory != shipped or about is None or about.lower() in path.read_text("utf-8"):
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


def find(host: Host, provider_id: str) -> Provider | None:
    """The provider profile with this id. Raises as `load_all`."""
    return load_all(host, provider_id).get(provider_id)


def for_domain(providers: Iterable[Provider], domain: str) -> Provider | None:
    """The provider whose profile names this mail domain."""
    wanted = domain.lower()
    return next((provider for provider in providers if wanted in provider.domains), None)
