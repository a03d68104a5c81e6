"""The profile that gets the account is the one that Thunderbird will start."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from provisioner.clients import thunderbird
from provisioner.clients.base import Options
from provisioner.clients.thunderbird import installation, profiles
from provisioner.clients.thunderbird.cityhash import install_hash
from provisioner.clients.thunderbird.profiles import Selected
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Plan
from tests.thunderbird_files import (
    BOB,
    DEBIAN,
    DEBIAN_HASH,
    ICLOUD,
    PASSWORD,
    application,
    apply,
    machine,
    profile,
    profiles_ini,
    put,
    tree,
)

TWO = "[Profile0]\nName=one\nIsRelative=1\nPath=p.one\n\n[Profile1]\nName=two\nIsRelative=1\nPath=p.two\n"
GENERAL = "\n[General]\nStartWithLastProfile=1\nVersion=2\n"


def two_profiles(host: Host, more: str = "", general: str = GENERAL) -> Path:
    for leaf in ("p.one", "p.two"):
        put(host.home / ".thunderbird" / leaf / "prefs.js", BOB)
    return profiles_ini(host, TWO + more + general)


def select(host: Host) -> Selected:
    return profiles.select(host, installation.find(host)[0], ICLOUD.address)


def plan(host: Host, wanted: str | None = None) -> Plan:
    return thunderbird.plan(host, ICLOUD, PASSWORD, Options(profile=wanted))


def compatibility(host: Host, leaf: str, platform: str | None = DEBIAN) -> None:
    line = f"LastPlatformDir={platform}\n" if platform else ""
    put(
        host.home / f".thunderbird/{leaf}/compatibility.ini",
        f"[Compatibility]\nLastVersion=140.0_1/1\n{line}",
    )


def test_none_yet(tmp_path: Path) -> None:
    host = machine(tmp_path)
    before = plan(host)
    apply(before)
    files = tree(host.home / ".thunderbird")
    leaf = Path(before.where).name
    assert leaf.endswith(".default-esr")
    assert len(leaf) == 8 + len(".default-esr")
    assert files["profiles.ini"].decode() == (
        f"[Profile0]\nName=default-esr\nIsRelative=1\nPath={leaf}\nDefault=1\n\n"
        f"[General]\nStartWithLastProfile=1\nVersion=2\n\n[Install{DEBIAN_HASH}]\nDefault={leaf}\nLocked=1\n"
    )
    assert files["installs.ini"].decode() == f"[{DEBIAN_HASH}]\nDefault={leaf}\nLocked=1\n"
    assert b"LastPlatformDir" not in files[f"{leaf}/compatibility.ini"]
    assert before.changes[-1].path.name == "profiles.ini"
    assert before.done == "account added to profile default-esr, password in its own store"
    assert select(host) == Selected("default-esr", Path(before.where), fresh=False)


def test_a_new_profile_has_the_same_name_each_time_but_no_directory_that_is_there(tmp_path: Path) -> None:
    host = machine(tmp_path)
    first = plan(host).where
    assert plan(host).where == first
    Path(first).mkdir(parents=True)
    assert plan(host).where != first


def test_macos_keeps_profiles_in_a_directory_of_their_own(tmp_path: Path) -> None:
    host = replace(machine(tmp_path, "/Applications/Thunderbird.app/Contents/Resources"), platform="darwin")
    apply(plan(host))
    root = host.home / "Library/Thunderbird"
    (prefs,) = root.glob("Profiles/*/prefs.js")
    assert f"Path=Profiles/{prefs.parent.name}\n" in (root / "profiles.ini").read_text()
    assert "mail.spotlight.firstRunDone" in prefs.read_text()
    assert plan(host).empty


def test_windows_locks_another_file(tmp_path: Path) -> None:
    put(tmp_path / "PF/Mozilla Thunderbird/application.ini", "[App]\r\nName=Thunderbird\r\nVersion=153.0\r\n")
    host = Host(home=tmp_path, env={"ProgramFiles": str(tmp_path / "PF")}, platform="win32")
    before = plan(host)
    assert before.locks == (Path(before.where) / "parent.lock",)
    apply(before)
    assert plan(host).empty


def test_the_section_of_this_installation_decides(tmp_path: Path) -> None:
    host = machine(tmp_path)
    other = f"[Install{install_hash('/opt/thunderbird')}]\nDefault=p.one\n"
    two_profiles(host, f"Default=1\n[Install{DEBIAN_HASH}]\nDefault=p.two\n{other}")
    compatibility(host, "p.one")
    found = select(host)
    assert (found.name, found.changes) == ("two", ())
    assert found.path == host.home / ".thunderbird/p.two"


def test_absolute_paths(tmp_path: Path) -> None:
    host = machine(tmp_path)
    put(tmp_path / "elsewhere/prefs.js", BOB)
    profiles_ini(
        host,
        f"[Install{DEBIAN_HASH}]\nDefault={tmp_path}/elsewhere\n"
        f"[Profile0]\nName=away\nIsRelative=0\nPath={tmp_path}/elsewhere\n{GENERAL}",
    )
    assert select(host).path == tmp_path / "elsewhere"


def test_profiles_after_a_gap_in_the_numbers_do_not_exist(tmp_path: Path) -> None:
    host = machine(tmp_path)
    profiles_ini(host, "[Profile1]\nName=one\nIsRelative=1\nPath=p.one\n" + GENERAL)
    assert select(host).fresh


def test_an_old_default_is_claimed_as_thunderbird_itself_does(tmp_path: Path) -> None:
    host = machine(tmp_path)
    two_profiles(host, "Default=1\n")
    compatibility(host, "p.two")
    found = select(host)
    assert (found.name, found.changes) == ("two", ())
    compatibility(host, "p.two", None)
    assert select(host).changes == ()


def test_the_only_profile_is_used_even_if_it_was_never_started(tmp_path: Path) -> None:
    host = machine(tmp_path)
    put(host.home / ".thunderbird/p.one/prefs.js", BOB)
    profiles_ini(host, "[Profile0]\nName=one\nIsRelative=1\nPath=p.one\nDefault=1\n" + GENERAL)
    before = plan(host)
    assert Path(before.where).name == "p.one"
    apply(before)
    assert f"[Install{DEBIAN_HASH}]\nDefault=p.one\n" in before.changes[-1].path.read_text()


def test_the_default_of_another_installation_is_pinned_to_this_one(tmp_path: Path) -> None:
    host = machine(tmp_path)
    two_profiles(host, f"Default=1\n[Install{install_hash('/opt/thunderbird')}]\nDefault=p.one\nLocked=1\n")
    compatibility(host, "p.one", "/opt/thunderbird")
    compatibility(host, "p.two", "/opt/thunderbird")
    before = plan(host)
    assert Path(before.where).name == "p.one"
    apply(before)
    assert f"\n[Install{DEBIAN_HASH}]\nDefault=p.one\nLocked=1\n" in before.changes[-1].path.read_text()
    assert plan(host).empty


def test_a_default_that_another_installation_has_locked_is_not_claimed(tmp_path: Path) -> None:
    host = machine(tmp_path)
    two_profiles(host, "Default=1\n[Install0123456789ABCDEF]\nDefault=p.two\nLocked=1\n")
    compatibility(host, "p.two")
    found = select(host)
    assert (found.name, [change.path.name for change in found.changes]) == (
        "two",
        ["profiles.ini", "installs.ini"],
    )


def test_installs_ini_counts_only_without_a_version(tmp_path: Path) -> None:
    host = machine(tmp_path)
    put(host.home / ".thunderbird/installs.ini", f"[{DEBIAN_HASH}]\nDefault=p.two\n")
    two_profiles(host, general="")
    assert select(host).name == "two"
    two_profiles(host)
    with pytest.raises(Conflict) as caught:
        select(host)
    assert caught.value.code == "profile.ambiguous"


@pytest.mark.parametrize(
    ("more", "general"),
    [
        ("", GENERAL),
        (f"[Install{DEBIAN_HASH}]\nDefault=p.gone\n", GENERAL),
        (f"[Install{DEBIAN_HASH}]\nDefault=\n", GENERAL),
        (f"[Install{DEBIAN_HASH}]\nDefault=p.one\n", "[General]\nStartWithLastProfile=0\nVersion=2\n"),
    ],
)
def test_where_no_rule_decides_the_names_are_listed(tmp_path: Path, more: str, general: str) -> None:
    host = machine(tmp_path)
    two_profiles(host, more, general)
    with pytest.raises(Conflict, match="there are: one, two") as caught:
        plan(host)
    assert caught.value.code == "profile.ambiguous"
    assert caught.value.hint == "Say which one: --client-profile one"


def test_snap_uses_the_default_mark(tmp_path: Path) -> None:
    host = machine(tmp_path, "/snap/thunderbird/current")
    root = host.home / "snap/thunderbird/common/.thunderbird"
    put(root / "p.two/prefs.js", BOB)
    put(root / "profiles.ini", TWO + "Default=1\n[InstallX]\nDefault=p.one\n" + GENERAL)
    assert select(host).path == root / "p.two"


def test_snap_fresh(tmp_path: Path) -> None:
    host = machine(tmp_path, "/snap/thunderbird/current")
    before = plan(host)
    apply(before)
    assert before.where.endswith(".default")
    assert not (host.home / "snap/thunderbird/common/.thunderbird/installs.ini").exists()
    assert plan(host).empty


@pytest.mark.parametrize("wanted", ["two", "{root}/p.two"])
def test_the_user_names_one(tmp_path: Path, wanted: str) -> None:
    host = machine(tmp_path)
    two_profiles(host, f"[Install{DEBIAN_HASH}]\nDefault=p.one\n")
    root = host.home / ".thunderbird"
    before = plan(host, wanted.format(root=root))
    assert before.where == str(root / "p.two")
    assert before.next == f"Start Thunderbird with this profile:\n  thunderbird --profile {root}/p.two"
    assert all(change.path.parent == root / "p.two" for change in before.changes)


def test_the_user_names_the_one_that_starts(tmp_path: Path) -> None:
    host = machine(tmp_path)
    two_profiles(host, f"[Install{DEBIAN_HASH}]\nDefault=p.one\n")
    assert plan(host, "one").next == "Start Thunderbird: your inbox is there."


def test_the_user_names_a_directory_that_is_not_listed(tmp_path: Path) -> None:
    host = machine(tmp_path)
    put(tmp_path / "other/prefs.js", BOB)
    assert plan(host, str(tmp_path / "other")).where == str(tmp_path / "other")


def test_the_user_names_none_of_them(tmp_path: Path) -> None:
    host = machine(tmp_path)
    two_profiles(host)
    with pytest.raises(UsageError, match="no profile 'three'") as caught:
        plan(host, "three")
    assert caught.value.hint == "It has: one, two."


def test_of_several_thunderbirds_the_one_with_a_profile(tmp_path: Path) -> None:
    host = machine(tmp_path, DEBIAN, "/opt/thunderbird", "/snap/thunderbird/current")
    root = host.home / "snap/thunderbird/common/.thunderbird"
    put(root / "p.one/prefs.js", BOB)
    put(root / "profiles.ini", "[Profile0]\nName=one\nIsRelative=1\nPath=p.one\n" + GENERAL)
    assert plan(host).where == str(root / "p.one")


def test_of_several_thunderbirds_without_a_profile_the_user_chooses(tmp_path: Path) -> None:
    host = machine(tmp_path, DEBIAN, "/snap/thunderbird/current")
    with pytest.raises(Conflict, match="more than one Thunderbird") as caught:
        plan(host)
    assert caught.value.code == "installation.ambiguous"
    snap = host.home / "snap/thunderbird/common/.thunderbird"
    assert f"--client-profile {snap}" in caught.value.hint
    assert Path(plan(host, str(snap)).where).parent == snap


def test_none_installed(tmp_path: Path) -> None:
    host = Host(home=tmp_path, env={"PATH": ""}, root=tmp_path)
    with pytest.raises(ProvisionError) as caught:
        plan(host)
    assert caught.value.code == "client.not_installed"
    assert caught.value.hint


def test_a_listed_directory_that_is_gone(tmp_path: Path) -> None:
    host = machine(tmp_path)
    (profile(host) / "prefs.js").unlink()
    path = host.home / ".thunderbird/abcd1234.default-esr"
    (path / "compatibility.ini").unlink()
    path.rmdir()
    with pytest.raises(Conflict, match=r"abcd1234\.default-esr is not there") as caught:
        plan(host)
    assert caught.value.code == "profile.missing"


@pytest.mark.parametrize(
    ("used", "here", "newer"),
    [
        ("153.7.0", "153.7.0", False),
        ("153.8.0", "153.7.0", True),
        ("153.10.0", "153.9.0", True),
        ("154.0b3", "154.0", False),
        ("154.0", "154.0b3", True),
        ("154.0", "154.0.0", False),
        ("140.0esr", "153.7.0", False),
    ],
)
def test_a_profile_of_a_newer_thunderbird(tmp_path: Path, used: str, here: str, newer: bool) -> None:
    host = machine(tmp_path, version=here)
    put(profile(host) / "compatibility.ini", f"[Compatibility]\nLastVersion={used}_2026/2026\n")
    if not newer:
        assert plan(host).changes
        return
    with pytest.raises(Conflict, match=f"used by Thunderbird {used}") as caught:
        plan(host)
    assert caught.value.code == "profile.newer"


@pytest.mark.parametrize("used", ["9" * 5000, "1." + "9" * 5000, "soon", "140.0\x1b[2J", "٣"])
def test_a_version_that_is_none_is_refused(tmp_path: Path, used: str) -> None:
    host = machine(tmp_path)
    path = put(profile(host) / "compatibility.ini", f"[Compatibility]\nLastVersion={used}_2026/2026\n")
    with pytest.raises(Conflict, match="its LastVersion is no version") as caught:
        plan(host)
    assert caught.value.code == "ini.broken"
    assert caught.value.message == f"{path} is damaged: its LastVersion is no version of Thunderbird."
    assert caught.value.hint.startswith("Nothing was written.")


def test_versions_compare_by_value_whatever_their_length(tmp_path: Path) -> None:
    app = installation.find(machine(tmp_path))[0]
    host = machine(tmp_path)
    path = profile(host)
    profiles.refuse_newer(host, replace(app, version="9" * 5000), path)
    put(path / "compatibility.ini", "[Compatibility]\nLastVersion=00153.07.0_1/1\n")
    profiles.refuse_newer(host, app, path)
    put(path / "compatibility.ini", "[Compatibility]\nLastVersion=4294967296.0_1/1\n")
    with pytest.raises(Conflict) as caught:
        profiles.refuse_newer(host, app, path)
    assert caught.value.code == "profile.newer"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are not Unicode")
@pytest.mark.parametrize("listed", [False, True])
def test_a_home_whose_name_is_not_utf_8_is_refused_in_a_sentence(tmp_path: Path, listed: bool) -> None:
    host = machine(tmp_path / os.fsdecode(b"jan\xe9"))
    if listed:
        profile(host)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "profile.path"
    assert caught.value.message == (
        f"The directory {tmp_path}/jan\\xe9/home/.thunderbird has a name that is not valid UTF-8."
    )
    assert caught.value.hint.startswith("Nothing was written.")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are not Unicode")
def test_a_named_directory_that_is_not_utf_8_is_refused_in_a_sentence(tmp_path: Path) -> None:
    away = put(tmp_path / os.fsdecode(b"jan\xe9/prefs.js"), BOB).parent
    with pytest.raises(Conflict) as caught:
        plan(machine(tmp_path), str(away))
    assert caught.value.code == "profile.path"
    caught.value.message.encode()


@pytest.mark.parametrize("name", ["key4.db", "logins.json", "logins-backup.json"])
def test_a_strange_password_store_is_named_with_its_whole_path(tmp_path: Path, name: str) -> None:
    host = machine(tmp_path)
    path = put(profile(host) / name, "?")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "store.unrecognised"
    assert caught.value.message.startswith(f"{path} is not a password store that we recognise: it is not ")
    assert caught.value.hint.startswith("Nothing was written to this profile. Start Thunderbird")


def test_a_strange_login_is_named_with_the_whole_path_of_its_file(tmp_path: Path) -> None:
    """It is only met when the passwords are looked at, not when the store is opened."""
    host = machine(tmp_path)
    path = profile(host)
    apply(plan(host))
    text = (path / "logins.json").read_text()
    put(
        path / "logins.json",
        re.sub(r'"encryptedUsername":"[^"]*"', '"encryptedUsername":"AAAA"', text, count=1),
    )
    message = re.escape(f"{path / 'logins.json'} is not a password store")
    with pytest.raises(Conflict, match=message):
        plan(host)
    with pytest.raises(Conflict, match=message):
        thunderbird.stored_secret(host, ICLOUD, Options())


def test_another_program_with_the_same_files_is_left_alone(tmp_path: Path) -> None:
    host = machine(tmp_path)
    application(host, "/opt/thunderbird", name="Betterbird")
    assert len(thunderbird.detect(host)) == 1
