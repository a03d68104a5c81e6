"""--password-store: pass and the user's own command, from setup to remove. The real pass: tests/live."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.clients.common import hook
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem, Store
from provisioner.report import ClientRow, Report, State
from provisioner.secret import Secret
from provisioner.stores import command
from provisioner.stores.chosen import ChosenStore
from provisioner.stores.pass_store import PassStore, entry
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from provisioner.workflows.status import status
from tests.clients.machines.base import terminal
from tests.clients.test_contract import snapshot
from tests.test_crash import Silent
from tests.test_entries import JANE
from tests.test_setup import EMAIL, ONE, TWO, Desk, codes, states

PASS = """#!/bin/sh
printf '%s\\n' "$*" >> "$HOME/../asked"
store=${PASSWORD_STORE_DIR:-$HOME/.password-store}
test ! -e "$HOME/../locked" || exit 2
case $1 in
show) base64 -d < "$store/$2.gpg" ;;
insert) mkdir -p "$(dirname "$store/$4.gpg")"; base64 > "$store/$4.gpg" ;;
rm) rm "$store/$3.gpg"; rmdir "$(dirname "$store/$3.gpg")" 2>/dev/null || : ;;
esac
"""
ITEM = SecretItem.shared(EMAIL, Store.PASS)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    host = terminal(tmp_path, "msmtp", "mbsync", "pass", "mine")
    (tmp_path / "bin/pass").write_text(PASS)
    (tmp_path / "bin/mine").write_text(f'#!/bin/sh\ncat "{tmp_path}/secret file"\n')
    (tmp_path / "secret file").write_text(f"{ONE.reveal()}\n")
    (host.home / ".password-store").mkdir()
    (host.home / ".password-store/.gpg-id").write_text("jane\n")
    env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "HOME": str(host.home)}
    return Desk(dataclasses.replace(host, env=env, secrets=ChosenStore("linux", env)))


def own(desk: Desk) -> str:
    """The user's own command, by its whole path: no variable of this process leads there."""
    return str(desk.host.home.parent / "bin/mine")


def store(desk: Desk) -> PassStore:
    return PassStore(desk.host.env)


def hooks(desk: Desk) -> list[str]:
    """What each client that is set up runs for the password."""
    paths = [desk.host.home / name for name in (".mbsyncrc", ".config/msmtp/config")]
    lines = [line for path in paths if path.exists() for line in path.read_text().splitlines()]
    return [line.split('"')[1] for line in lines if line.lower().startswith(("passcmd ", "passwordeval "))]


def run(desk: Desk, shell_command: str) -> tuple[int, str]:
    done = subprocess.run(
        ["sh", "-c", shell_command], capture_output=True, text=True, env=dict(desk.host.env), check=False
    )
    return done.returncode, done.stdout


def rotate(desk: Desk, secret: Secret, *, prompted: bool = False) -> Report:
    def ask(prompt: str, rule: object) -> Secret:
        desk.asked += 1
        return secret

    report = Report("rotate")
    context = Context(desk.host, desk.journal, Silent(), report)
    rotation.rotate(context, Wish(EMAIL), [], ask, Options(), prompted=prompted)
    return report


def test_the_life_of_a_password_in_pass(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "_works", lambda *rest: True)
    before = snapshot(desk.host)
    report = desk.setup("msmtp", "mbsync", store="pass")
    assert states(report) == [State.CHANGED] * 2
    assert "the password is in pass" in report.rows[0].message  # type: ignore[union-attr]
    assert store(desk).get(ITEM) == ONE
    assert (desk.host.home / f".password-store/provisioner/{EMAIL}.gpg").is_file()
    assert hooks(desk) == [f"sh -c 'pass show provisioner/{EMAIL} | grep -m 1 .'"] * 2
    # What was chosen stays, also for a client that comes later.
    assert states(desk.setup("msmtp", "mbsync")) == [State.UNCHANGED] * 2
    context = Context(desk.host, desk.journal, Silent(), Report("status"))
    status(context, None, Options(), login=False)
    assert states_of(context.report) == [State.OK] * 2
    assert states_of(rotate(desk, TWO)) == [State.CHANGED] * 2
    assert store(desk).get(ITEM) == TWO
    store(desk).set(ITEM, ONE)
    context = Context(desk.host, desk.journal, Silent(), Report("status"))
    status(context, None, Options(), login=False)
    assert states_of(context.report) == [State.DRIFTED] * 2
    report = removed(desk)
    assert "gone from pass" in json.dumps([row.notes for row in report.rows if isinstance(row, ClientRow)])
    assert snapshot(desk.host) == before
    asked = (desk.host.home.parent / "asked").read_text()
    assert ONE.reveal() not in asked
    assert TWO.reveal() not in asked


