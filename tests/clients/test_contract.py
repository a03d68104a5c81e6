"""What holds for every client with every provider: the promises of the design, tried on each pair."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import os
import re
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.accounts import Candidate, Wish, resolve
from provisioner.apply import apply
from provisioner.clients.base import Client, Options, asks
from provisioner.clients.common import hook
from provisioner.deed import Deed
from provisioner.errors import ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem, Store
from provisioner.journal import Journal
from provisioner.model import Account, Mailboxes, Plan, Provider, Use
from provisioner.plan import diff, prune
from provisioner.providers import load_all
from provisioner.report import Report
from provisioner.secret import Secret
from provisioner.stores import command
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from tests.clients.machines import MACHINES
from tests.clients.machines.base import Machine
from tests.memory_store import MemoryStore
from tests.test_crash import Silent

CANARY = Secret("cana-rypa-ssxy-zwvu")
NEWER = Secret("newe-rpas-swor-dabc")
PROVIDERS = {
    provider.id: provider
    for provider in load_all(Host(home=Path("/nonexistent"))).values()
    if provider.domains and not provider.refusal
}

HOSTILE = [
    "quote \" and ' and `touch /tmp/pwned` $(id) ${HOME} %n %(x)s #hash ; || &",
    "back\\slash \\u0022 \\n \\",
    '"); user_pref("evil", true); //',
    "</string><key>EmailAddress</key><string>evil@example.org</string>",
    "{{ 7*7 }} {% raw %} <% x %>",
    "emoji 🍏 right-to-left \u202eabc \u200f zero\u200bwidth \ufeff",
    "x" * 256,
    "[section]\\nkey=value",
    "]]> <!-- &amp; &#0; -->",
]


class Setup:
    """One client on one machine with one provider."""

    def __init__(self, client: Client, machine: Machine, provider: Provider) -> None:
        self.client, self.machine, self.host, self.provider = client, machine, machine.host, provider
        self.journal = Journal(self.host.state_dir)

    def account(self, local: str = "jane.appleseed", name: str = "Jane Appleseed") -> Account:
        candidate: Candidate = resolve(
            Wish(f"{local}@{self.provider.domains[0]}", name=name), [self.provider]
        )
        names = {Use.SENT: "Sent Messages", Use.TRASH: "Deleted Messages", Use.DRAFTS: "Drafts"}
        return candidate.account(mailboxes=Mailboxes(names, seen=True))

    def plan(self, account: Account | None = None, secret: Secret = CANARY) -> Plan:
        return prune(self.client.plan(self.host, account or self.account(), secret, Options()))

    def apply(self, plan: Plan, account: Account | None = None) -> None:
        apply([Deed(plan, account or self.account(), "Label (host)")], self.host, self.journal)

    def remove(self, account: Account | None = None) -> Report:
        report = Report("remove")
        context = Context(self.host, self.journal, None, report)  # type: ignore[arg-type]
        remove(context, (account or self.account()).address, [], Options(), dry_run=False, wait=False)
        assert report.ok, report
        return report


USUAL = ("icloud", "gmail")
"""The servers of one have STARTTLS and local parts, those of the other TLS and mailboxes with brackets."""


def possible(machine: str, provider: str) -> bool:
    """Not every provider has the servers that every client needs."""
    needs = clients.get(MACHINES[machine][0]).ABOUT.needs
    return not needs or any(getattr(PROVIDERS[provider], one) for one in needs)


def usual(machine: str) -> Provider:
    """iCloud, if the client can be set up for it."""
    return PROVIDERS[next(provider for provider in USUAL if possible(machine, provider))]


PAIRS = [(machine, provider) for machine in MACHINES for provider in USUAL if possible(machine, provider)]


@pytest.fixture(params=PAIRS, ids="-".join)
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Setup:
    machine, provider = request.param
    client_id, make = MACHINES[machine]
    return Setup(clients.get(client_id), make(tmp_path), PROVIDERS[provider])


def snapshot(host: Host) -> dict[str, tuple[int, str]]:
    """Everything in the home except our own receipts: path -> (mode, hash of the content or link)."""
    found = {}
    own = {host.state_dir, *host.state_dir.rglob("*"), *host.state_dir.parents}
    for path in sorted(host.home.rglob("*")):
        if path in own and "Application Support/provisioner/" not in str(path):
            continue
        if host.state_dir in path.parents and path.suffix != ".mobileconfig":
            continue
        data = str(path.readlink()).encode() if path.is_symlink() else b""
        if path.is_file():
            data += path.read_bytes()
        found[str(path.relative_to(host.home))] = (
            stat.S_IMODE(path.lstat().st_mode),
            hashlib.sha256(data).hexdigest(),
        )
    return found


def keyring(host: Host) -> dict[SecretItem, Secret]:
    """What is in the machine's keyring, if it has one."""
    return host.secrets.items if isinstance(host.secrets, MemoryStore) else {}


