"""himalaya: which form for which version, the default account, what is refused. The program was not run."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from provisioner.clients import himalaya
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Mailboxes, Plan, Security, Server, Use
from provisioner.receipt import FileRecord
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE as NO_BOXES
from tests.test_msmtp import JOE, SECRET, put, write
from tests.thunderbird_files import receipt

CONFIG = ".config/himalaya/config.toml"
JANE = dataclasses.replace(NO_BOXES, mailboxes=Mailboxes({Use.SENT: 'Sent "x"', Use.ARCHIVE: "Old"}))
HOOK = "secret-tool lookup service provisioner username jane@example.org"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "himalaya", "secret-tool")


def version(host: Host, text: str) -> None:
    (Path(host.env["PATH"]) / "himalaya").write_text(f"#!/bin/sh\necho '{text} +imap +smtp'\n")


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    return himalaya.plan(host, account, SECRET, Options(profile=str(profile) if profile else None))


def taken(host: Host, made: Plan, account: Account) -> Plan:
    files = tuple(FileRecord(path=str(one.path), before=None, after=None, mode=None) for one in made.changes)
    return himalaya.unplan(host, msgspec.structs.replace(receipt(made, account), files=files), Options())


def read(plan: Plan, key: str = JANE.key) -> dict[str, Any]:
    (change,) = plan.changes
    assert change.mode == 0o600
    account: dict[str, Any] = tomllib.loads((change.after or b"").decode())["accounts"][key]
    return account


def test_version_2(host: Host) -> None:
    version(host, "himalaya v2.1.0")
    made = plan(host)
    assert made.changes[0].path == host.home / CONFIG
    assert read(made) == {
        "default": True,
        "email": "Jane@example.org",
        "display-name": "Jane",
        "mailbox": {"alias": {"inbox": "INBOX", "sent": 'Sent "x"', "archive": "Old"}},
        "imap": {
            "server": "imaps://imap.example.org:993",
            "starttls": False,
            "sasl": {"plain": {"username": "jane", "password": {"command": HOOK.split()}}},
        },
        "smtp": {
            "server": "smtp://smtp.example.org:587",
            "starttls": True,
            "sasl": {"plain": {"username": 'ja"ne\\', "password": {"command": HOOK.split()}}},
        },
    }
    assert [change.item for change in made.secrets] == [SecretItem.shared(JANE.key)]
    assert not any("newest known" in note for note in made.notes)


@pytest.mark.parametrize(("said", "word"), [("v1.0.0", "alias"), ("v1.2.0", "aliases")])
def test_version_1(host: Host, said: str, word: str) -> None:
    version(host, f"himalaya {said}")
    imap = Server("imap.example.org", 143, Security.STARTTLS, "j@x")
    made = read(plan(host, dataclasses.replace(JANE, imap=imap)))
    assert made["folder"] == {word: {"inbox": "INBOX", "sent": 'Sent "x"', "archive": "Old"}}
    auth = {"type": "password", "cmd": HOOK}
    assert made["backend"] == {
        "type": "imap",
        "host": "imap.example.org",
        "port": 143,
        "encryption": {"type": "start-tls"},
        "login": "j@x",
        "auth": auth,
    }
    send = made["message"]["send"]
    assert send["save-copy"] is True
    assert (send["backend"]["encryption"]["type"], send["backend"]["auth"]) == ("start-tls", auth)


@pytest.mark.parametrize("said", ["himalaya v3.0.0", "himalaya"])
def test_a_version_that_is_not_known(host: Host, said: str) -> None:
    version(host, said)
    made = plan(host)
    assert "imap" in read(made)
    assert any("newest known" in note for note in made.notes)


def test_a_version_that_is_too_old(host: Host) -> None:
    version(host, "himalaya 0.9.0")
    with pytest.raises(ProvisionError) as caught:
        plan(host)
    assert caught.value.code == "client.old"


def test_one_default_account_that_stays(host: Host) -> None:
    put(plan(host))
    second = plan(host, JOE)
    assert "default" not in read(second, JOE.key)
    assert second.next.endswith("-a joe@example.org")
    put(second)
    assert not plan(host).changes
    config = host.home / CONFIG
    config.write_text(config.read_text().replace("default = true", "default = false"))  # as if it were gone
    assert not plan(host, JOE).changes


WORK = '[accounts.work]\nemail = "w@example.net"\n'


@pytest.mark.parametrize(
    ("own", "advice"),
    [
        ("", f"  provisioner remove {JOE.key} himalaya\n  provisioner setup {JOE.key} himalaya"),
        (WORK, "Or write `default = true` below [accounts.work] in "),
    ],
)
def test_without_its_default_account_it_is_said_which_to_choose(host: Host, own: str, advice: str) -> None:
    write(host.home / CONFIG, own)
    put(first := plan(host))
    put(second := plan(host, JOE))
    gone = taken(host, first, JANE)
    (note,) = gone.notes
    assert f"`himalaya envelope list -a {'work' if own else JOE.key}`" in note
    assert advice in note
    put(gone)
    if own:
        config = host.home / CONFIG
        config.write_text(config.read_text().replace(WORK, f"{WORK}default = true\n"))
        assert not plan(host, JOE).changes
    else:  # the advice does what it says
        (last,) = taken(host, second, JOE).changes
        assert last.after is None
        last.path.unlink()
        assert read(plan(host, JOE), JOE.key)["default"] is True


def test_nothing_is_said_while_there_is_a_default_account_or_no_other(host: Host) -> None:
    put(first := plan(host))
    assert taken(host, first, JANE).notes == ()
    put(second := plan(host, JOE))
    assert taken(host, second, JOE).notes == ()
    config = host.home / CONFIG
    config.write_text(config.read_text() + f"\n{WORK}default = true\n")
    assert taken(host, first, JANE).notes == ()


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ('[accounts."jane@example.org"]\nemail = "x"\n', "account.exists"),
        ("accounts = { work = {} }\n", "toml.unreadable"),
        ("[accounts\n", "toml.unreadable"),
    ],
)
def test_what_cannot_be_added_to(host: Host, own: str, code: str) -> None:
    write(host.home / CONFIG, own)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == code


@pytest.mark.parametrize("user", ["$HOME", "a${X}", "~jane"])
def test_what_would_be_expanded_is_refused(host: Host, user: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, username=user)))
    assert caught.value.code == "value.unwritable"


def test_accounts_that_log_in_at_the_same_server(host: Host) -> None:
    write(
        host.home / CONFIG,
        '[accounts.one]\nbackend.host = "imap.example.org"\nbackend.login = "jane"\n'
        'backend.auth.raw = "geheim"\n'
        f'[accounts.two]\nimap.server = "imap.example.org"\nimap.sasl.login.username = "jane"\n'
        f'imap.sasl.login.password.command = "{HOOK}"\n'
        '[accounts.three]\nimap.server = "imap.example.org"\nimap.sasl.plain.username = "joe"\n',
    )
    put(plan(host))
    ours, own, by_hook = himalaya.find(host, JANE, Options())
    assert ours.item == by_hook.item == SecretItem.shared(JANE.key)
    assert own.item is None
    assert "line 1 has jane" in own.advice
    assert "geheim" not in own.advice
