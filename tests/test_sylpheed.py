"""Sylpheed, which asks for the password: what the commands make of it. The real program: tests/live."""

from __future__ import annotations

import dataclasses
import os
import socket
import tempfile
from pathlib import Path

import pytest

from provisioner.accounts import Wish
from provisioner.clients import sylpheed
from provisioner.clients.base import Options
from provisioner.edits.ini import Ini
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Account, Plan, Security
from provisioner.report import ClientRow, Report, State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows import rotate as rotation
from provisioner.workflows.check import CheckOptions, check
from provisioner.workflows.context import Context
from provisioner.workflows.everything import stored_everywhere
from provisioner.workflows.remove import remove
from provisioner.workflows.status import status
from tests.clients.machines.base import terminal
from tests.clients.machines.sylpheed import used
from tests.clients.test_contract import snapshot
from tests.test_msmtp import JANE, SECRET, put
from tests.test_setup import EMAIL, ONE, TWO, Desk, states


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr(rotation, "_works", lambda *rest: True)
    return Desk(terminal(tmp_path, "sylpheed", "msmtp", "secret-tool"))


def plan(host: Host, account: Account = JANE) -> Plan:
    return sylpheed.plan(host, account, SECRET, Options())


def settings(host: Host) -> Ini:
    path = host.home / ".sylpheed-2.0/accountrc"
    return Ini(path.read_bytes(), path)


def change(host: Host, old: str, new: str) -> None:
    path = host.home / ".sylpheed-2.0/accountrc"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def of(desk: Desk, verb: str) -> Context:
    return Context(desk.host, desk.journal, desk, Report(verb))  # type: ignore[arg-type]


def rotate(desk: Desk, *client_ids: str) -> tuple[Report, int]:
    """The report, and how often a password was asked for."""
    asked = []

    def ask(prompt: str, rule: object) -> Secret:
        asked.append(prompt)
        return TWO

    context = of(desk, "rotate")
    rotation.rotate(context, Wish(EMAIL), client_ids, ask, Options())
    return context.report, len(asked)


def rows(report: Report) -> dict[str, ClientRow]:
    return {row.client: row for row in report.rows if isinstance(row, ClientRow)}


def test_no_password_is_asked_for_in_vain(desk: Desk) -> None:
    assert states(desk.setup("sylpheed")) == [State.CHANGED]
    assert desk.asked == 0, "it would only have been for the check"
    desk.setup("sylpheed", "msmtp")
    assert desk.asked == 1


def test_what_holds_the_password_and_what_asks_are_rotated_together(desk: Desk) -> None:
    desk.setup("sylpheed", "msmtp", label="First")
    report, asked = rotate(desk)
    assert asked == 1
    found = rows(report)
    assert found["msmtp"].state is State.CHANGED
    assert found["sylpheed"].state is State.BY_HAND
    assert found["sylpheed"].message == sylpheed.ASKS
    assert "by hand" not in report.next, "there is nothing to do before the old one ends"
    assert 'revoke "First"' in report.next
    assert "still used" not in report.next
    assert set(desk.labels) == {next(iter(desk.labels))} != {"First"}
    assert all(receipt.rotated for receipt in desk.journal.receipts())


def test_alone_the_new_password_is_proven_all_the_same(desk: Desk) -> None:
    desk.setup("sylpheed", label="First")
    before = snapshot(desk.host)
    report, asked = rotate(desk)
    assert asked == 1
    assert states(report) == [State.BY_HAND]
    assert 'revoke "First"' in report.next
    assert snapshot(desk.host) == before
    assert desk.labels != ["First"]


def test_it_need_not_be_closed(desk: Desk) -> None:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as listener:
        desk.host = dataclasses.replace(desk.host, env={**desk.host.env, "TMPDIR": short})
        desk.setup("sylpheed")
        listener.bind(f"{short}/sylpheed-{os.getuid()}")
        listener.listen()
        assert states(rotate(desk)[0]) == [State.BY_HAND]
        context = of(desk, "remove")
        remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
        assert not context.report.ok, "but for what is written it must"


def test_one_that_was_not_rotated_still_needs_the_old_password(desk: Desk) -> None:
    desk.setup("sylpheed", "msmtp", label="First")
    report, _ = rotate(desk, "msmtp")
    assert '"First" is still used by sylpheed' in report.next


