"""Which profile Thunderbird will really start, and how a new one is announced to it.

The rules are those of toolkit/profile/nsToolkitProfileService.cpp: `[Install<HASH>]` in profiles.ini names
the profile of an installation; the `Default=1` of a `[ProfileN]` counts only where there is no such
section yet, and then only for a profile whose compatibility.ini does not name another installation.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TypeAlias

from provisioner.clients.thunderbird.installation import App
from provisioner.edits.ini import Ini, broken
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import FileChange

COMPATIBILITY = b"[Compatibility]\nLastVersion=1.0_20000101000000/20000101000000\n"
"""A compatibility.ini without LastPlatformDir: any installation may claim the profile at its first run."""

_PLAUSIBLE = re.compile(r"[0-9][0-9A-Za-z.+-]{0,39}")
_Number: TypeAlias = tuple[int, str]


@dataclass(frozen=True, slots=True)
class Known:
    """A `[ProfileN]` of profiles.ini. `descriptor` is its Path= as written."""

    name: str
    path: Path
    descriptor: str
    default: bool


@dataclass(frozen=True, slots=True)
class Selected:
    """The profile to write to. `changes` make Thunderbird know it and start it; `starts`: it will."""

    name: str
    path: Path
    fresh: bool
    changes: tuple[FileChange, ...] = ()
    starts: bool = True


class Database:
    """profiles.ini and installs.ini below the root of an installation."""

    def __init__(self, host: Host, app: App) -> None:
        """Raises Conflict: `ini.broken`, and `profile.path` if the directory's name is no text."""
        _refuse_unnameable(app.root)
        self.app = app
        self.profiles_path = app.root / "profiles.ini"
        self.installs_path = app.root / "installs.ini"
        self._profiles_before = host.read(self.profiles_path)
        self._installs_before = host.read(self.installs_path)
        self.profiles_ini = Ini(self._profiles_before or b"", self.profiles_path)
        self.installs_ini = Ini(self._installs_before or b"", self.installs_path)
        self.known = tuple(self._known())

    def _known(self) -> list[Known]:
        found = []
        number = 0
        # Mozilla stops at the first number that is missing.
        while "IsRelative" in (section := self.profiles_ini.section(f"Profile{number}")):
            number += 1
            if "Path" not in section or "Name" not in section:
                continue
            relative = section["IsRelative"] == "1"
            path = self.app.root / section["Path"] if relative else Path(section["Path"])
            found.append(Known(section["Name"], path, section["Path"], section.get("Default") == "1"))
        return found

    @property
    def normal_default(self) -> Known | None:
        """The profile of programs that know no installations: the last with Default=1, or the only one."""
        marked = [profile for profile in self.known if profile.default]
        if marked:
            return marked[-1]
        return self.known[0] if len(self.known) == 1 else None

    def installs(self) -> dict[str, dict[str, str]]:
        """HASH -> its section. installs.ini counts only if an older version rewrote profiles.ini."""
        found = {
            name.removeprefix("Install"): self.profiles_ini.section(name)
            for name in self.profiles_ini.sections()
            if name.startswith("Install")
        }
        if self.profiles_ini.get("General", "Version") is None and self._profiles_before is not None:
            for name in self.installs_ini.sections():
                found[name] = {**found.get(name, {}), **self.installs_ini.section(name)}
        return found

    def by_descriptor(self, descriptor: str | None) -> Known | None:
        return next(
            (profile for profile in self.known if descriptor and profile.descriptor == descriptor), None
        )

    def asks_at_start(self) -> bool:
        """Thunderbird shows the profile manager instead of starting a profile."""
        return self.profiles_ini.get("General", "StartWithLastProfile") == "0"

    def pin(self, descriptor: str) -> None:
        """Makes the installation start this profile."""
        self.profiles_ini.set(f"Install{self.app.hash}", "Default", descriptor)
        self.profiles_ini.set(f"Install{self.app.hash}", "Locked", "1")
        self.installs_ini.set(self.app.hash, "Default", descriptor)
        self.installs_ini.set(self.app.hash, "Locked", "1")

    def add(self, name: str, descriptor: str) -> None:
        number = next(n for n in range(10_000) if not self.profiles_ini.section(f"Profile{n}"))
        section = f"Profile{number}"
        for key, value in (("Name", name), ("IsRelative", "1"), ("Path", descriptor), ("Default", "1")):
            self.profiles_ini.set(section, key, value)
        if self._profiles_before is None:
            self.profiles_ini.set("General", "StartWithLastProfile", "1")
            self.profiles_ini.set("General", "Version", "2")

    def changes(self) -> tuple[FileChange, ...]:
        pairs = (
            (self.profiles_path, self._profiles_before, self.profiles_ini),
            (self.installs_path, self._installs_before, self.installs_ini),
        )
        return tuple(
            FileChange(path, before, ini.data, 0o600)
            for path, before, ini in pairs
            if ini.data != (before or b"")
        )


