"""meli: what is written, through m4 as meli itself reads it. The program was not run."""

from __future__ import annotations

import dataclasses
import shutil
import tomllib
from pathlib import Path

import pytest

from provisioner.clients import meli
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Mailboxes, Plan, Security, Server, Use
from tests.clients.machines.base import terminal
from tests.needs import need
from tests.test_msmtp import JANE as NO_BOXES
from tests.test_msmtp import SECRET, put, write
from tests.test_toml import PREAMBLES, through_m4

CONFIG = ".config/meli/config.toml"
JANE = dataclasses.replace(
    NO_BOXES,
    display_name="include(`/etc/passwd') unix",
    mailboxes=Mailboxes({Use.SENT: "Sent Messages", Use.JUNK: 'dnl "x"'}),
)
HOOK = "secret-tool lookup service provisioner username jane@example.org"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "meli", "secret-tool")


def version(host: Host, text: str) -> None:
    (Path(host.env["PATH"]) / "meli").write_text(f"#!/bin/sh\necho 'meli {text}'\n")


def plan(host: Host, account: Account = JANE) -> Plan:
    return meli.plan(host, account, SECRET, Options())


def text(plan: Plan) -> str:
    (change,) = plan.changes
    return (change.after or b"").decode()


def test_the_account(host: Host) -> None:
    version(host, "0.8.13")
    made = plan(host)
    assert made.changes[0].path == host.home / CONFIG
    assert made.changes[0].mode == 0o600
    assert tomllib.loads(text(made)) == {
        "accounts": {
            JANE.key: {
                "root_mailbox": "INBOX",
                "format": "imap",
                "identity": "Jane@example.org",
                "display_name": JANE.display_name,
                "subscribed_mailboxes": ["*"],
                "server_hostname": "imap.example.org",
                "server_port": 993,
                "use_tls": True,
                "use_starttls": False,
                "danger_accept_invalid_certs": False,
                "server_username": "jane",
                "server_password_command": HOOK,
                "composing": {"store_sent_mail": True},
                "send_mail": {
                    "hostname": "smtp.example.org",
                    "port": 587,
                    "auth": {
                        "type": "auto",
                        "username": 'ja"ne\\',
                        "password": {"type": "command_eval", "value": HOOK},
                    },
                    "security": {"type": "STARTTLS", "danger_accept_invalid_certs": False},
                },
                "mailboxes": {"Sent Messages": {"usage": "Sent"}, 'dnl "x"': {"usage": "Junk"}},
            }
        }
    }
    assert [change.item for change in made.secrets] == [SecretItem.shared(JANE.key)]
    assert not made.notes


@pytest.mark.live
def test_through_m4(host: Host) -> None:
    need(shutil.which("m4"), "m4 is not installed")
    made = text(plan(host))
    assert through_m4(PREAMBLES[0], made) == made
    assert through_m4(PREAMBLES[1], made) == ""


def test_the_other_way_round(host: Host) -> None:
    imap = Server("imap.example.org", 143, Security.STARTTLS, "jane")
    smtp = Server("smtp.example.org", 465, Security.TLS, "jane")
    made = text(plan(host, dataclasses.replace(JANE, imap=imap, smtp=smtp, mailboxes=None)))
    assert "\nuse_starttls = true\n" in made
    assert 'security = { type = "TLS", danger_accept_invalid_certs = false }' in made
    assert "composing.store_sent_mail = false" in made
    assert "mailboxes]" not in made


@pytest.mark.parametrize("said", ["0.9.0", "(unknown)"])
def test_a_version_that_is_not_known(host: Host, said: str) -> None:
    version(host, said)
    assert any("newest known" in note for note in plan(host).notes)


def test_a_version_that_is_too_old(host: Host) -> None:
    version(host, "0.8.7")
    with pytest.raises(ProvisionError) as caught:
        plan(host)
    assert caught.value.code == "client.old"


def test_an_account_of_the_users_own(host: Host) -> None:
    own = '[accounts."jane@example.org"]\nserver_hostname = "imap.example.org"\nserver_username = "jane"\n'
    write(host.home / CONFIG, own)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"
    write(
        host.home / CONFIG, own.replace("jane@example.org", "own") + f'server_password_command = "{HOOK}"\n'
    )
    (found,) = meli.find(host, JANE, Options())
    assert found.item == SecretItem.shared(JANE.key)


def test_the_named_file_and_the_stored_password(host: Host, tmp_path: Path) -> None:
    named = dataclasses.replace(host, env={**host.env, "MELI_CONFIG": str(tmp_path / "m.toml")})
    assert meli.detect(named)[0].where == str(tmp_path / "m.toml")
    named.secrets.set(SecretItem.shared(JANE.key), SECRET)
    assert meli.stored_secret(named, JANE, Options()) is None
    put(plan(named))
    assert meli.stored_secret(named, JANE, Options()) == SECRET
