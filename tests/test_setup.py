"""setup: what is refused before a password is asked for, what several clients do, which label stays."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import msgspec
import pytest

from provisioner import locks
from provisioner.accounts import Candidate, Wish, resolve
from provisioner.clients import thunderbird
from provisioner.clients.base import Options
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.journal import Journal
from provisioner.model import FileChange, MailboxNames, Plan, Provider, Security, Use
from provisioner.providers import load_all
from provisioner.report import ClientRow, Report, State
from provisioner.secret import Secret
from provisioner.workflows import setup as workflow
from provisioner.workflows.context import Context
from provisioner.workflows.setup import SetupOptions, setup
from tests.clients.machines.apple_mail import mac
from tests.clients.machines.thunderbird import thunderbird_used
from tests.clients.test_contract import snapshot
from tests.mozlock import Clock, held, in_child

EMAIL = "jane.appleseed@icloud.com"
ONE, TWO = Secret("cana-rypa-ssxy-zwvu"), Secret("newe-rpas-swor-dabc")
DEFAULT = "Mozilla Thunderbird (localhost)"
PROVIDERS = load_all(Host(home=Path("/nonexistent")))


class Desk:
    """A machine, and a person who types `secret`; nobody logs in anywhere."""

    def __init__(self, host: Host) -> None:
        self.host, self.journal = host, Journal(host.state_dir)
        self.interactive = False
        self.said: list[str] = []
        self.opened: list[str] = []
        self.asked = 0
        self.choices: list[str] = []
        self.chosen: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(text)

    def open(self, target: str) -> None:
        self.opened.append(target)

    def choose(self, question: str, choices: list[str]) -> list[str]:
        self.choices = choices
        return self.chosen

    def setup(
        self, *client_ids: str, secret: Secret = ONE, name: str | None = None, **options: object
    ) -> Report:
        def ask(prompt: str, rule: object) -> Secret:
            self.asked += 1
            return secret

        report = Report("setup")
        context = Context(self.host, self.journal, self, report)  # type: ignore[arg-type]
        chosen = SetupOptions(**{"check": False, **options})  # type: ignore[arg-type]
        setup(context, Wish(EMAIL, name=name), client_ids, ask, chosen)
        return report

    @property
    def labels(self) -> list[str]:
        return [receipt.label for receipt in self.journal.receipts()]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(thunderbird_used(tmp_path).host)


@pytest.fixture
def prefs(desk: Desk) -> Path:
    (path,) = desk.host.home.rglob("prefs.js")
    return path


def states(report: Report) -> list[State]:
    return [row.state for row in report.rows if isinstance(row, ClientRow)]


def codes(report: Report) -> list[str]:
    return [row.code for row in report.rows if isinstance(row, ClientRow)]


# --- which clients ---


def test_without_a_terminal_a_client_must_be_named(desk: Desk) -> None:
    before = snapshot(desk.host)
    with pytest.raises(UsageError, match="found here: thunderbird") as caught:
        desk.setup()
    assert caught.value.code == "client.not_named"
    assert f"setup {EMAIL} thunderbird" in caught.value.hint
    with pytest.raises(UsageError) as caught:
        desk.setup("outlook")
    assert f"export {EMAIL} outlook" in caught.value.hint
    assert (desk.asked, snapshot(desk.host)) == (0, before)


def test_with_a_terminal_the_only_client_is_taken(desk: Desk) -> None:
    desk.interactive = True
    assert states(desk.setup()) == [State.CHANGED]
    assert desk.choices == []


def test_with_a_terminal_the_person_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(mac(tmp_path).host)
    monkeypatch.setattr(thunderbird, "detect", lambda host: ("found",))
    desk.interactive, desk.chosen = True, ["apple-mail"]
    report = desk.setup()
    assert desk.choices == ["thunderbird", "apple-mail"]
    assert [row.client for row in report.rows if isinstance(row, ClientRow)] == ["apple-mail"]
    assert len(desk.opened) == 1


def test_where_no_client_is_nothing_is_offered(tmp_path: Path) -> None:
    desk = Desk(Host(home=tmp_path / "home", root=tmp_path))
    desk.interactive = True
    with pytest.raises(UsageError) as caught:
        desk.setup()
    assert caught.value.code == "client.not_installed"
    assert desk.asked == 0


def test_one_of_several_that_fails_does_not_stop_the_others(desk: Desk) -> None:
    report = desk.setup("apple-mail", "thunderbird")
    assert states(report) == [State.FAILED, State.CHANGED]
    assert codes(report) == ["client.not_here", ""]
    assert (report.ok, report.exit_code, desk.asked) == (False, 1, 1)
    assert [receipt.client for receipt in desk.journal.receipts()] == ["thunderbird"]
    assert f"provisioner remove {EMAIL} thunderbird" in report.next
    assert f"provisioner remove {EMAIL} apple-mail" not in report.next


def test_a_client_that_is_named_twice_is_set_up_once(desk: Desk) -> None:
    assert states(desk.setup("thunderbird", "thunderbird")) == [State.CHANGED]


def test_one_client_that_cannot_be_set_up_fails_before_the_password(desk: Desk) -> None:
    with pytest.raises(UsageError) as caught:
        desk.setup("apple-mail")
    assert caught.value.code == "client.not_here"
    assert desk.asked == 0


# --- labels ---


def test_the_label_stays_while_the_password_does(desk: Desk) -> None:
    desk.setup("thunderbird", label="Mine")
    assert states(desk.setup("thunderbird", name="Jane", client=Options(rename=True))) == [State.CHANGED]
    assert desk.labels == ["Mine"]


def test_another_password_has_another_label(desk: Desk) -> None:
    desk.setup("thunderbird", label="Mine")
    assert states(desk.setup("thunderbird", secret=TWO)) == [State.CHANGED]
    assert desk.labels == [DEFAULT]


def test_a_label_that_is_given_replaces_the_earlier_one(desk: Desk) -> None:
    desk.setup("thunderbird")
    assert desk.labels == [DEFAULT]
    assert states(desk.setup("thunderbird", label="Mine")) == [State.UNCHANGED]
    assert desk.labels == ["Mine"]
    desk.setup("thunderbird", label="Newer", secret=TWO)
    assert desk.labels == ["Newer"]
    renamed = desk.setup("thunderbird", label="Newest", secret=TWO, name="J", client=Options(rename=True))
    assert states(renamed) == [State.CHANGED]
    assert desk.labels == ["Newest"]


def test_a_dry_run_changes_no_label(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "PLACEHOLDER", ONE)
    desk.setup("thunderbird", label="Mine")
    assert states(desk.setup("thunderbird", label="Other", dry_run=True)) == [State.UNCHANGED]
    assert desk.labels == ["Mine"]


def test_a_label_of_two_lines_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError) as caught:
        desk.setup("thunderbird", label="a\nb")
    assert (caught.value.code, desk.asked) == ("label.invalid", 0)


# --- writing ---


def test_what_a_client_did_not_keep_is_taken_back(
    desk: Desk, prefs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(desk.host)
    plan, seen = thunderbird.plan, []

    def forgetful(host: Host, *rest: object) -> Plan:
        made: Plan = plan(host, *rest)  # type: ignore[arg-type]
        seen.append("icloud" in prefs.read_text())
        lost = FileChange(prefs, prefs.read_bytes(), b"lost")
        return dataclasses.replace(made, changes=(lost,)) if seen[-1] else made

    monkeypatch.setattr(thunderbird, "plan", forgetful)
    report = desk.setup("thunderbird")
    assert seen[-1]
    assert (states(report), codes(report), report.exit_code) == ([State.FAILED], ["verify.failed"], 1)
    assert report.next == ""
    assert snapshot(desk.host) == before
    assert desk.journal.receipts() == desk.journal.unfinished() == []


def test_waiting_plans_again_when_the_client_has_written(
    desk: Desk, prefs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with held(prefs.with_name(".parentlock")) as holder:

        def ends() -> None:
            prefs.write_text(prefs.read_text() + 'user_pref("zz", 1);\n')
            holder.end()

        monkeypatch.setattr(locks, "time", Clock(ends))
        assert states(desk.setup("thunderbird", wait=True)) == [State.CHANGED]
    assert 'user_pref("zz", 1);\n' in prefs.read_text()
    assert any("Waiting until Thunderbird" in text for text in desk.said)


def test_a_dry_run_needs_no_password_and_waits_for_nobody(desk: Desk, prefs: Path) -> None:
    lock = prefs.with_name(".parentlock")
    with held(lock):
        before = snapshot(desk.host)
        report = desk.setup("thunderbird", dry_run=True, wait=True)
        assert snapshot(desk.host) == before
    assert (states(report), desk.asked, report.next) == ([State.PLANNED], 0, "")
    assert not desk.host.state_dir.exists()


def test_only_a_real_run_takes_back_what_a_killed_one_left(desk: Desk) -> None:
    def die() -> None:
        monkey = pytest.MonkeyPatch()
        monkey.setattr(Journal, "commit", lambda journal, group: os._exit(137))
        desk.setup("thunderbird")

    before = snapshot(desk.host)
    assert in_child(die) == 137
    half = snapshot(desk.host)
    assert half != before
    desk.setup("thunderbird", dry_run=True)
    assert snapshot(desk.host) == half
    assert len(desk.journal.unfinished()) == 1
    desk.setup("thunderbird")
    assert any("was stopped half-way; its changes were taken back" in text for text in desk.said)
    assert desk.journal.unfinished() == []
    assert len(desk.journal.receipts()) == 1


def test_the_undo_that_is_told_names_the_profile_only_if_one_was_named(desk: Desk, prefs: Path) -> None:
    told = desk.setup("thunderbird", client=Options(profile=str(prefs.parent))).next
    assert f"  provisioner remove {EMAIL} thunderbird --client-profile {prefs.parent}" in told.splitlines()


# --- servers ---


def candidate(**kw: str) -> Candidate:
    return resolve(Wish(EMAIL, **kw), PROVIDERS.values())


@pytest.mark.parametrize(
    ("kind", "security", "port"),
    [("imap", "starttls", 143), ("imap", "tls", 993), ("smtp", "tls", 465), ("smtp", "starttls", 587)],
)
def test_the_security_decides_the_port_of_a_known_server_and_of_a_named_one(
    kind: str, security: str, port: int
) -> None:
    known = getattr(candidate(**{f"{kind}_security": security}), kind)
    assert (known.host, known.port, known.security) == (
        getattr(PROVIDERS["icloud"], kind).host,
        port,
        Security(security),
    )
    named = getattr(candidate(**{kind: "mail.example.org", f"{kind}_security": security}), kind)
    assert (named.host, named.port, named.security) == ("mail.example.org", port, Security(security))


@pytest.mark.parametrize("advertised", [True, False])
def test_unseen_mailboxes_are_the_providers_usual_ones(advertised: bool) -> None:
    names = MailboxNames(special_use_advertised=advertised, names={Use.SENT: ("Gesendet", "Sent")})
    found = dataclasses.replace(candidate(), provider=_with(names)).account().mailboxes
    assert found is not None
    assert dict(found.names) == {Use.SENT: "Gesendet"}
    assert (found.special_use, found.seen) == (advertised, False)


def _with(names: MailboxNames) -> Provider:
    return msgspec.structs.replace(PROVIDERS["icloud"], mailboxes=names)
