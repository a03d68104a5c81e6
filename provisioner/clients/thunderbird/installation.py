"""Finds the Thunderbirds of a machine: where the program is, its version, and where its profiles are.

Roots of profiles: toolkit/xre/nsXREDirProvider.cpp (Linux, macOS, Windows), the `--persist` option of
Flathub's manifest, and Snap's `$SNAP_USER_COMMON`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.thunderbird.cityhash import install_hash
from provisioner.edits.ini import Ini
from provisioner.host import Host

TITLE = "Mozilla Thunderbird"
STORE_PACKAGE = "MozillaThunderbird.MZLA_h5892qc0xkpca"
"""Package family name in the Microsoft Store."""
_LINUX_DIRECTORIES = (
    "/usr/lib/thunderbird",
    "/usr/lib64/thunderbird",
    "/opt/thunderbird",
    "/usr/local/lib/thunderbird",
    "/usr/local/thunderbird",
)
_FLATPAK_IDS = ("org.mozilla.Thunderbird", "net.thunderbird.Thunderbird")


@dataclass(frozen=True, slots=True)
class App:
    """One installed Thunderbird. Without its application.ini `version` is empty and `channel` a guess."""

    title: str
    root: Path
    """Directory of profiles.ini."""
    profiles: str
    """Directory of new profiles, below the root; empty for the root itself."""
    version: str
    channel: str
    directory: str
    """Directory of the program as it sees itself; empty if not known."""
    hash: str
    """Its number in profiles.ini; empty if it knows one default profile only (Snap, MOZ_LEGACY_PROFILES)."""
    seen: bool = True
    """False: only its profiles were found; the program is somewhere that we do not look."""

    @property
    def short_title(self) -> str:
        """`Thunderbird 153`, as a person calls it."""
        major = self.version.partition(".")[0]
        return " ".join(filter(None, (self.title.removeprefix("Mozilla "), major)))

    def at_least(self, major: int) -> bool:
        number = self.version.partition(".")[0]
        return bool(re.fullmatch(r"[0-9]{1,6}", number)) and int(number) >= major


def find(host: Host) -> tuple[App, ...]:
    """Every Thunderbird found, the one that the command `thunderbird` starts first."""
    if host.platform == "darwin":
        return _macos(host) or _profiles_only(host.home / "Library/Thunderbird", "Profiles")
    if host.platform == "win32":
        return _windows(host) or _profiles_only(_roaming(host) / "Thunderbird", "Profiles")
    found = (*_linux(host), *_flatpak(host), *_snap(host))
    return found or _profiles_only(host.home / ".thunderbird", "")


def _profiles_only(root: Path, profiles: str) -> tuple[App, ...]:
    """Someone runs a Thunderbird from another place: its profiles are enough to set it up."""
    if not (root / "profiles.ini").is_file():
        return ()
    return (App(TITLE, root, profiles, "", "release", "", "", seen=False),)


def _linux(host: Host) -> tuple[App, ...]:
    directories = [path.parent for path in (host.which("thunderbird"),) if path]
    directories += [host.system(path) for path in _LINUX_DIRECTORIES]
    found: dict[Path, App] = {}
    for directory in directories:
        real = directory.resolve()
        if info := _application(host, real / "application.ini"):
            found[real] = _app(host, TITLE, host.home / ".thunderbird", "", info, _seen_from_root(host, real))
    return tuple(found.values())


def _flatpak(host: Host) -> tuple[App, ...]:
    found = []
    for app_id in _FLATPAK_IDS:
        for base in (host.home / ".local/share/flatpak", host.system("/var/lib/flatpak")):
            directory = base / "app" / app_id / "current/active/files/lib/thunderbird"
            if info := _application(host, directory / "application.ini"):
                root = host.home / ".var/app" / app_id / ".thunderbird"
                found.append(_app(host, f"{TITLE} (Flatpak)", root, "", info, "/app/lib/thunderbird"))
                break
    return tuple(found)


def _snap(host: Host) -> tuple[App, ...]:
    base = host.system("/snap/thunderbird/current")
    if not base.is_dir():
        return ()
    candidates = (base / "application.ini", base / "usr/lib/thunderbird/application.ini")
    info = next(filter(None, (_application(host, path) for path in candidates)), {})
    # A snap's directory changes with every update, so no number is kept (nsToolkitProfileService.cpp).
    return (_app(host, f"{TITLE} (Snap)", host.home / "snap/thunderbird/common/.thunderbird", "", info, ""),)


def _macos(host: Host) -> tuple[App, ...]:
    found = []
    for base, seen in ((host.system("/Applications"), "/Applications"), (host.home / "Applications", None)):
        bundle = base / "Thunderbird.app"
        if info := _application(host, bundle / "Contents/Resources/application.ini"):
            directory = f"{seen or base}/Thunderbird.app/Contents/MacOS"
            found.append(_app(host, TITLE, host.home / "Library/Thunderbird", "Profiles", info, directory))
    return tuple(found)


def _windows(host: Host) -> tuple[App, ...]:
    local = Path(host.env.get("LOCALAPPDATA") or host.home / "AppData/Local")
    roaming = _roaming(host)
    bases = [
        host.env[name] for name in ("ProgramFiles", "ProgramW6432", "ProgramFiles(x86)") if host.env.get(name)
    ]
    found: dict[str, App] = {}
    for base in (*bases, str(local)):
        directory = Path(base) / "Mozilla Thunderbird"
        seen = str(directory).replace("/", "\\")
        if seen not in found and (info := _application(host, directory / "application.ini")):
            found[seen] = _app(host, TITLE, roaming / "Thunderbird", "Profiles", info, seen)
    package = local / "Packages" / STORE_PACKAGE
    apps = list(found.values())
    if package.is_dir():
        root = package / "LocalCache/Roaming/Thunderbird"
        apps.append(_app(host, f"{TITLE} (Microsoft Store)", root, "Profiles", {}, STORE_PACKAGE))
    return tuple(apps)


def _roaming(host: Host) -> Path:
    return Path(host.env.get("APPDATA") or host.home / "AppData/Roaming")


def _application(host: Host, path: Path) -> dict[str, str]:
    """The `[App]` section of an application.ini, empty if there is none or it is another program's."""
    data = host.read(path)
    section = Ini(data, path).section("App") if data is not None else {}
    return section if section.get("Name", "").lower() == "thunderbird" else {}


def _app(host: Host, title: str, root: Path, profiles: str, info: dict[str, str], directory: str) -> App:
    dedicated = directory and not host.env.get("MOZ_LEGACY_PROFILES")
    return App(
        title=title,
        root=root,
        profiles=profiles,
        version=info.get("Version", ""),
        channel=info.get("RemotingName", "").partition("-")[2] or "release",
        directory=directory,
        hash=install_hash(directory) if dedicated else "",
    )


def _seen_from_root(host: Host, path: Path) -> str:
    root = host.root.resolve()
    return "/" + str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