def test_a_password_that_it_has_saved_is_named_and_never_shown(desk: Desk) -> None:
    desk.setup("sylpheed")
    change(desk.host, "protocol=3", "password=plain-as-day\nprotocol=3")
    report, _ = rotate(desk)
    advice = [row.message for row in report.rows if isinstance(row, ClientRow)][-1]
    assert "as plain text" in advice
    assert "by hand" in report.next
    context = of(desk, "remove")
    remove(context, EMAIL, [], Options(), dry_run=True, wait=False)
    assert "plain-as-day" not in str(context.report.rows)


def test_status_and_check_know_that_nothing_is_stored(desk: Desk) -> None:
    desk.setup("sylpheed")
    for edited, state in ((False, State.OK), (True, State.DRIFTED)):
        if edited:
            change(desk.host, "imap_port=993", "imap_port=143")
        context = of(desk, "status")
        status(context, None, Options(), login=True)
        (row,) = context.report.rows
        assert isinstance(row, StatusRow)
        assert row.state is state
        assert ("it asks for the password" in row.message) is not edited
        assert stored_everywhere(of(desk, "check"), Options()) == []
    with pytest.raises(UsageError) as caught:
        check(of(desk, "check"), CheckOptions(Wish(EMAIL), "sylpheed"), lambda prompt, rule: ONE)
    assert caught.value.code == "client.no_password"
    assert caught.value.hint == "It asks you for it: check without --client."


def test_it_asks_only_once_where_one_user_name_serves_both(host: Host) -> None:
    made = plan(host, dataclasses.replace(JANE, smtp=dataclasses.replace(JANE.smtp, username="jane")))
    assert "second time" not in " ".join(made.notes)
    put(made)
    assert settings(host).get("Account: 1", "smtp_user_id") == ""
    put(plan(host))
    assert settings(host).get("Account: 1", "smtp_user_id") == JANE.smtp.username


def test_two_user_names(host: Host) -> None:
    assert "second time" in " ".join(plan(host).notes)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "sylpheed")


def test_no_login_without_tls(host: Host) -> None:
    imap = dataclasses.replace(JANE.imap, port=143, security=Security.STARTTLS)
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, imap=imap))
    assert caught.value.code == "tls.no_starttls"


def test_an_account_of_the_users_own(tmp_path: Path) -> None:
    host = used(tmp_path).host
    change(host, "me@example.com", JANE.address)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"
    change(host, "imap.example.com", JANE.imap.host)
    change(host, "user_id=me", "user_id=jane")
    (found,) = sylpheed.find(host, JANE, Options())
    assert found.account is None, "it sends by another server"
    assert "type the new one there" in found.advice
    made = plan(host)
    assert made.adopted
    put(made)
    assert settings(host).get("Account: 7", "signature_path") == "~/.signature"


def test_one_that_was_there_before_stays(tmp_path: Path) -> None:
    desk = Desk(used(tmp_path).host)
    change(desk.host, "me@example.com", EMAIL)
    change(desk.host, "imap.example.com", "imap.mail.me.com")
    change(desk.host, "user_id=me", "user_id=jane.appleseed")
    desk.setup("sylpheed")
    change(desk.host, "signature_path=~/.signature", "signature_path=~/other")  # no exact undo any more
    context = of(desk, "remove")
    remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
    assert context.report.ok
    assert settings(desk.host).get("Account: 7", "address") == EMAIL
    assert desk.journal.receipts() == []


def test_files_that_it_cannot_have_written(host: Host) -> None:
    path = host.home / ".sylpheed-2.0/accountrc"
    path.parent.mkdir()
    path.write_bytes(b"\xff\n")
    (found,) = sylpheed.find(host, JANE, Options())
    assert "look there" in found.advice
    with pytest.raises(Conflict):
        sylpheed.find(host, JANE, Options(profile=str(path.parent)))


def test_where_it_is(host: Host, tmp_path: Path) -> None:
    windows = dataclasses.replace(host, platform="win32", env={**host.env, "APPDATA": str(tmp_path / "app")})
    assert plan(windows).where == str(tmp_path / "app/Sylpheed")
    assert "Close Sylpheed" in plan(windows).notes[-1]
    mac = dataclasses.replace(host, platform="darwin")
    assert plan(mac).where == str(host.home / "Library/Application Support/Sylpheed")
    elsewhere = dataclasses.replace(host, env={**host.env, "TMPDIR": "/run/x"})
    (socket,) = plan(elsewhere).locks
    assert socket.parent == Path("/run/x")
    (tmp_path / "other").mkdir()
    named = sylpheed.plan(host, JANE, SECRET, Options(profile=str(tmp_path / "other")))
    assert f"--configdir {tmp_path / 'other'}" in named.next


def test_without_sylpheed(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
