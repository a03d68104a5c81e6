"""KMail: whose account is whose, where its passwords are, and what KMail itself does with its files."""

from __future__ import annotations

import dataclasses
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner import locks
from provisioner.apply import apply
from provisioner.clients import kmail
from provisioner.clients.base import Options
from provisioner.deed import Deed
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.items import Store
from provisioner.journal import Journal
from provisioner.plan import prune
from provisioner.report import ClientRow
from provisioner.secret import Secret
from tests.clients.machines.kmail import fresh, used
from tests.clients.test_contract import CANARY, NEWER, snapshot
from tests.test_gnome_clients import JANE, take_out

OLD, NEW = "kmail2 5.22.3 (22.12.3)", "kmail 6.3.3 (24.12.3)"
NUMBER = "192606003"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def setup(host: Host, secret: Secret = CANARY) -> None:
    plan = prune(kmail.plan(host, JANE, secret, Options()))
    apply([Deed(plan, JANE, "Label")], host, Journal(host.state_dir))


def adopted(host: Host) -> Host:
    """The account as if the person had set it up: KMail's own numbers, the other form of the user name."""
    setup(host)
    for path in sorted((host.home / ".config").rglob("*")):
        if path.is_file():
            text = path.read_text().replace(NUMBER, "1")
            path.write_text(text.replace("UserName=jane.appleseed\n", f"UserName={JANE.address}\n"))
            path.rename(path.with_name(path.name.replace(NUMBER, "1")))
    (Journal(host.state_dir).directory / "receipts").rename(host.home.parent / "forgotten")
    return host


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_only_on_linux(host: Host, platform: str) -> None:
    host = dataclasses.replace(host, platform=platform)
    assert kmail.detect(host) == ()
    with pytest.raises(UsageError, match="KWallet"):
        kmail.plan(host, JANE, CANARY, Options())


def test_an_account_of_the_persons_own_gets_the_new_password_and_stays(host: Host) -> None:
    before = snapshot(adopted(host))
    (found,) = kmail.find(host, JANE, Options())
    assert found.account is not None
    assert found.account.imap.username == JANE.address
    plan = prune(kmail.plan(host, found.account, NEWER, Options(profile=found.where)))
    assert plan.adopted
    assert plan.changes == ()
    assert {dict(change.item.attributes)["username"] for change in plan.secrets} == {
        "akonadi_imap_resource_1rc",
        "1",
    }
    apply([Deed(plan, JANE, "Label")], host, Journal(host.state_dir))
    assert kmail.stored_secret(host, found.account, Options()) == NEWER
    assert take_out(host).ok
    assert snapshot(host) == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("mailtransports", "host=smtp.mail.me.com", "host=smtp.example.org"),
        ("emailidentities", "Email Address=jane.", "Email Address=joe."),
    ],
)
def test_one_that_is_not_complete_is_advised_of_and_not_doubled(
    host: Host, name: str, old: str, new: str
) -> None:
    path = adopted(host).home / ".config" / name
    path.write_text(path.read_text().replace(old, new))
    (found,) = kmail.find(host, JANE, Options())
    assert found.account is None
    assert "elsewhere" in found.advice
    with pytest.raises(Conflict) as caught:
        kmail.plan(host, JANE, CANARY, Options())
    assert caught.value.code == "account.exists"


def test_an_identity_with_the_address_alone_is_not_doubled(host: Host) -> None:
    path = host.home / ".config/emailidentities"
    path.parent.mkdir()
    path.write_text(f"[Identity #0]\nEmail Address={JANE.address}\nuoid=3\n")
    with pytest.raises(Conflict) as caught:
        kmail.plan(host, JANE, CANARY, Options())
    assert caught.value.code == "account.exists"
    assert kmail.find(host, JANE, Options()) == ()


def test_a_resource_that_akonadi_does_not_start_is_no_account(host: Host) -> None:
    (adopted(host).home / ".config/akonadi/agentsrc").write_text("[Instances]\n")
    assert kmail.find(host, JANE, Options()) == ()


