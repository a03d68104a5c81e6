"""Thunderbirds are found where the packages put them, each with the number it has in profiles.ini."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.clients import thunderbird
from provisioner.clients.thunderbird import installation
from provisioner.clients.thunderbird.cityhash import install_hash
from provisioner.host import Host
from tests.thunderbird_files import DEBIAN_HASH, application, machine, put


@pytest.mark.parametrize(
    ("directory", "number"),
    [
        ("/usr/lib/thunderbird", DEBIAN_HASH),
        ("/usr/lib64/thunderbird", "3DDF446CE6CB1A45"),
        ("/opt/thunderbird", "9238613B8C3D2579"),
        ("/Applications/Thunderbird.app/Contents/MacOS", "712DAF5A23ABECDC"),
        (r"C:\Program Files\Mozilla Thunderbird", "D78BF5DD33499EC2"),
        ("/app/lib/thunderbird", "BD520B11F73A6B64"),
    ],
)
def test_install_hash(directory: str, number: str) -> None:
    assert install_hash(directory) == number


def test_the_number_has_no_leading_zeros() -> None:
    numbers = {install_hash(f"/opt/{n}") for n in range(200)}
    assert min(map(len, numbers)) < 16
    assert not any(number.startswith("0") for number in numbers)


def test_debian(tmp_path: Path) -> None:
    (app,) = installation.find(machine(tmp_path))
    assert app.root == tmp_path / "home/.thunderbird"
    assert (app.version, app.channel, app.directory, app.hash) == (
        "153.7.0",
        "esr",
        "/usr/lib/thunderbird",
        DEBIAN_HASH,
    )
    assert app.short_title == "Thunderbird 153"
    assert app.at_least(144)
    assert not app.at_least(154)


def test_the_command_on_the_path_comes_first_and_counts_once(tmp_path: Path) -> None:
    host = machine(tmp_path, "/usr/lib/thunderbird", "/opt/mail/thunderbird")
    program = put(host.system("/opt/mail/thunderbird/thunderbird"), "#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/thunderbird").symlink_to(program)
    host = replace(host, env={"PATH": str(tmp_path / "bin")})
    assert [app.directory for app in installation.find(host)] == [
        "/opt/mail/thunderbird",
        "/usr/lib/thunderbird",
    ]


def test_flatpak_and_snap(tmp_path: Path) -> None:
    host = machine(tmp_path)
    files = "app/org.mozilla.Thunderbird/current/active/files/lib/thunderbird"
    application(host, f"/var/lib/flatpak/{files}", "140.0")
    put(
        host.home / ".local/share/flatpak" / files / "application.ini",
        "[App]\nName=Thunderbird\nVersion=150.0\n",
    )
    application(host, "/snap/thunderbird/current", "152.0")
    _, flatpak, snap = installation.find(host)
    assert (flatpak.title, flatpak.version) == ("Mozilla Thunderbird (Flatpak)", "150.0")
    assert flatpak.root == host.home / ".var/app/org.mozilla.Thunderbird/.thunderbird"
    assert flatpak.hash == "BD520B11F73A6B64"
    assert (snap.version, snap.hash) == ("152.0", "")
    assert snap.root == host.home / "snap/thunderbird/common/.thunderbird"
    assert snap.short_title == "Thunderbird (Snap) 152"


def test_macos(tmp_path: Path) -> None:
    host = replace(machine(tmp_path, "/Applications/Thunderbird.app/Contents/Resources"), platform="darwin")
    (app,) = installation.find(host)
    assert app.root == host.home / "Library/Thunderbird"
    assert (app.profiles, app.hash) == ("Profiles", "712DAF5A23ABECDC")


def test_windows(tmp_path: Path) -> None:
    env = {
        "ProgramFiles": str(tmp_path / "PF"),
        "APPDATA": str(tmp_path / "R"),
        "LOCALAPPDATA": str(tmp_path / "L"),
    }
    host = Host(home=tmp_path / "home", env=env, platform="win32")
    put(tmp_path / "PF/Mozilla Thunderbird/application.ini", "[App]\r\nName=Thunderbird\r\nVersion=153.0\r\n")
    (tmp_path / "L/Packages" / installation.STORE_PACKAGE).mkdir(parents=True)
    desktop, store = installation.find(host)
    assert desktop.root == tmp_path / "R/Thunderbird"
    assert desktop.directory == f"{tmp_path}/PF/Mozilla Thunderbird".replace("/", "\\")
    assert (
        store.root == tmp_path / "L/Packages" / installation.STORE_PACKAGE / "LocalCache/Roaming/Thunderbird"
    )
    assert store.hash == install_hash(installation.STORE_PACKAGE)


def test_other_programs_and_empty_directories_do_not_count(tmp_path: Path) -> None:
    host = machine(tmp_path)
    application(host, name="Firefox")
    host.system("/opt/thunderbird").mkdir(parents=True)
    assert installation.find(host) == ()


def test_legacy_profiles(tmp_path: Path) -> None:
    (app,) = installation.find(replace(machine(tmp_path), env={"PATH": "", "MOZ_LEGACY_PROFILES": "1"}))
    assert app.hash == ""


def test_detect(tmp_path: Path) -> None:
    (found,) = thunderbird.detect(machine(tmp_path))
    assert (found.client, found.title, found.version) == ("thunderbird", "Mozilla Thunderbird", "153.7.0")
    assert found.where == str(tmp_path / "home/.thunderbird")