def select(host: Host, app: App, address: str) -> Selected:
    """The profile that `app` starts, or a new one if there is none.

    A profile that only another installation has started is given to this one, too: otherwise Thunderbird
    would begin with an empty one. Raises Conflict (`profile.*`) if no rule decides or it cannot be used.
    """
    database = Database(host, app)
    known = database.known
    if not known:
        return _new(database, address)
    if database.asks_at_start() and len(known) > 1:
        raise _ambiguous(database, "Thunderbird asks at every start which profile to use")
    installs = database.installs()
    others = {section["Default"] for section in installs.values() if section.get("Default")}
    only = database.by_descriptor(next(iter(others))) if len(others) == 1 else None
    if not app.seen:
        return _existing(_one(database, only or database.normal_default), database)
    if not app.hash:
        return _existing(_one(database, database.normal_default), database)
    if app.hash in installs and "Default" in installs[app.hash]:
        return _existing(_one(database, database.by_descriptor(installs[app.hash]["Default"])), database)
    default = database.normal_default
    if default and _claimable(host, default, database):
        return _existing(default, database)
    chosen = _one(database, only or (known[0] if len(known) == 1 else None))
    database.pin(chosen.descriptor)
    return _existing(chosen, database)


def named(host: Host, app: App, wanted: str) -> Selected | None:
    """The profile of `app` that the user names, by its name or its directory; None if it has none such."""
    database = Database(host, app)
    path = Path(wanted).expanduser()
    by_name = [profile for profile in database.known if profile.name == wanted]
    by_path = [profile for profile in database.known if path.is_absolute() and _same(profile.path, path)]
    for profile in by_name or by_path:
        starts = _started(host, app)
        return _existing(profile, database, starts=starts is not None and _same(starts, profile.path))
    if len(PurePath(wanted).parts) > 1 and (path / "prefs.js").is_file():
        _refuse_unnameable(path.absolute())
        return Selected(path.name, path.absolute(), fresh=False, starts=False)
    return None


