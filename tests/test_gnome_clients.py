"""Evolution, Geary, GNOME Online Accounts: what they share, whom they leave alone, who is told."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.accounts import Wish, resolve
from provisioner.apply import apply
from provisioner.clients import evolution, geary, gnome_online_accounts
from provisioner.clients.base import Client, Options
from provisioner.deed import Deed
from provisioner.edits.keyfile import KeyFile
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.journal import Journal
from provisioner.model import Account, Mailboxes, Plan, Use
from provisioner.plan import diff, prune
from provisioner.report import Report
from provisioner.secret import Secret
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from tests.clients.machines import MACHINES
from tests.clients.test_contract import CANARY, NEWER, PROVIDERS, snapshot

IDS = ("evolution", "geary", "gnome-online-accounts")


def account(name: str = "Jane") -> Account:
    wish = Wish("jane.appleseed@icloud.com", name=name)
    names = {Use.SENT: "Sent Messages", Use.TRASH: "Deleted Messages", Use.DRAFTS: "Drafts"}
    return resolve(wish, [PROVIDERS["icloud"]]).account(mailboxes=Mailboxes(names, seen=True))


JANE = account()


def machine(client_id: str, directory: Path) -> Host:
    return MACHINES[f"{client_id}-fresh"][1](directory).host


def put(host: Host, plan: Plan) -> None:
    apply([Deed(plan, JANE, "Label")], host, Journal(host.state_dir))


def written(host: Host, client: Client, options: Options | None = None) -> Plan:
    return prune(client.plan(host, JANE, CANARY, options or Options()))


def take_out(host: Host) -> Report:
    report = Report("remove")
    context = Context(host, Journal(host.state_dir), None, report)  # type: ignore[arg-type]
    remove(context, JANE.address, [], Options(), dry_run=False, wait=False)
    return report


@pytest.mark.parametrize("client_id", IDS)
@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_only_on_linux(client_id: str, platform: str, tmp_path: Path) -> None:
    host = dataclasses.replace(machine(client_id, tmp_path), platform=platform)
    client = clients.get(client_id)
    assert client.detect(host) == ()
    with pytest.raises(UsageError) as caught:
        client.plan(host, JANE, CANARY, Options())
    assert caught.value.code == "client.not_here"


@pytest.mark.parametrize("client_id", IDS)
def test_an_account_that_the_person_had_is_taken_over_and_left_at_remove(
    client_id: str, tmp_path: Path
) -> None:
    host = machine(client_id, tmp_path)
    client = clients.get(client_id)
    put(host, written(host, client))
    for path in [*host.home.rglob("*.source"), *host.home.rglob("*.ini"), *host.home.rglob("*.conf")]:
        text = path.read_text().replace("provisioner-93a89406ff3c7b22", "0123").replace("2477298694", "1700")
        path.write_text(text.replace("User=jane.appleseed\n", "User=jane.appleseed@icloud.com\n"))
        path.rename(path.with_name(path.name.replace("provisioner-93a89406ff3c7b22", "0123")))
    (Journal(host.state_dir).directory / "receipts").rename(tmp_path / "forgotten")
    before = snapshot(host)
    (found,) = client.find(host, JANE, Options()) or ()
    assert found.account is not None
    assert not found.advice
    plan = prune(client.plan(host, found.account, NEWER, Options(profile=found.where)))
    assert plan.adopted
    assert plan.secrets
    put(host, plan)
    assert client.stored_secret(host, found.account, Options()) == NEWER
    assert take_out(host).ok
    assert snapshot(host) == before


@pytest.mark.parametrize("client_id", IDS)
def test_one_that_sends_elsewhere_is_advised_of_and_not_doubled(client_id: str, tmp_path: Path) -> None:
    host = machine(client_id, tmp_path)
    client = clients.get(client_id)
    put(host, written(host, client))
    for path in [*host.home.rglob("*.source"), *host.home.rglob("*.ini"), *host.home.rglob("*.conf")]:
        text = path.read_text().replace("provisioner-93a89406ff3c7b22", "0123").replace("2477298694", "1700")
        path.write_text(text.replace("smtp.mail.me.com", "smtp.example.org"))
        path.rename(path.with_name(path.name.replace("provisioner-93a89406ff3c7b22", "0123")))
    (found,) = client.find(host, JANE, Options()) or ()
    assert found.account is None
    assert "elsewhere" in found.advice
    with pytest.raises(Conflict) as caught:
        client.plan(host, JANE, CANARY, Options())
    assert caught.value.code == "account.exists"


@pytest.mark.parametrize("client_id", ["evolution", "geary"])
def test_never_twice_with_online_accounts(client_id: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    client = clients.get(client_id)
    host = machine(client_id, tmp_path / "a")
    online = dataclasses.replace(machine("gnome-online-accounts", tmp_path / "b"), home=host.home)
    put(online, written(online, gnome_online_accounts))
    with pytest.raises(Conflict, match="GNOME Online Accounts has"):
        client.plan(host, JANE, CANARY, Options())
    take_out(online)
    put(host, written(host, client))
    with pytest.raises(Conflict, match="a second time"):
        gnome_online_accounts.plan(online, JANE, CANARY, Options())


def test_online_accounts_are_not_offered_beside_those_who_take_them(tmp_path: Path) -> None:
    host = machine("gnome-online-accounts", tmp_path)
    assert gnome_online_accounts.detect(host)
    beside = tmp_path / "bin/geary"
    beside.parent.mkdir()
    beside.touch(0o755)
    assert not gnome_online_accounts.detect(host)


def test_what_evolution_has_from_online_accounts_is_no_account_of_its_own(tmp_path: Path) -> None:
    host = machine("evolution", tmp_path)
    sources = host.home / ".config/evolution/sources"
    sources.mkdir(parents=True)
    (sources / "up.source").write_text("[GNOME Online Accounts]\nAccountId=account_1_0\n")
    (sources / "a.source").write_text(
        "[Data Source]\nParent=up\n[Mail Account]\nBackendName=imapx\nIdentityUid=i\n"
        "[Authentication]\nHost=imap.mail.me.com\nUser=jane.appleseed\n"
    )
    assert evolution.find(host, JANE, Options()) == ()


@pytest.mark.parametrize(
    ("client_id", "key"),
    [("evolution", "Name"), ("geary", "sender_mailboxes"), ("gnome-online-accounts", "Name")],
)
def test_the_persons_own_name_stays_unless_one_is_given(client_id: str, key: str, tmp_path: Path) -> None:
    host = machine(client_id, tmp_path)
    client = clients.get(client_id)
    put(host, written(host, client))
    for path in [*host.home.rglob("*.source"), *host.home.rglob("*.ini"), *host.home.rglob("*.conf")]:
        text = path.read_text()
        path.write_text(text.replace(f"{key}=Jane", f"{key}=J."))
    assert written(host, client).empty
    (change,) = written(host, client, Options(rename=True)).changes
    assert f"{key}=Jane".encode() in (change.after or b"")


def test_folders_are_said_in_each_programs_own_way(tmp_path: Path) -> None:
    host = machine("evolution", tmp_path)
    names = {Use.SENT: "[Gmail].Sent & more;", Use.DRAFTS: "Draf/ts", Use.TRASH: "INBOX.Trash"}
    boxed = dataclasses.replace(JANE, mailboxes=Mailboxes(names, delimiter="."))
    texts = {
        section: dict(file.section(section))
        for change in evolution.plan(host, boxed, CANARY, Options()).changes
        for file in [KeyFile(change.after or b"", change.path)]
        for section in file.sections()
    }
    uid = "provisioner-93a89406ff3c7b22"
    assert texts["Mail Submission"]["SentFolder"] == f"folder://{uid}/%5BGmail%5D/Sent%20%26%20more%3B"
    assert "Mail Composition" not in texts, "a slash inside a name cannot be said"
    assert texts["Imapx Backend"]["RealTrashPath"] == "INBOX/Trash"

    (tmp_path / "geary").mkdir()
    (change,) = geary.plan(machine("geary", tmp_path / "geary"), boxed, CANARY, Options()).changes
    file = KeyFile(change.after or b"", change.path)
    assert file.elements("Folders", "sent_folder") == ["[Gmail]", "Sent & more;"]
    assert file.elements("Folders", "drafts_folder") == ["Draf/ts"]


def run_as(host: Host, name: str) -> Path:
    """A process of this name on the pretended machine."""
    comm = host.system("/proc/4242/comm")
    comm.parent.mkdir(parents=True)
    comm.write_text(f"{name[:15]}\n")
    return comm


@pytest.mark.parametrize(
    ("client_id", "program", "method"),
    [
        ("evolution", "evolution-source-registry", "SourceManager.Reload"),
        ("gnome-online-accounts", "goa-daemon", "Account.EnsureCredentials"),
    ],
)
def test_running_programs_are_told(client_id: str, program: str, method: str, tmp_path: Path) -> None:
    host = machine(client_id, tmp_path)
    client = clients.get(client_id)
    log = tmp_path / "told"
    bus = tmp_path / "bin/dbus-send"
    bus.parent.mkdir(exist_ok=True)
    bus.write_text(f'#!/bin/sh\nls {host.home}/.config >> {log}\necho "$@" >> {log}\n')
    bus.chmod(0o755)
    host = dataclasses.replace(host, env={"PATH": f"{tmp_path / 'bin'}:/bin:/usr/bin"})
    assert written(host, client).tell == ()
    run_as(host, program)
    put(host, written(host, client))
    directory = "evolution" if client_id == "evolution" else "goa-1.0"
    assert log.read_text().startswith(directory), "told before it was written"
    assert method in log.read_text()
    log.unlink()
    assert take_out(host).ok
    assert (client_id == "evolution") == log.exists(), "whoever watches the file need not be told"


def test_a_running_registry_that_cannot_be_told(tmp_path: Path) -> None:
    host = machine("evolution", tmp_path)
    comm = run_as(host, evolution.REGISTRY)
    assert "Log out" in evolution.plan(host, JANE, CANARY, Options()).next
    comm.unlink()
    assert "Start Evolution" in evolution.plan(host, JANE, CANARY, Options()).next


def test_a_running_geary(tmp_path: Path) -> None:
    host = machine("geary", tmp_path)
    run_as(host, "geary")
    assert "Quit Geary" in geary.plan(host, JANE, CANARY, Options()).next


def test_online_accounts_keep_a_password_that_is_written_otherwise(tmp_path: Path) -> None:
    host = machine("gnome-online-accounts", tmp_path)
    plan = written(host, gnome_online_accounts)
    put(host, plan)
    (change,) = plan.secrets
    word = CANARY.reveal()
    other = Secret(f'{{"smtp-password": <"{word}">, "imap-password": <"{word}">}}')
    host.secrets.set(change.item, other)
    assert written(host, gnome_online_accounts).empty
    host.secrets.set(change.item, Secret("nonsense"))
    assert not written(host, gnome_online_accounts).empty
    assert gnome_online_accounts.stored_secret(host, JANE, Options()) == Secret("nonsense")


@pytest.mark.parametrize("client_id", IDS)
def test_no_diff_shows_the_password(client_id: str, tmp_path: Path) -> None:
    host = machine(client_id, tmp_path)
    client = clients.get(client_id)
    plan = written(host, client)
    text = diff(plan)
    assert "keyring item" in text
    assert CANARY.reveal() not in text + repr(plan)


@pytest.mark.parametrize("client_id", IDS)
def test_a_place_that_is_none(client_id: str, tmp_path: Path) -> None:
    host = machine(client_id, tmp_path)
    with pytest.raises(UsageError) as caught:
        clients.get(client_id).plan(host, JANE, CANARY, Options(profile="/nowhere"))
    assert caught.value.code == "profile.unknown"
