"""Thunderbird."""

from __future__ import annotations

from pathlib import Path

from provisioner.host import Host
from tests.clients.machines.base import Machine


def thunderbird_fresh(directory: Path) -> Machine:
    """Thunderbird 153 installed, never started."""
    return Machine(_thunderbird(directory))


def thunderbird_used(directory: Path) -> Machine:
    """A profile with preferences of the user's own."""
    host = _thunderbird(directory)
    root = host.home / ".thunderbird"
    profile = root / "abc.default-release"
    profile.mkdir(parents=True, mode=0o700)
    (root / "profiles.ini").write_text(
        "[InstallFDC34C9F024745EB]\nDefault=abc.default-release\nLocked=1\n\n"
        "[Profile0]\nName=default-release\nIsRelative=1\nPath=abc.default-release\n\n[General]\nVersion=2\n"
    )
    (profile / "prefs.js").write_bytes(
        b'// Mozilla User Preferences\r\n\r\nuser_pref("a.b", "x\\"y");\r\nuser_pref("z", -5);\r\n'
    )
    (profile / "prefs.js").chmod(0o640)
    return Machine(host, (profile / "prefs.js",))


def _thunderbird(directory: Path) -> Host:
    home = directory / "home"
    home.mkdir(mode=0o700)
    program = directory / "system/usr/lib/thunderbird"
    program.mkdir(parents=True)
    (program / "application.ini").write_text(
        "[App]\nVendor=\nName=Thunderbird\nRemotingName=thunderbird\nVersion=153.7.0\nBuildID=20261101000000\n"
        "[Gecko]\nMinVersion=153.7.0\nMaxVersion=153.7.0\n"
    )
    (program / "platform.ini").write_text("[Build]\nBuildID=20261101000000\nMilestone=153.7.0\n")
    return Host(home=home, platform="linux", root=directory / "system")