def test_ours_is_mended_and_found_under_another_number_of_its_section(host: Host) -> None:
    setup(host)
    path = host.home / ".config/emailidentities"
    mine = "[Identity #0]\nEmail Address=a@example.org\nuoid=3\n\n"
    path.write_text(mine + path.read_text().replace("Identity #0", "Identity #1").replace("Transport=", "x="))
    setup(host, NEWER)
    assert path.read_text().count("Email Address=jane") == 1
    assert f"Transport={NUMBER}" in path.read_text()
    assert prune(kmail.plan(host, JANE, NEWER, Options())).empty
    assert take_out(host).ok
    assert path.read_text() == mine.rstrip("\n") + "\n"


def test_the_defaults_of_others_stay(tmp_path: Path) -> None:
    host = used(tmp_path).host
    setup(host)
    config = host.home / ".config"
    assert "default-transport=17\n" in (config / "mailtransports").read_text()
    assert "Default Identity=5\n" in (config / "emailidentities").read_text()
    assert "[Identity #1]\n" in (config / "emailidentities").read_text()


@pytest.mark.parametrize(
    ("desktop", "version", "stores"),
    [
        ("KDE", OLD, [Store.KWALLET, Store.KWALLET]),
        ("KDE", NEW, [Store.KWALLET, Store.KWALLET]),
        ("ubuntu:GNOME", OLD, [Store.KWALLET, Store.KEYRING]),
        ("ubuntu:GNOME", NEW, [Store.KEYRING, Store.KEYRING]),
        ("XFCE", "", [Store.KEYRING, Store.KEYRING]),
        ("", OLD, [Store.KWALLET, Store.KWALLET, Store.KEYRING]),
        ("", NEW, [Store.KWALLET, Store.KEYRING, Store.KWALLET, Store.KEYRING]),
    ],
)
def test_passwords_are_where_this_version_looks_in_this_desktop(
    tmp_path: Path, desktop: str, version: str, stores: list[Store]
) -> None:
    host = fresh(tmp_path).host
    (tmp_path / "bin/kmail").write_text(f"#!/bin/sh\necho '{version}'\n")
    host = dataclasses.replace(host, env={**host.env, "XDG_CURRENT_DESKTOP": desktop})
    plan = kmail.plan(host, JANE, CANARY, Options())
    assert [change.item.store for change in plan.secrets] == stores
    keys = [dict(change.item.attributes) for change in plan.secrets]
    for item in keys:
        folder, key = item.get("server") or item.get("service"), item.get("user") or item.get("username")
        assert (folder, key) in (
            ("imap", f"akonadi_imap_resource_{NUMBER}rc"),
            ("mailtransports", NUMBER),
        )


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory in which there is room for the path of a socket."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="sockets with paths")
def test_while_akonadi_runs_nothing_is_written(host: Host, short: Path) -> None:
    """Where it is said to listen, and where the link in its data leads."""
    run, other = short / "run/akonadi", short / "other"
    run.mkdir(parents=True)
    other.mkdir()
    link = host.home / ".local/share/akonadi/socket-vm-default"
    link.parent.mkdir(parents=True)
    link.symlink_to(other)
    host = dataclasses.replace(host, env={**host.env, "XDG_RUNTIME_DIR": str(run.parent)})
    plan = kmail.plan(host, JANE, CANARY, Options())
    for place in (run, other):
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place / "akonadiserver-cmd.socket"))
            listener.listen()
            with (
                pytest.raises(Conflict, match="KMail is running") as caught,
                locks.hold(plan.locks, plan.title),
            ):
                pass
            assert "akonadictl stop" in caught.value.hint
    with locks.hold(plan.locks, plan.title):
        pass


def test_what_akonadi_has_fetched_is_spoken_of_at_remove(host: Host) -> None:
    setup(host)
    data = host.home / ".local/share/akonadi"
    data.mkdir(parents=True)
    log = host.home / f".config/akonadi/agent_config_akonadi_imap_resource_{NUMBER}_changes.dat"
    log.write_bytes(b"\0")
    instances = log.with_name("agentsrc")
    instances.write_text("[InstanceCounters]\nx=1\n\n" + instances.read_text())
    (row,) = (row for row in take_out(host).rows if isinstance(row, ClientRow))
    assert any("akonadictl fsck" in note for note in row.notes)
    assert not log.exists()
    assert instances.read_text() == "[InstanceCounters]\nx=1\n"
