"""remove: which accounts go, how they go, and what a dry run leaves alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner import clients, locks
from provisioner.apply import apply
from provisioner.clients.base import Options
from provisioner.deed import Deed
from provisioner.host import Host
from provisioner.plan import prune
from provisioner.report import ClientRow, Report, State
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from tests.clients.machines.apple_mail import mac
from tests.clients.machines.thunderbird import thunderbird_used
from tests.clients.test_contract import CANARY, NEWER, PROVIDERS, Setup, snapshot
from tests.mozlock import Clock, held, in_child


@pytest.fixture
def mail(tmp_path: Path) -> Setup:
    return Setup(clients.get("apple-mail"), mac(tmp_path), PROVIDERS["icloud"])


@pytest.fixture
def bird(tmp_path: Path) -> Setup:
    return Setup(clients.get("thunderbird"), thunderbird_used(tmp_path), PROVIDERS["icloud"])


class Ui:
    """Nobody is there; what is said is kept."""

    interactive = False

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    warn = say


def run(
    setup: Setup,
    *client_ids: str,
    address: str = "jane.appleseed@icloud.com",
    profile: str | None = None,
    dry_run: bool = False,
    wait: bool = False,
    force: bool = False,
) -> Report:
    report = Report("remove")
    context = Context(setup.host, setup.journal, Ui(), report)  # type: ignore[arg-type]
    remove(context, address, client_ids, Options(profile=profile), dry_run=dry_run, wait=wait, force=force)
    return report


def only(report: Report) -> ClientRow:
    (row,) = report.rows
    assert isinstance(row, ClientRow)
    return row


def everything(host: Host) -> dict[str, tuple[int, bytes | None]]:
    return {
        str(path): (path.stat().st_mode, path.read_bytes() if path.is_file() else None)
        for path in host.home.rglob("*")
    }


def test_what_was_imported_by_hand_is_never_only_restored(mail: Setup) -> None:
    """The file is untouched, but the client knows what is left to do by hand."""
    mail.apply(mail.plan())
    row = only(run(mail))
    assert (row.state, row.message) == (State.REMOVED, "the profile's file is gone")
    assert "click the minus button" in row.notes[0]


def test_an_earlier_profile_with_its_password_does_not_come_back(mail: Setup) -> None:
    mail.apply(mail.plan())
    for path in (mail.journal.directory / "receipts").iterdir():
        path.unlink()  # the file is there, but nobody remembers who made it
    mail.apply(mail.plan(secret=NEWER))
    (record,) = mail.journal.receipts()[0].files
    assert record.before is not None
    run(mail)
    assert not Path(record.path).exists()


def test_what_is_untouched_is_restored(bird: Setup) -> None:
    before = snapshot(bird.host)
    bird.apply(bird.plan())
    assert only(run(bird)).message.endswith("removed, every file is as it was before")
    assert snapshot(bird.host) == before


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"altered")])
def test_without_the_backup_our_part_is_taken_out(bird: Setup, damage: Callable[[Path], object]) -> None:
    (prefs,) = bird.machine.own
    own = prefs.read_text()
    bird.apply(bird.plan())
    (backup,) = (bird.journal.directory / "backups").rglob("*prefs.js")
    damage(backup)
    row = only(run(bird))
    assert (row.ok, row.message) == (True, "account and password removed")
    assert "icloud" not in prefs.read_text()
    assert own.splitlines()[2] in prefs.read_text()
    assert bird.journal.receipts() == []


def test_a_file_that_changed_since_loses_our_part_alone(bird: Setup) -> None:
    (prefs,) = bird.machine.own
    bird.apply(bird.plan())
    prefs.write_text(prefs.read_text() + 'user_pref("zz", 1);\n')
    assert only(run(bird)).message == "account and password removed"
    assert 'user_pref("zz", 1);\n' in prefs.read_text()
    assert "icloud" not in prefs.read_text()


def second_profile(bird: Setup) -> Path:
    path = bird.host.home / ".thunderbird/def.work"
    path.mkdir(mode=0o700)
    (path / "prefs.js").write_text('user_pref("mine", 1);\n')
    ini = bird.host.home / ".thunderbird/profiles.ini"
    ini.write_text(f"[Profile1]\nName=work\nIsRelative=1\nPath=def.work\n\n{ini.read_text()}")
    return path


@pytest.mark.parametrize("name", ["work", "def.work", "PATH"])
def test_a_profile_that_is_named_is_the_only_one(bird: Setup, name: str) -> None:
    work = second_profile(bird)
    bird.apply(bird.plan())
    before = everything(bird.host)
    there = Options(profile=str(work))
    bird.apply(prune(bird.client.plan(bird.host, bird.account(), CANARY, there)))
    assert len(bird.journal.receipts()) == 2

    row = only(run(bird, profile=str(work) if name == "PATH" else name))
    assert row.path == str(work)
    assert [Path(receipt.where).name for receipt in bird.journal.receipts()] == ["abc.default-release"]
    assert everything(bird.host) == before
    assert not run(bird, profile="nowhere").rows
    assert len(bird.journal.receipts()) == 1


def test_without_a_profile_all_of_them_go(bird: Setup) -> None:
    work = second_profile(bird)
    before = snapshot(bird.host)
    bird.apply(bird.plan())
    bird.apply(prune(bird.client.plan(bird.host, bird.account(), CANARY, Options(profile=str(work)))))
    report = run(bird)
    assert [row.ok for row in report.rows] == [True, True]
    assert snapshot(bird.host) == before
    assert bird.journal.receipts() == []


def test_a_dry_run_changes_nothing_and_recovers_nothing(bird: Setup) -> None:
    bird.apply(bird.plan())
    (prefs,) = bird.machine.own

    def die() -> None:
        deed = Deed(bird.plan(bird.account("joe")), bird.account("joe"), "x")
        apply([deed], bird.host, bird.journal, verify=lambda: os._exit(137))

    assert in_child(die) == 137
    before = everything(bird.host)
    row = only(run(bird, dry_run=True))
    assert (row.state, row.message) == (State.PLANNED, "would change:")
    assert str(prefs) in row.diff
    assert everything(bird.host) == before
    assert len(bird.journal.unfinished()) == 1


def test_an_account_that_was_not_set_up_is_said_and_no_failure(bird: Setup) -> None:
    bird.apply(bird.plan())
    report = run(bird, "apple-mail")
    assert report.ok
    assert "was not set up in apple-mail by provisioner" in report.next
    assert "was not set up by provisioner" in run(bird, address="joe@icloud.com").next
    assert len(bird.journal.receipts()) == 1


def test_the_label_to_revoke_is_named_only_when_all_is_gone(bird: Setup) -> None:
    bird.apply(bird.plan())
    assert run(bird, dry_run=True).next == ""
    (prefs,) = bird.machine.own
    with held(prefs.with_name(".parentlock")):
        report = run(bird)
        assert (report.exit_code, report.next) == (5, "")
    assert 'revoke "Label (host)"' in run(bird).next


def test_waiting_plans_again_when_the_client_has_written(
    bird: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    bird.apply(bird.plan())
    (prefs,) = bird.machine.own
    with held(prefs.with_name(".parentlock")) as holder:

        def ends() -> None:
            prefs.write_text(prefs.read_text() + 'user_pref("zz", 1);\n')
            holder.end()

        monkeypatch.setattr(locks, "time", Clock(ends))
        row = only(run(bird, wait=True))
    assert row.ok
    assert 'user_pref("zz", 1);\n' in prefs.read_text()
    assert "icloud" not in prefs.read_text()
