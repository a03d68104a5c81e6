"""OfflineIMAP: which file, what it says, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import offlineimap
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.plan import prune
from tests.clients.machines.base import terminal
from tests.clients.machines.offlineimap import fresh
from tests.test_msmtp import JANE, JOE, SECRET, put, write


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    options = Options(profile=str(profile) if profile else None)
    return prune(offlineimap.plan(host, account, SECRET, options))


def text(plan: Plan) -> str:
    (change,) = plan.changes
    return (change.after or b"").decode()


def test_the_account(host: Host) -> None:
    made = plan(host, dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, username=" j%'\\")))
    lines = text(made).splitlines()
    assert lines[:3] == ["[general]", "accounts = jane@example.org", ""]
    assert lines[4:-1] == [
        "",
        "[Account jane@example.org]",
        "localrepository = jane@example.org-local",
        "remoterepository = jane@example.org-remote",
        "",
        "[Repository jane@example.org-local]",
        "type = Maildir",
        "localfolders = ~/Mail/offlineimap/jane@example.org",
        "sync_deletes = no",
        "",
        "[Repository jane@example.org-remote]",
        "type = IMAP",
        "remotehost = imap.example.org",
        "remoteport = 993",
        "ssl = yes",
        "sslcacertfile = /etc/ssl/certs/ca-certificates.crt",
        'remoteusereval = " j%%\'\\\\"',
        "remotepasseval = __import__(\"subprocess\").check_output(['secret-tool', 'lookup', 'service', "
        "'provisioner', 'username', 'jane@example.org', ]).decode().rstrip(\"\\n\")",
        "createfolders = no",
        "expunge = no",
        "",
    ]
    (change,) = made.secrets
    assert (change.item, change.after) == (SecretItem.shared(JANE.key), SECRET)
    assert made.next == "Fetch your mail with:\n  offlineimap -o -a jane@example.org"


def test_the_file_is_the_one_that_is_read(host: Host, tmp_path: Path) -> None:
    assert plan(host).where == str(host.home / ".offlineimaprc")
    xdg = write(host.home / ".config/offlineimap/config", "")
    assert plan(host).where == str(xdg)
    assert offlineimap.detect(host)[0].where == str(xdg)
    other = write(tmp_path / "own.conf", "")
    assert f"offlineimap -c {other} -o" in plan(host, profile=other).next


def test_the_list_of_accounts(host: Host) -> None:
    path = write(host.home / ".offlineimaprc", "[general]\naccounts = work\n\n[Account work]\nx = y\n")
    before = path.read_text()
    put(plan(host))
    put(plan(host, JOE))
    assert "accounts = joe@example.org, jane@example.org, work\n" in path.read_text()
    assert not plan(host).changes
    path.write_text(path.read_text().replace("jane@example.org, work", "work"))
    assert not plan(host).changes  # the user's decision
    assert path.read_text().startswith(before[:9])


@pytest.mark.parametrize(
    ("own", "clash"),
    [
        ("[Account jane@example.org]\n", True),
        ("[Repository jane@example.org-remote]\r\n", True),
        ("[Repository jane@example.org]\n", False),
        ("[Account jane]\n", False),
    ],
)
def test_sections_of_the_users_own(host: Host, own: str, clash: bool) -> None:
    write(host.home / ".offlineimaprc", own)
    if not clash:
        assert plan(host).changes
        return
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_starttls_is_refused(host: Host) -> None:
    account = dataclasses.replace(JANE, imap=Server("imap.example.org", 143, Security.STARTTLS, "jane"))
    with pytest.raises(UsageError) as caught:
        plan(host, account)
    assert caught.value.code == "tls.no_starttls"


def test_addresses_that_would_mean_something_else(host: Host) -> None:
    made = plan(host, dataclasses.replace(JANE, address="$HOME/a,]@example.org"))
    assert "accounts = %%24home%%2Fa%%2C%%5D@example.org\n" in text(made)
    assert "[Account %24home%2Fa%2C%5D@example.org]\n" in text(made)
    assert "localrepository = %%24home%%2Fa%%2C%%5D@example.org-local\n" in text(made)
    assert made.next.endswith("-a %24home%2Fa%2C%5D@example.org")


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert offlineimap.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert offlineimap.stored_secret(host, JANE, Options()) == SECRET


def test_without_offlineimap(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