def removed(desk: Desk) -> Report:
    context = Context(desk.host, desk.journal, Silent(), Report("remove"))
    remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
    assert context.report.ok
    return context.report


def states_of(report: Report) -> list[object]:
    return [getattr(row, "state", None) for row in report.rows]


def test_the_command_prints_the_first_line_or_fails(desk: Desk) -> None:
    line = hook.command(desk.host, dataclasses.replace(JANE, address=EMAIL, source=ITEM))
    store(desk).set(ITEM, ONE)
    path = desk.host.home / f".password-store/provisioner/{EMAIL}.gpg"
    more = subprocess.run(["base64"], input=f"{ONE.reveal()}\nuser: jane\n".encode(), capture_output=True)
    path.write_bytes(more.stdout)
    assert run(desk, line) == (0, f"{ONE.reveal()}\n")
    assert store(desk).get(ITEM) == ONE
    assert shlex.split(line)[:2] == ["sh", "-c"]  # for clients that start words, not a shell
    path.unlink()
    code, output = run(desk, line)
    assert code != 0
    assert output == ""


def test_another_directory_of_pass_is_named_in_the_command(desk: Desk) -> None:
    host = dataclasses.replace(desk.host, env={**desk.host.env, "PASSWORD_STORE_DIR": "/a b"})
    account = dataclasses.replace(JANE, source=SecretItem.shared(JANE.address, Store.PASS))
    line = hook.command(host, account)
    assert shlex.split(line)[2].startswith("PASSWORD_STORE_DIR='/a b' pass show ")
    assert hook.reads(line, account)
    assert not hook.reads(line + " | cat", account)
    assert not hook.reads(line, JANE)


def test_pass_that_cannot_be_used_is_refused_before_the_password(desk: Desk) -> None:
    before = snapshot(desk.host)
    (desk.host.home / ".password-store/.gpg-id").rename(desk.host.home / "elsewhere")
    with pytest.raises(ProvisionError, match="not initialised") as caught:
        desk.setup("msmtp", store="pass")
    assert (caught.value.code, desk.asked) == ("keyring.none", 0)
    assert "pass init" in caught.value.hint
    (desk.host.home / "elsewhere").rename(desk.host.home / ".password-store/.gpg-id")
    (desk.host.home.parent / "bin/pass").unlink()
    env = {**desk.host.env, "PATH": f"{desk.host.home.parent}/bin"}
    desk.host = dataclasses.replace(desk.host, env=env, secrets=ChosenStore("linux", env))
    with pytest.raises(UsageError, match="not installed"):
        desk.setup("msmtp", store="pass")
    assert snapshot(desk.host) == before


def test_an_entry_that_gpg_does_not_decrypt_is_locked(desk: Desk) -> None:
    desk.setup("msmtp", store="pass")
    (desk.host.home.parent / "locked").touch()
    with pytest.raises(Conflict, match="does not decrypt") as caught:
        desk.setup("msmtp")
    assert caught.value.code == "keyring.locked"
    context = Context(desk.host, desk.journal, Silent(), Report("status"))
    status(context, None, Options(), login=False)
    assert states_of(context.report) == [State.LOCKED]


@pytest.mark.parametrize("local", ["a/b", "a%2fb", "it's", "a+b", "..", "-x", "ünï"])
def test_any_address_has_an_entry_of_its_own(desk: Desk, local: str) -> None:
    item = SecretItem.shared(f"{local}@example.org", Store.PASS)
    assert entry(item).count("/") == 1
    store(desk).set(item, ONE)
    assert store(desk).get(item) == ONE
    account = dataclasses.replace(JANE, address=f"{local}@example.org", source=item)
    assert run(desk, hook.command(desk.host, account)) == (0, f"{ONE.reveal()}\n")
    store(desk).delete(item)
    assert store(desk).get(item) is None
    store(desk).delete(item)