def forms(secret: Secret) -> Iterator[bytes]:
    """The ways in which a password might lie about."""
    raw = secret.reveal().encode()
    yield raw
    yield base64.b64encode(raw).rstrip(b"=")[:-1]
    yield raw.hex().encode()
    yield secret.reveal().encode("utf-16-le")


def test_every_client_has_a_machine() -> None:
    assert {client_id for client_id, _ in MACHINES.values()} == set(clients.CLIENT_IDS)


def test_a_plan_is_pure(setup: Setup) -> None:
    before = snapshot(setup.host)
    plan = setup.plan()
    assert not plan.empty
    assert snapshot(setup.host) == before
    assert [change.path for change in setup.plan().changes] == [change.path for change in plan.changes]


def test_the_client_is_detected(setup: Setup) -> None:
    assert setup.client.detect(setup.host)
    assert not setup.client.detect(
        Host(home=Path("/nonexistent"), platform="plan9", root=Path("/nonexistent"))
    )


def test_after_apply_there_is_nothing_to_do(setup: Setup) -> None:
    setup.apply(setup.plan())
    assert setup.plan().empty
    (receipt,) = setup.journal.receipts()
    assert receipt.address == setup.account().address


def test_what_was_set_up_is_found_and_nothing_else(setup: Setup) -> None:
    def found() -> list[str] | None:
        all_of_them = setup.client.find(setup.host, setup.account(), Options())
        if all_of_them is None:
            return None
        assert [one.advice for one in all_of_them] == [""] * len(all_of_them)
        for one in all_of_them:
            assert one.account is not None
            assert one.account.imap == setup.account().imap
            assert setup.client.find(setup.host, one.account, Options(profile=one.where)) == (one,)
        return [one.where for one in all_of_them]

    plan = setup.plan()
    visible = found() is not None
    nowhere: list[str] | None = [] if visible else None
    here = [plan.where] if visible else None
    assert found() == nowhere
    setup.apply(plan)
    assert found() == here
    other = setup.account("somebody.else")
    assert not setup.client.find(setup.host, other, Options())
    setup.remove()
    assert found() == nowhere


@pytest.mark.parametrize("machine", MACHINES)
def test_no_hash_in_a_receipt_can_be_tried_on_a_password(machine: str, tmp_path: Path) -> None:
    """Each file that depends on the password is another one each time, at random."""
    client_id, make = MACHINES[machine]
    setup = Setup(clients.get(client_id), make(tmp_path), usual(machine))
    once, twice, other = (
        {change.path: change.after for change in setup.plan(secret=secret).changes}
        for secret in (CANARY, CANARY, NEWER)
    )
    for path in once.keys() & other.keys():
        assert once[path] == other[path] or once[path] != twice[path], path


def test_files_are_private(setup: Setup) -> None:
    before = snapshot(setup.host)
    setup.apply(setup.plan())
    for name, (mode, _) in snapshot(setup.host).items():
        if name not in before:
            assert mode & 0o077 == 0, f"{name} is {mode:o}"


def named(setup: Setup, paths: Iterable[Path]) -> set[str]:
    """What may change with these files: the directories that they are in, too."""
    names = {str(path.relative_to(setup.host.home)) for path in paths}
    return names | {str(parent) for name in names for parent in Path(name).parents}


