"""A machine for each client on which it is installed: adding a client adds one function here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provisioner.host import Host
from tests.memory_store import MemoryStore


@dataclass(frozen=True)
class Machine:
    """`host` is where the client is set up; `own` are files of the user's that live beside ours."""

    host: Host
    own: tuple[Path, ...] = ()


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


def apple_mail(directory: Path) -> Machine:
    """A Mac."""
    home = directory / "home"
    (home / "Library").mkdir(parents=True, mode=0o700)
    return Machine(Host(home=home, platform="darwin", root=directory))


def terminal(directory: Path, *programs: str) -> Host:
    """A Linux with these programs on the search path, and a keyring."""
    home = directory / "home"
    home.mkdir(mode=0o700)
    for name in programs:
        program = directory / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return Host(
        home=home, env={"PATH": str(directory / "bin")}, root=directory / "system", secrets=MemoryStore()
    )


def msmtp_fresh(directory: Path) -> Machine:
    """msmtp installed, no configuration yet."""
    return Machine(terminal(directory, "msmtp", "secret-tool"))


def msmtp_used(directory: Path) -> Machine:
    """A configuration of the user's own, in an old encoding and without an end of its last line."""
    host = terminal(directory, "msmtp", "secret-tool")
    own = host.home / ".msmtprc"
    own.write_bytes(b"# caf\xe9\r\ndefaults\r\nlogfile ~/log\r\n\r\naccount work\r\nhost mail.example.org")
    own.chmod(0o640)
    return Machine(host, (own,))


def mbsync_fresh(directory: Path) -> Machine:
    """mbsync installed, no configuration yet."""
    return Machine(terminal(directory, "mbsync", "secret-tool"))


def mbsync_used(directory: Path) -> Machine:
    """A configuration of the user's own whose last section has no end, read as version 1.5 does."""
    host = terminal(directory, "mbsync", "secret-tool")
    own = host.home / ".config/isyncrc"
    own.parent.mkdir()
    own.write_bytes(b"IMAPAccount work\nHost imap.example.org\nUser caf\xe9")
    (host.home / "Mail").mkdir()
    return Machine(host, (own,))


MACHINES: dict[str, tuple[str, Callable[[Path], Machine]]] = {
    "thunderbird-fresh": ("thunderbird", thunderbird_fresh),
    "thunderbird-used": ("thunderbird", thunderbird_used),
    "apple-mail": ("apple-mail", apple_mail),
    "msmtp-fresh": ("msmtp", msmtp_fresh),
    "msmtp-used": ("msmtp", msmtp_used),
    "mbsync-fresh": ("mbsync", mbsync_fresh),
    "mbsync-used": ("mbsync", mbsync_used),
}
