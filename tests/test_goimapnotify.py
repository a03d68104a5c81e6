"""goimapnotify: what is written, and when it starts mbsync. The program was not run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import yaml

from provisioner.clients import goimapnotify, mbsync
from provisioner.clients.base import Options
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.stores import command as command_store
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE, SECRET, put, write

DIRECTORY = ".config/goimapnotify"
HOOK = "secret-tool lookup service provisioner username jane@example.org"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "goimapnotify", "mbsync", "secret-tool")


def plan(host: Host, account: Account = JANE) -> Plan:
    return goimapnotify.plan(host, account, SECRET, Options())


def box(plan: Plan) -> str:
    (change,) = plan.changes
    (one,) = yaml.safe_load(change.after or b"")["configurations"]
    return str(one["boxes"][0]["onNewMail"])


def test_the_file(host: Host) -> None:
    made = plan(host)
    (change,) = made.changes
    assert change.path == host.home / DIRECTORY / "jane@example.org.yaml"
    assert change.mode == 0o600
    assert yaml.safe_load(change.after or b"") == {
        "configurations": [
            {
                "host": "imap.example.org",
                "port": 993,
                "tls": True,
                "tlsOptions": {"rejectUnauthorized": True, "starttls": False},
                "username": "jane",
                "alias": "jane@example.org",
                "passwordCMD": HOOK,
                "boxes": [{"mailbox": "INBOX", "onNewMail": "SKIP", "onNewMailPost": "SKIP"}],
            }
        ]
    }
    assert "does nothing yet" in made.notes[0]
    assert made.next.endswith(f"goimapnotify -conf {change.path}")


def test_mbsync_is_started_if_it_has_the_account(host: Host) -> None:
    (host.home / ".config").mkdir()
    for change in mbsync.plan(host, JANE, SECRET, Options()).changes:
        write(change.path, (change.after or b"").decode())
    made = plan(host)
    assert box(made) == "mbsync jane@example.org"
    assert not any("does nothing" in note for note in made.notes)
    (host.home / ".mbsyncrc").rename(host.home / ".config/isyncrc")
    assert box(plan(host)) == f"mbsync -c {host.home}/.config/isyncrc jane@example.org"
    assert box(plan(host, dataclasses.replace(JANE, address="joe@example.org"))) == "SKIP"


def test_starttls_is_refused(host: Host) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, imap=Server("imap.example.org", 143, Security.STARTTLS, "j")))
    assert caught.value.code == "tls.no_starttls"


@pytest.mark.parametrize("command", ["cat %s", "echo {{.}}"])
def test_what_it_would_replace_is_refused(host: Host, command: str) -> None:
    source = command_store.item(JANE.key, command)
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, source=source))
    assert caught.value.code == "value.unwritable"


def test_a_file_of_the_users_own(host: Host) -> None:
    write(host.home / DIRECTORY / "jane@example.org.yaml", "host: x\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_accounts_that_log_in_at_the_same_server(host: Host) -> None:
    write(
        host.home / DIRECTORY / "goimapnotify.yaml",
        "configurations:\n  - host: imap.example.org\n    username: jane\n    password: geheim\n"
        "  - host: imap.example.net\n    username: jane\n",
    )
    write(
        host.home / DIRECTORY / "old.json",
        f'{{"host": "imap.example.org", "username": "jane", "passwordCmd": "{HOOK}"}}',
    )
    put(plan(host))
    own, ours, by_hook = goimapnotify.find(host, JANE, Options())
    assert ours.item == by_hook.item == SecretItem.shared(JANE.key)
    assert "line 2 has jane" in own.advice
    assert "geheim" not in own.advice
    host.secrets.set(SecretItem.shared(JANE.key), SECRET)
    assert goimapnotify.stored_secret(host, JANE, Options()) == SECRET
