"""getmail: which file, what it says, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import getmail
from provisioner.clients.base import Options
from provisioner.clients.common import tls
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.plan import prune
from tests.clients.machines.base import terminal
from tests.clients.machines.getmail import fresh
from tests.test_msmtp import JANE, JOE, SECRET, put, write


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    return prune(getmail.plan(host, account, SECRET, Options(profile=str(profile) if profile else None)))


def text(plan: Plan) -> str:
    return (plan.changes[-1].after or b"").decode()


def test_the_account(host: Host) -> None:
    made = plan(host)
    maildir = host.home / "Mail/getmail/jane@example.org"
    assert [change.path for change in made.changes] == [
        *(maildir / part / ".provisioner" for part in ("cur", "new", "tmp")),
        host.home / ".config/getmail/jane@example.org",
    ]
    assert text(made).splitlines()[1:-1] == [
        "[retriever]",
        "type = SimpleIMAPSSLRetriever",
        "server = imap.example.org",
        "port = 993",
        "username = jane",
        "password_command = ('secret-tool', 'lookup', 'service', 'provisioner', 'username', "
        "'jane@example.org', )",
        "ca_certs = /etc/ssl/certs/ca-certificates.crt",
        "ssl_cert_hostname = imap.example.org",
        'mailboxes = ("INBOX",)',
        "",
        "[destination]",
        "type = Maildir",
        "path = ~/Mail/getmail/jane@example.org/",
        "",
        "[options]",
        "read_all = false",
        "delete = false",
    ]
    (change,) = made.secrets
    assert (change.item, change.after) == (SecretItem.shared(JANE.key), SECRET)
    assert made.next == "Fetch your mail with:\n  getmail --rcfile=jane@example.org"


def test_the_directory_is_the_one_that_getmail_reads(host: Host, tmp_path: Path) -> None:
    (host.home / ".getmail").mkdir()
    assert plan(host).where == str(host.home / ".getmail/jane@example.org")
    (host.home / ".config/getmail").mkdir(parents=True)
    assert plan(host).where == str(host.home / ".config/getmail/jane@example.org")
    assert getmail.detect(host)[0].where == str(host.home / ".config/getmail")
    other = write(tmp_path / "my own", "")
    assert plan(host, profile=other).where == str(other)
    assert plan(host, profile=other).next.endswith(f"getmail '--rcfile={other}'")


def test_a_file_of_the_users_own_is_not_touched(host: Host) -> None:
    write(host.home / ".config/getmail/jane@example.org", "[retriever]\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"
    assert plan(host, JOE).changes


def test_what_the_user_adds_below_stays(host: Host) -> None:
    put(plan(host))
    path = host.home / ".config/getmail/jane@example.org"
    path.write_text(path.read_text() + "[filter-1]\ntype = Filter_classifier\n")
    assert plan(host).changes == ()
    moved = dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, host="imap2.example.org"))
    assert text(plan(host, moved)).endswith("[filter-1]\ntype = Filter_classifier\n")


def test_starttls_is_refused(host: Host) -> None:
    account = dataclasses.replace(JANE, imap=Server("imap.example.org", 143, Security.STARTTLS, "jane"))
    with pytest.raises(UsageError) as caught:
        plan(host, account)
    assert caught.value.code == "tls.no_starttls"


def test_addresses_that_would_mean_something_in_a_path(host: Host) -> None:
    made = plan(host, dataclasses.replace(JANE, address="$HOME/a@example.org"))
    assert "path = ~/Mail/getmail/%24home%2Fa@example.org/\n" in text(made)
    assert made.changes[0].path.parent == host.home / "Mail/getmail/%24home%2Fa@example.org/cur"
    assert made.next.endswith("--rcfile=%24home%2Fa@example.org")


@pytest.mark.parametrize("user", [" jane", "jane\u00a0", "a\nb", "a\rb", "a\0b", ""])
def test_values_that_the_file_cannot_hold_are_refused(host: Host, user: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, username=user)))
    assert caught.value.code == "value.unwritable"


def test_certificates_come_from_the_systems_file_or_nothing_is_written(host: Host) -> None:
    host.system(tls.BUNDLES[0]).unlink()
    with pytest.raises(UsageError) as caught:
        plan(host)
    assert caught.value.code == "tls.no_bundle"
    write(host.system(tls.BUNDLES[1]), "")
    assert f"ca_certs = {tls.BUNDLES[1]}\n" in text(plan(host))


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert getmail.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert getmail.stored_secret(host, JANE, Options()) == SECRET
    assert getmail.stored_secret(host, JOE, Options()) is None


def test_without_getmail(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