def test_nothing_is_touched_but_what_the_plan_names(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """By setup, rotate and remove, in a home with files of others beside ours."""
    for place in {setup.host.home, *(own.parent for own in setup.machine.own)}:
        (place / "of-others").write_bytes(b"\xff\r\n")
        (place / "of-others-link").symlink_to("of-others")
    monkeypatch.setattr(rotation, "_works", lambda *rest: True)
    states = [snapshot(setup.host)]

    def only(paths: Iterable[Path]) -> None:
        states.append(snapshot(setup.host))
        before, after = states[-2:]
        touched = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
        assert touched <= named(setup, paths)

    plan = setup.plan()
    setup.apply(plan)
    only(change.path for change in plan.changes)
    plan = setup.plan(secret=NEWER)
    context = Context(setup.host, setup.journal, Silent(), Report("rotate"))
    wish, only_this = Wish(setup.account().address), [setup.client.ID]  # others may share its keyring item
    if setup.client.ABOUT.holds_password:
        rotation.rotate(context, wish, only_this, lambda prompt, rule: NEWER, Options())
    assert context.report.ok
    only(change.path for change in plan.changes)
    (receipt,) = setup.journal.receipts()
    setup.remove()
    only(Path(record.path) for record in receipt.files)
    assert states[-1] == states[0]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_with_every_provider(machine: str, provider: str, tmp_path: Path) -> None:
    client_id, make = MACHINES[machine]
    setup = Setup(clients.get(client_id), make(tmp_path), PROVIDERS[provider])
    before = snapshot(setup.host)
    if not possible(machine, provider):
        with pytest.raises(UsageError) as caught:
            setup.plan()
        assert caught.value.code == "server.unknown"
        return
    setup.apply(setup.plan())
    assert setup.plan().empty
    setup.apply(setup.plan(secret=NEWER))
    assert setup.plan(secret=NEWER).empty
    setup.remove()
    assert snapshot(setup.host) == before
    assert keyring(setup.host) == {}


@pytest.mark.parametrize(
    "name", ["with space", "quo'te\"s", "back\\slash", "$(id) `id` %n #x", "ünï 🍏", "new\nline"]
)
def test_strange_homes(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    for machine, (client_id, make) in MACHINES.items():
        directory = tmp_path / name / machine
        directory.mkdir()
        setup = Setup(clients.get(client_id), make(directory), usual(machine))
        before = snapshot(setup.host)
        setup.apply(setup.plan())
        assert setup.plan().empty
        setup.remove()
        assert snapshot(setup.host) == before


def test_remove_restores_bytes_modes_and_directories(setup: Setup) -> None:
    before = snapshot(setup.host)
    setup.apply(setup.plan())
    assert snapshot(setup.host) != before
    setup.remove()
    assert snapshot(setup.host) == before
    assert setup.journal.receipts() == []
    assert keyring(setup.host) == {}


def test_three_accounts_coexist_and_leave_in_any_order(setup: Setup) -> None:
    before = snapshot(setup.host)
    jane, joe, jim = setup.account("jane"), setup.account("joe"), setup.account("jim")
    passwords = ((jane, CANARY), (joe, NEWER), (jim, CANARY))
    for number, (account, secret) in enumerate(passwords):
        setup.apply(setup.plan(account, secret), account)
        assert all(setup.plan(*one).empty for one in passwords[: number + 1])
    for gone, left in ((joe, (jane, jim)), (jane, (jim,))):
        setup.remove(gone)
        assert not setup.plan(gone).empty
        assert all(setup.plan(one).empty for one in left)
        assert all(any(one.key in item.label for one in left) for item in keyring(setup.host))
    setup.remove(jim)
    allowed = {"prefs.js", "logins.json", "key4.db", "profiles.ini", "installs.ini", "compatibility.ini"}
    for name, (_, digest) in snapshot(setup.host).items():
        if before.get(name, (0, ""))[1] != digest:
            path = setup.host.home / name
            assert any(path.iterdir()) if path.is_dir() else path.name in allowed, name


FRESH = [name for name, (client_id, _) in MACHINES.items() if name.endswith("-fresh")]
SOURCES = [
    SecretItem.shared("jane.appleseed@icloud.com", Store.PASS),
    command.item("jane.appleseed@icloud.com", "op read 'op://Private/iCloud Mail/password'"),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda item: item.store)
@pytest.mark.parametrize("machine", FRESH)
def test_the_password_may_come_from_another_store(machine: str, source: SecretItem, tmp_path: Path) -> None:
    client_id, make = MACHINES[machine]
    setup = Setup(clients.get(client_id), make(tmp_path), usual(machine))
    if setup.client.ABOUT.stored != hook.STORED:
        return
    program = tmp_path / "bin/pass"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    before = snapshot(setup.host)
    account = dataclasses.replace(setup.account(), source=source)
    setup.host.secrets.set(source, CANARY)
    plan = setup.plan(account)
    assert [change.item for change in plan.secrets] == [source]
    assert "keyring" not in plan.done + "".join(plan.notes)
    setup.apply(plan, account)
    assert setup.plan(account).empty
    (found,) = setup.client.find(setup.host, account, Options()) or ()
    assert found.item == source
    assert setup.client.stored_secret(setup.host, account, Options()) == CANARY
    text = b"".join(path.read_bytes() for path in setup.host.home.rglob("*") if path.is_file())
    assert b"secret-tool" not in text
    setup.remove(account)
    assert snapshot(setup.host) == before
    setup.host.secrets.delete(source)
    assert keyring(setup.host) == {}


def test_a_new_password_replaces_the_old_one(setup: Setup) -> None:
    before = snapshot(setup.host)
    setup.apply(setup.plan())
    plan = setup.plan(secret=NEWER)
    written = setup.client.ABOUT.holds_password and not asks(setup.client)
    assert plan.empty is not written
    setup.apply(plan)
    assert setup.plan(secret=NEWER).empty
    assert len(setup.journal.receipts()) == 1
    if setup.client.stored_secret(setup.host, setup.account(), Options()) is not None:
        assert setup.client.stored_secret(setup.host, setup.account(), Options()) == NEWER
    setup.remove()
    assert snapshot(setup.host) == before


def test_the_users_own_lines_survive(setup: Setup) -> None:
    own = {path: (path.read_bytes(), path.stat().st_mode) for path in setup.machine.own}
    setup.apply(setup.plan())
    for path, (data, mode) in own.items():
        now = path.read_bytes()
        assert path.stat().st_mode == mode
        for line in data.splitlines(keepends=True):
            assert line in now


def test_the_password_is_nowhere_but_in_the_clients_store(setup: Setup) -> None:
    plan = setup.plan()
    setup.apply(plan)
    setup.apply(setup.plan(secret=NEWER))
    shown = (
        diff(plan) + repr(plan) + repr(setup.journal.receipts()) + plan.done + plan.next + "".join(plan.notes)
    )
    for form in forms(CANARY):
        assert form not in shown.encode("utf-8", "surrogateescape")
    for path in setup.host.home.rglob("*"):
        if path.is_file() and path.suffix != ".mobileconfig":
            data = path.read_bytes()
            assert not any(form in data for secret in (CANARY, NEWER) for form in forms(secret)), path


def test_a_command_in_a_next_step_is_on_a_line_of_its_own(setup: Setup) -> None:
    """So that it can be copied: lines that begin with two spaces are never folded."""
    plan = setup.plan()
    for line in (line for text in (plan.next, *plan.notes) for line in text.splitlines()):
        assert not re.search(r"\bwith: \S|[^`]\bprovisioner (setup|remove|rotate) ", line[2:]), line


def test_receipts_hold_no_secret_and_are_json(setup: Setup) -> None:
    setup.apply(setup.plan())
    for path in setup.journal.directory.rglob("*.json"):
        text = path.read_text()
        assert CANARY.reveal() not in text
        assert json.loads(text)["schema"] == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_round_trip_or_are_refused(setup: Setup, name: str) -> None:
    account = setup.account(name=name)
    try:
        plan = setup.plan(account)
    except ProvisionError as error:
        if not (error.message and error.hint):
            raise
        return
    setup.apply(plan, account)
    assert setup.plan(account).empty
    setup.remove(account)


def test_no_program_is_started_with_the_password(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """By none of what a client's module does: in no argument, and not in the environment."""
    started: list[str] = []
    start = subprocess.Popen.__init__

    def watched(self: subprocess.Popen[bytes], command: object, *rest: object, **named: object) -> None:
        started.append(repr((command, rest, named, dict(os.environ))))
        start(self, command, *rest, **named)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess.Popen, "__init__", watched)
    client, host, account = setup.client, setup.host, setup.account()
    client.detect(host)
    setup.apply(setup.plan())
    setup.apply(setup.plan(secret=NEWER))
    client.find(host, account, Options())
    client.stored_secret(host, account, Options())
    client.stored_seal(host, account, Options())
    (receipt,) = setup.journal.receipts()
    client.unplan(host, receipt, Options())
    setup.remove()
    for form in (form for secret in (CANARY, NEWER) for form in forms(secret)):
        assert not [one for one in started if form.decode() in one]
