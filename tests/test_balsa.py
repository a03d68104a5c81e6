"""Balsa: whose account is whose, its mailboxes on this computer, and what it does with its files."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner import locks
from provisioner.apply import apply
from provisioner.clients import balsa
from provisioner.clients.base import Options
from provisioner.deed import Deed
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.journal import Journal
from provisioner.plan import prune
from provisioner.secret import Secret
from tests.clients.machines.balsa import fresh, used
from tests.clients.test_contract import CANARY, NEWER, snapshot
from tests.test_gnome_clients import JANE, take_out


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def setup(host: Host, secret: Secret = CANARY) -> None:
    plan = prune(balsa.plan(host, JANE, secret, Options()))
    apply([Deed(plan, JANE, "Label")], host, Journal(host.state_dir))


def config(host: Host, name: str = "config") -> Path:
    return host.home / ".balsa" / name


def adopted(host: Host) -> Host:
    """The account as if the person had set it up, with the port apart as older versions have it."""
    setup(host)
    text = (
        config(host)
        .read_text()
        .replace(":993\n", "\nPort=993\n")
        .replace(f"server-{JANE.address}]", "server-Own]")
    )
    config(host).write_text(
        text.replace(f"[folder-{JANE.address}]", "[folder-3]").replace(
            f"SmtpServer={JANE.address}", "SmtpServer=Own"
        )
    )
    private = config(host, "config-private")
    text = private.read_text().replace(f"[folder-{JANE.address}]", "[folder-3]")
    private.write_text(text.replace(f"server-{JANE.address}]", "server-Own]"))
    (Journal(host.state_dir).directory / "receipts").rename(host.home.parent / "forgotten")
    return host


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_only_on_linux(host: Host, platform: str) -> None:
    host = dataclasses.replace(host, platform=platform)
    assert balsa.detect(host) == ()
    with pytest.raises(UsageError, match="Secret Service"):
        balsa.plan(host, JANE, CANARY, Options())


def test_an_account_of_the_persons_own_gets_the_new_password_and_stays(host: Host) -> None:
    before = snapshot(adopted(host))
    (found,) = balsa.find(host, JANE, Options())
    assert found.account is not None
    plan = prune(balsa.plan(host, found.account, NEWER, Options(profile=found.where)))
    assert plan.adopted
    attributes = [dict(change.item.attributes) for change in plan.secrets]
    assert [one["server"] for one in attributes] == ["imap.mail.me.com:993", "smtp.mail.me.com:587"]
    assert [one["user"] for one in attributes] == ["jane.appleseed", JANE.address]
    apply([Deed(plan, JANE, "Label")], host, Journal(host.state_dir))
    assert balsa.stored_secret(host, found.account, Options()) == NEWER
    assert take_out(host).ok
    assert snapshot(host).keys() == before.keys()
    assert "[folder-3]" in config(host).read_text()


@pytest.mark.parametrize(
    ("old", "new"),
    [("smtp.mail.me.com", "smtp.example.org"), (f"Address={JANE.address}", "Address=joe@icloud.com")],
)
def test_one_that_is_not_complete_is_advised_of_and_not_doubled(host: Host, old: str, new: str) -> None:
    path = config(adopted(host))
    path.write_text(path.read_text().replace(old, new))
    (found,) = balsa.find(host, JANE, Options())
    assert found.account is None
    assert "elsewhere" in found.advice
    with pytest.raises(Conflict, match=r"reads the mailboxes of jane\.appleseed on imap") as caught:
        balsa.plan(host, JANE, CANARY, Options())
    assert caught.value.code == "account.exists"


def test_a_second_address_of_a_login_and_a_second_identity_are_told_apart(host: Host) -> None:
    setup(host)
    alias = dataclasses.replace(JANE, address="jane@me.com")
    with pytest.raises(Conflict) as caught:
        balsa.plan(host, alias, CANARY, Options())
    assert "jane@me.com they would be there a second time" in caught.value.message
    assert "add it in Balsa" in caught.value.hint
    other = dataclasses.replace(alias, imap=dataclasses.replace(JANE.imap, username="other"))
    path = config(host)
    path.write_text(path.read_text() + "\n[identity-x]\nAddress=jane@me.com\n")
    with pytest.raises(Conflict, match=r"has an identity jane@me\.com already"):
        balsa.plan(host, other, CANARY, Options())


def test_when_balsa_has_written_its_files_our_part_goes_and_mail_stays(host: Host) -> None:
    setup(host)
    config(host, "sentbox").write_text("From me\n")
    config(host).write_text(config(host).read_text() + "\n[Geometry]\nx=1\n")
    private = config(host, "config-private")
    private.write_text(private.read_text() + "\n[other]\nUsername=x\n")
    assert take_out(host).ok
    assert JANE.address not in config(host).read_text() + private.read_text()
    assert "[mailbox-Inbox]" in config(host).read_text()
    assert config(host, "sentbox").read_text() == "From me\n"


def test_with_nothing_else_left_its_own_mailboxes_go_unless_there_is_mail_in_them(host: Host) -> None:
    setup(host)
    config(host, "sentbox").write_text("From me\n")
    assert take_out(host).ok
    assert [path.name for path in config(host).parent.iterdir()] == ["sentbox"]


def test_mailboxes_of_the_persons_own_are_left_alone(tmp_path: Path) -> None:
    host = used(tmp_path).host
    before = config(host).read_text()
    setup(host)
    assert config(host).read_text().startswith(before.rstrip("\n"))
    assert "CurrentIdentity=Work\n" in config(host).read_text()
    assert not config(host, "inbox").exists()


def test_while_it_runs_nothing_is_written(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    setup(host)
    monkeypatch.setattr(locks, "_runs", lambda name: name == "balsa")
    assert not take_out(host).ok
    with pytest.raises(Conflict, match="Balsa is running"):
        setup(host, NEWER)
