"""mpop: which providers, what is kept, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.accounts import Wish, resolve
from provisioner.clients import mpop
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Account, Plan, Security, Server
from provisioner.report import ClientRow, Report
from tests.clients.machines.base import certificates, terminal
from tests.clients.machines.mpop import fresh
from tests.clients.test_contract import PROVIDERS
from tests.test_msmtp import JANE as MAIL_ONLY
from tests.test_msmtp import SECRET, put, write
from tests.test_setup import Desk

JANE = dataclasses.replace(MAIL_ONLY, pop=Server("pop.example.org", 995, Security.TLS, 'ja"ne\\'))
CONFIG = ".config/mpop/config"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def plan(host: Host, account: Account = JANE) -> Plan:
    return mpop.plan(host, account, SECRET, Options())


def lines(host: Host) -> list[str]:
    return [line for line in (host.home / CONFIG).read_text().splitlines() if line[0] != "#"]


def test_the_account(host: Host) -> None:
    put(plan(host))
    assert lines(host)[:6] == [
        'account "jane@example.org"',
        'host "pop.example.org"',
        'port "995"',
        "tls on",
        "tls_starttls off",
        "tls_certcheck on",
    ]
    assert lines(host)[9:] == [
        'user "ja"ne\\"',
        "password",
        'passwordeval "secret-tool lookup service provisioner username jane@example.org"',
        'delivery "maildir ~/Mail/mpop/jane@example.org"',
        "only_new on",
        "keep on",
    ]
    assert (host.home / "Mail/mpop/jane@example.org/new").is_dir()
    assert plan(host).next.endswith("mpop jane@example.org")


def test_starttls(host: Host) -> None:
    pop = Server("pop.example.org", 110, Security.STARTTLS, "jane")
    put(plan(host, dataclasses.replace(JANE, pop=pop)))
    assert "tls_starttls on" in lines(host)


def test_versions_that_do_not_verify_are_named_the_certificates(tmp_path: Path) -> None:
    host = certificates(fresh(tmp_path).host)
    (Path(host.env["PATH"]) / "mpop").write_text("#!/bin/sh\necho mpop version 1.4.2\n")
    put(plan(host))
    assert 'tls_trust_file "/etc/ssl/certs/ca-certificates.crt"' in lines(host)


def test_a_provider_without_pop(host: Host) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, MAIL_ONLY)
    assert caught.value.code == "server.unknown"
    assert "setup Jane@example.org mbsync" in caught.value.hint
    assert mpop.find(host, MAIL_ONLY, Options()) == ()


def test_all_leaves_out_what_the_provider_has_no_server_for(tmp_path: Path) -> None:
    desk = Desk(terminal(tmp_path, "mpop", "khal", "msmtp", "secret-tool"))
    assert [row.client for row in clients_of(desk.setup("all"))] == ["msmtp", "khal"]
    row, _ = clients_of(desk.setup("mpop", "khal", dry_run=True))
    assert row.code == "server.unknown", "but who names it is told"


def clients_of(report: Report) -> list[ClientRow]:
    return [row for row in report.rows if isinstance(row, ClientRow)]


def test_whose_mail_is_on_another_server_has_no_pop_there() -> None:
    known = list(PROVIDERS.values())
    candidate = resolve(Wish("jane@gmail.com"), known)
    assert candidate.account().pop == Server("pop.gmail.com", 995, Security.TLS, "jane@gmail.com")
    assert resolve(Wish("jane@web.de"), known).pop == Server("pop3.web.de", 995, Security.TLS, "jane")
    assert resolve(Wish("jane@icloud.com"), known).pop is None
    assert resolve(Wish("jane@gmail.com", imap="imap.example.org"), known).pop is None


def test_an_account_of_the_users_own(host: Host) -> None:
    write(host.home / CONFIG, "account jane@example.org\nhost pop.example.org\nuser jane\npassword x\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"
    (found,) = mpop.find(host, JANE, Options())
    assert "line 4" in found.advice
    write(host.home / ".netrc", "machine pop.example.org login jane password x\n")
    assert len(mpop.find(host, JANE, Options())) == 2


def test_without_mpop(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