def test_a_command_of_the_users_own(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Secret] = []

    def works(report: Report, holders: object, secret: Secret, *rest: object) -> bool:
        tried.append(secret)
        return True

    monkeypatch.setattr(rotation, "_works", works)
    before = snapshot(desk.host)
    report = desk.setup("msmtp", store="command", password_command=own(desk))
    assert (states(report), desk.asked) == ([State.CHANGED], 0)
    assert hooks(desk) == [own(desk)]
    (receipt,) = desk.journal.receipts()
    assert [record.item.command for record in receipt.secrets] == [own(desk)]  # and no seal
    assert states(desk.setup("mbsync", secret=ONE)) == [State.CHANGED]  # it takes the same command

    fresh(desk)
    with pytest.raises(Conflict, match="prints another one"):
        rotate(desk, TWO)
    report = rotate(desk, TWO, prompted=True)
    assert (states_of(report), tried[-1] == ONE) == ([State.UNCHANGED] * 2, True)
    assert "put the new one where the command reads it" in report.next
    (desk.host.home.parent / "secret file").write_text(TWO.reveal())
    fresh(desk)
    assert states_of(rotate(desk, ONE, prompted=True)) == [State.UNCHANGED] * 2
    assert tried[-1] == TWO
    removed(desk)
    assert snapshot(desk.host) == before


def fresh(desk: Desk) -> None:
    """Another run of the program: a command is run once in each."""
    desk.host = dataclasses.replace(desk.host, secrets=ChosenStore("linux", desk.host.env))


def test_status_says_that_a_command_fails(desk: Desk) -> None:
    desk.setup("msmtp", store="command", password_command=own(desk))
    (desk.host.home.parent / "secret file").unlink()
    fresh(desk)
    context = Context(desk.host, desk.journal, Silent(), Report("status"))
    status(context, None, Options(), login=False)
    assert states_of(context.report) == [State.UNKNOWN]


def test_the_store_of_a_client_is_not_changed_silently(desk: Desk) -> None:
    desk.setup("msmtp", store="pass")
    report = desk.setup("msmtp", "mbsync", store="command", password_command=own(desk))
    assert states(report) == [State.FAILED, State.CHANGED]
    assert codes(report)[0] == "store.other"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"store": "command"}, "store.no_command"),
        ({"store": "command", "password_command": "'"}, "password.command"),
        ({"store": "command", "password_command": "false"}, "password.command"),
        ({"store": "command", "password_command": "printf 'a\\nb\\n'"}, "password.command"),
        ({"store": "command", "password_command": "printf ''"}, "password.command"),
        ({"store": "command", "password_command": f"echo {ONE.reveal()}"}, "password.command"),
    ],
)
def test_a_command_that_does_not_do_is_refused(desk: Desk, options: dict[str, Any], code: str) -> None:
    before = snapshot(desk.host)
    with pytest.raises(UsageError) as caught:
        desk.setup("msmtp", **options)
    assert caught.value.code == code
    assert snapshot(desk.host) == before


def test_a_carriage_return_is_refused_with_the_command_that_leaves_it_out(desk: Desk) -> None:
    (desk.host.home.parent / "secret file").write_text(f"{ONE.reveal()}\r\n")
    with pytest.raises(UsageError) as caught:
        desk.setup("msmtp", store="command", password_command=own(desk))
    assert caught.value.code == "password.command"
    assert "prints a carriage return at the end of the line" in caught.value.message
    (proposed,) = (line for line in caught.value.hint.splitlines() if line.startswith("  "))
    assert states(desk.setup("msmtp", store="command", password_command=proposed.strip())) == [State.CHANGED]
    assert run(desk, proposed) == (0, f"{ONE.reveal()}\n")


def test_a_store_that_no_client_would_use_is_refused(desk: Desk) -> None:
    with pytest.raises(UsageError) as caught:
        desk.setup("notmuch", store="pass")
    assert caught.value.code == "store.unused"


def test_a_shell_runs_the_command_as_we_do_without_one() -> None:
    item = command.item("jane@example.org", "printf %s '$HOME | *' ~")
    assert run_shell(item.command) == "$HOME | *~"
    assert command.printed("printf %s '$HOME | *' ~").decode() == "$HOME | *~"


def run_shell(line: str) -> str:
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout


def test_items_of_older_receipts_are_in_the_keyring() -> None:
    item = SecretItem.shared("jane@example.org")
    assert b"store" not in msgspec.json.encode(item)
    assert msgspec.json.decode(msgspec.json.encode(item), type=SecretItem) == item
    assert item.seal.store is item.undo("x", 1).store is Store.KEYRING
    assert ITEM.seal.store is ITEM.undo("x", 1).store is Store.PASS


def test_a_pretended_host_has_no_store() -> None:
    assert Host(home=Path("/nonexistent")).secrets.get(ITEM) is None