def _refuse_unnameable(path: Path) -> None:
    """A receipt and the JSON output hold paths as UTF-8; bytes that are not (PEP 383) fit in neither."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        shown = os.fsencode(path).decode("utf-8", "backslashreplace")
        raise Conflict(
            f"The directory {shown} has a name that is not valid UTF-8.",
            "Nothing was written. Rename it (it may be the home directory), then run the command again.",
            code="profile.path",
        ) from None


def _started(host: Host, app: App) -> Path | None:
    try:
        selected = select(host, app, "")
    except Conflict:
        return None
    return None if selected.changes else selected.path


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _one(database: Database, profile: Known | None) -> Known:
    if profile is None:
        raise _ambiguous(database, "It is not clear which profile Thunderbird will start")
    return profile


def _ambiguous(database: Database, why: str) -> Conflict:
    names = ", ".join(profile.name for profile in database.known)
    return Conflict(
        f"{why}; there are: {names}.",
        f"Say which one: --client-profile {database.known[0].name}",
        code="profile.ambiguous",
    )


def _existing(profile: Known, database: Database, *, starts: bool = True) -> Selected:
    if not profile.path.is_dir():
        raise Conflict(
            f"Thunderbird lists a profile {profile.name}, but its directory {profile.path} is not there.",
            "Bring the directory back, or start Thunderbird once and choose another profile.",
            code="profile.missing",
        )
    if not os.access(profile.path, os.R_OK | os.W_OK | os.X_OK):
        raise Conflict(
            f"The profile's directory {profile.path} cannot be read and written.",
            "Check its owner and its permissions.",
            code="profile.readonly",
        )
    return Selected(profile.name, profile.path, fresh=False, changes=database.changes(), starts=starts)


def _claimable(host: Host, profile: Known, database: Database) -> bool:
    """The first run of this installation would take this default profile over (rule of Mozilla)."""
    path = profile.path / "compatibility.ini"
    data = host.read(path)
    if data is None:
        return False
    directory = Ini(data, path).get("Compatibility", "LastPlatformDir")
    if directory is not None and PurePath(directory) != PurePath(database.app.directory):
        return False
    return not any(
        section.get("Default") == profile.descriptor and section.get("Locked") == "1"
        for section in database.installs().values()
    )


def _new(database: Database, address: str) -> Selected:
    app = database.app
    name = f"default-{app.channel}" if app.hash else "default"
    for attempt in range(100):
        leaf = f"{_salt(app.root, address, attempt)}.{name}"
        path = app.root / app.profiles / leaf
        if not path.exists():
            break
    descriptor = f"{app.profiles}/{leaf}" if app.profiles else leaf
    database.add(name, descriptor)
    if app.hash:
        database.pin(descriptor)
    compatibility = FileChange(path / "compatibility.ini", None, COMPATIBILITY, 0o600)
    return Selected(name, path, fresh=True, changes=(*database.changes(), compatibility))


def _salt(root: Path, address: str, attempt: int) -> str:
    """Eight letters and digits as Thunderbird puts before a name; the same each time a plan is made."""
    digest = hashlib.sha256(f"{root}\0{address.lower()}\0{attempt}".encode()).digest()
    return base64.b32encode(digest)[:8].decode().lower()


def refuse_newer(host: Host, app: App, profile: Path) -> None:
    """Raises Conflict (`profile.newer`) if a newer Thunderbird used the profile: this one would refuse it.

    And Conflict (`ini.broken`) if its compatibility.ini names no version at all.
    """
    path = profile / "compatibility.ini"
    data = host.read(path)
    last = Ini(data, path).get("Compatibility", "LastVersion") if data is not None else None
    used = (last or "").partition("_")[0]
    if used and not _PLAUSIBLE.fullmatch(used):
        raise broken(path, "its LastVersion is no version of Thunderbird")
    if used and app.version and _version(used) > _version(app.version):
        raise Conflict(
            f"The profile {profile} was used by Thunderbird {used}; the one found here is {app.version}.",
            "Update Thunderbird, or name another profile with --client-profile.",
            code="profile.newer",
        )


def _version(text: str) -> tuple[tuple[_Number, bool, str, _Number], ...]:
    """Sorts as Mozilla compares versions: numbers by value, `154.0b3` before `154.0`."""
    parts = []
    for part in text.split("."):
        match = re.match(r"([0-9]*)([^0-9]*)([0-9]*)", part)
        number, word, count = match.groups() if match else ("", "", "")
        parts.append((_number(number), word == "", word, _number(count)))
    missing = [(_number(""), True, "", _number(""))] * (5 - len(parts))  # 154.0 is 154.0.0
    return (*parts, *missing)


def _number(digits: str) -> _Number:
    """Sorts by value, for any number of digits; Python's int takes some thousand only."""
    significant = digits.lstrip("0")
    return len(significant), significant
