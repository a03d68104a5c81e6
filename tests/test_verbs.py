"""Every verb from the command line, against a real IMAP and SMTP server and a scratch home."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from provisioner.cli import cli
from provisioner.clients import thunderbird
from provisioner.clients.base import Options
from provisioner.demo.server import DemoServer
from provisioner.demo.tour import pretend_to_be_icloud
from provisioner.host import Host
from provisioner.journal import Journal, new_id
from provisioner.secret import Secret
from provisioner.workflows import rotate
from tests.clients.machines.thunderbird import thunderbird_fresh
from tests.clients.test_contract import snapshot

EMAIL = "jane.appleseed@icloud.com"
OLD, NEW, WRONG = Secret("cana-rypa-ssxy-zwvu"), Secret("newe-rpas-swor-dabc"), Secret("wron-gpas-swor-dabc")


class Desk:
    """A machine with Thunderbird, a server that plays iCloud, and everything that was ever shown."""

    def __init__(self, host: Host, server: DemoServer) -> None:
        self.host, self.server, self.shown = host, server, ""

    def run(self, *arguments: str, secret: Secret | None = None) -> Result:
        given = ["--password-stdin"] if secret else []
        result = CliRunner().invoke(
            cli, [*arguments, *given], input=secret.reveal() if secret else "", catch_exceptions=False
        )
        self.shown += result.output
        return result

    def json(self, *arguments: str, secret: Secret | None = None) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", secret=secret).stdout)
        return found

    @property
    def stored(self) -> Secret | None:
        receipts = Journal(self.host.state_dir).receipts(EMAIL, "thunderbird")
        return thunderbird.stored_secret(self.host, receipts[0].account, Options()) if receipts else None


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    host = thunderbird_fresh(tmp_path).host
    with DemoServer(EMAIL, OLD, tmp_path) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(server.ca_file))
        monkeypatch.setattr(Host, "current", lambda: host)
        pretend_to_be_icloud(host, server)
        yield Desk(host, server)


def test_setup_check_status_rotate_remove(desk: Desk) -> None:
    before = snapshot(desk.host)
    done = desk.run("setup", EMAIL, "thunderbird", "--name", "Jane", secret=OLD)
    assert done.exit_code == 0
    assert "Logged in as jane.appleseed. 6 mailboxes." in done.stdout
    assert f"To undo it:\n  provisioner remove {EMAIL} thunderbird\n" in done.stdout
    assert desk.stored == OLD
    files = snapshot(desk.host)

    again = desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    assert "already set up, nothing to do" in again.stdout
    assert snapshot(desk.host) == files

    assert desk.run("check", EMAIL, "--client", "thunderbird").exit_code == 0
    assert desk.json("status")["results"][0]["state"] == "ok"
    assert desk.run("status", "--check").exit_code == 0

    desk.server.change_password(NEW)
    assert desk.run("check", EMAIL, "--client", "thunderbird").exit_code == 3
    rotated = desk.run("rotate", EMAIL, secret=NEW)
    assert rotated.exit_code == 0
    assert 'revoke "Mozilla Thunderbird (localhost)"' in " ".join(rotated.stdout.split())
    assert desk.stored == NEW
    assert desk.run("status", "--check").exit_code == 0
    row = desk.json("status")["results"][0]
    assert row["created"] <= row["rotated"] == row["updated"]

    gone = desk.run("remove", EMAIL)
    assert gone.exit_code == 0
    assert "Mozilla Thunderbird (localhost) 20" in " ".join(gone.stdout.split())  # the label of the newest
    assert snapshot(desk.host) == before
    for secret in (OLD, NEW):
        assert secret.reveal() not in desk.shown
        assert base64.b64encode(secret.reveal().encode()).decode() not in desk.shown


def test_a_wrong_password_writes_nothing(desk: Desk) -> None:
    before = snapshot(desk.host)
    result = desk.run("setup", EMAIL, "thunderbird", secret=WRONG)
    assert result.exit_code == 3
    assert "Nothing was written." in result.stdout
    assert snapshot(desk.host) == before
    assert [row["code"] for row in desk.json("check", EMAIL, secret=WRONG)["results"]] == [
        "auth.bad_credentials"
    ] * 2


def test_rotate_with_a_wrong_password_changes_nothing(desk: Desk) -> None:
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    before = snapshot(desk.host)
    result = desk.run("rotate", EMAIL, secret=WRONG)
    assert result.exit_code == 3
    assert desk.stored == OLD
    assert snapshot(desk.host) == before


def test_rotate_takes_everything_back_if_the_new_password_stops_working(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    before = snapshot(desk.host)
    desk.server.change_password(NEW)
    works = rotate._works

    def revoked_meanwhile(report: Any, *rest: Any) -> bool:
        if report.rows:
            return works(report, *rest)
        answer = works(report, *rest)
        desk.server.change_password(OLD)
        return answer

    monkeypatch.setattr(rotate, "_works", revoked_meanwhile)
    result = desk.run("rotate", EMAIL, secret=NEW)
    assert result.exit_code == 1
    assert "does not any more" in result.stderr
    assert desk.stored == OLD
    assert snapshot(desk.host) == before


def test_rotate_finds_an_account_that_was_set_up_by_hand(desk: Desk) -> None:
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    for path in (desk.host.state_dir / "receipts").iterdir():
        path.unlink()  # as if someone else had written the account
    desk.server.change_password(NEW)
    assert desk.run("rotate", EMAIL, secret=NEW).exit_code == 0
    assert desk.stored == NEW
    removed = desk.run("remove", EMAIL)
    assert removed.exit_code == 0


def test_rotate_without_anything_set_up(desk: Desk) -> None:
    found = desk.json("rotate", EMAIL, secret=NEW)
    assert [error["code"] for error in found["errors"]] == ["account.not_set_up"]


def test_dry_run_shows_masked_changes_and_makes_none(desk: Desk) -> None:
    before = snapshot(desk.host)
    for arguments in (("--dry-run",), ("--dry-run", "--no-check")):
        result = desk.run("setup", EMAIL, "thunderbird", *arguments, secret=OLD)
        assert result.exit_code == 0
        assert "prefs.js" in result.stdout
        assert 'user_pref("mail.server.server1.hostname", "localhost");' in result.stdout
        assert snapshot(desk.host) == before
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    after = snapshot(desk.host)
    again = desk.run("setup", EMAIL, "thunderbird", "--dry-run", "--no-check")
    assert "already set up, nothing to do" in again.stdout
    assert desk.run("remove", EMAIL, "--dry-run").exit_code == 0
    assert snapshot(desk.host) == after
    assert OLD.reveal() not in desk.shown


def test_no_check_needs_no_server(desk: Desk) -> None:
    logins = len(desk.server.logins)
    assert desk.run("setup", EMAIL, "thunderbird", "--no-check", secret=WRONG).exit_code == 0
    assert len(desk.server.logins) == logins
    assert desk.stored == WRONG


def test_a_rejected_password_is_tried_once_with_each_user_name(desk: Desk) -> None:
    desk.run("check", EMAIL, secret=WRONG)
    tried = sorted((attempt.service, attempt.user) for attempt in desk.server.logins)
    assert tried == [("imap", "jane.appleseed"), ("imap", EMAIL), ("smtp", EMAIL)]


def test_only_one_service(desk: Desk) -> None:
    assert [row["service"] for row in desk.json("check", EMAIL, "--only", "smtp", secret=OLD)["results"]] == [
        "smtp"
    ]


def test_server_options(desk: Desk) -> None:
    server = desk.server
    arguments = ["--imap", f"localhost:{server.imap_port}", "--imap-security", "tls"]
    arguments += ["--smtp", f"localhost:{server.smtp_port}", "--smtp-security", "starttls"]
    rows = desk.json("check", "jane@unknown.example", *arguments, "--login", EMAIL, secret=OLD)["results"]
    assert [(row["ok"], row["user"]) for row in rows] == [(True, EMAIL), (True, EMAIL)]


def test_status_tells_drift(desk: Desk) -> None:
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    (prefs,) = desk.host.home.rglob("prefs.js")
    text = prefs.read_text()
    prefs.write_text(text.replace('server1.hostname", "localhost', 'server1.hostname", "elsewhere.example'))
    assert desk.json("status")["results"][0]["state"] == "drifted"
    prefs.write_text(text)
    assert desk.json("status")["results"][0]["state"] == "ok"
    account = Journal(desk.host.state_dir).receipts()[0].account
    for change in thunderbird.plan(desk.host, account, WRONG, Options()).changes:
        change.path.write_bytes(change.after or b"")  # as if typed into Thunderbird
    assert desk.json("status")["results"][0]["message"] == "another password has been stored since"
    assert desk.run("status").exit_code == 5
    (receipt,) = (desk.host.state_dir / "receipts").glob("*.json")
    document = json.loads(receipt.read_text())
    receipt.write_text(json.dumps({**document, "seal": ""}))  # one from before there were seals
    assert desk.json("status")["results"][0]["state"] == "ok"
    receipt.write_text(json.dumps(document))
    (logins,) = desk.host.home.rglob("logins.json")
    logins.unlink()
    row = desk.json("status")["results"][0]
    assert (row["state"], row["message"]) == ("drifted", "the account or its stored password is gone")


def test_export(desk: Desk, tmp_path: Path) -> None:
    target = tmp_path / "jane.mobileconfig"
    assert desk.run("export", EMAIL, "apple-mail", "-o", str(target)).exit_code == 0
    assert OLD.reveal().encode() not in target.read_bytes()
    assert desk.run("export", EMAIL, "apple-mail", "-o", str(target)).exit_code == 2
    result = desk.run(
        "export", EMAIL, "apple-mail", "-o", str(target), "--force", "--with-password", secret=OLD
    )
    assert result.exit_code == 0
    assert "contains the password in clear" in " ".join(result.stderr.split())
    assert OLD.reveal().encode() in target.read_bytes()
    assert target.stat().st_mode & 0o777 == 0o600
    printed = desk.run("export", EMAIL, "apple-mail")
    assert printed.stdout.startswith("<?xml")


def test_a_running_client_is_refused_before_the_password_is_asked_for(desk: Desk) -> None:
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    (prefs,) = desk.host.home.rglob("prefs.js")
    code = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
    code += "print(1, flush=True); input()"
    lock = prefs.with_name(".parentlock")
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        result = desk.run("setup", EMAIL, "thunderbird", "--name", "Another")
        same = desk.run("setup", EMAIL, "thunderbird", secret=OLD)
        holder.communicate(b"\n")
    assert "already set up, nothing to do" in same.stdout
    assert result.exit_code == 5
    assert f"is running (process {holder.pid})" in result.stderr


def test_remove_of_a_broken_file_needs_force_and_keeps_it_aside(desk: Desk) -> None:
    before = snapshot(desk.host)
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    (prefs,) = desk.host.home.rglob("prefs.js")
    prefs.write_bytes(b"user_pref(broken\xff")
    refused = desk.run("remove", EMAIL)
    assert refused.exit_code == 5
    assert "--force" in refused.output
    assert "there was no such file" in " ".join(refused.output.split())
    assert str(prefs) in "".join(refused.output.split())
    assert prefs.read_bytes() == b"user_pref(broken\xff"
    assert desk.run("remove", EMAIL, "--force", "--dry-run").exit_code == 0
    forced = desk.run("remove", EMAIL, "--force")
    assert forced.exit_code == 0
    assert snapshot(desk.host) == before
    kept = [path.read_bytes() for path in (desk.host.state_dir / "kept").rglob("*prefs.js")]
    assert kept == [b"user_pref(broken\xff"]


def test_status_check_logs_in_for_every_account(desk: Desk) -> None:
    desk.run("setup", EMAIL, "thunderbird", secret=OLD)
    tried = len(desk.server.logins)
    rows = desk.json("status", "--check")["results"]
    assert [row.get("service", "") for row in rows] == ["", "imap", "smtp"]
    assert len(desk.server.logins) == tried + 2


def test_rotate_of_one_client_does_not_call_for_revoking_what_others_use(desk: Desk) -> None:
    desk.run("setup", EMAIL, "thunderbird", "--label", "shared", secret=OLD)
    journal = Journal(desk.host.state_dir)
    (receipt,) = journal.receipts()
    other = msgspec.structs.replace(receipt, id=new_id(), client="elsewhere", files=())
    journal.open(other, {})
    journal.close(other)
    desk.server.change_password(NEW)
    shown = " ".join(desk.run("rotate", EMAIL, "--client", "thunderbird", secret=NEW).stdout.split())
    assert '"shared" is still used by elsewhere: do not revoke it yet' in shown
