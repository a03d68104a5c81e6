"""imapfilter: its two files, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import imapfilter
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.plan import prune
from tests.clients.machines.base import terminal
from tests.clients.machines.imapfilter import fresh
from tests.test_msmtp import JANE, SECRET, put, write

CONFIG = ".imapfilter/config.lua"
OWN = ".imapfilter/provisioner/jane@example.org.lua"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    options = Options(profile=str(profile) if profile else None)
    return prune(imapfilter.plan(host, account, SECRET, options))


def texts(plan: Plan) -> list[str]:
    return [(change.after or b"").decode() for change in plan.changes]


def test_the_account_and_the_line_that_includes_it(host: Host) -> None:
    made = plan(host, dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, username='ja"ne\\ü')))
    assert [change.path for change in made.changes] == [host.home / OWN, host.home / CONFIG]
    own, main = texts(made)
    assert own.startswith("-- >>> provisioner jane@example.org ")
    assert own.splitlines()[1:-1] == [
        "local status, password = "
        'pipe_from("secret-tool lookup service provisioner username jane@example.org")',
        "if status ~= 0 then",
        '    error("There is no password for Jane@example.org in the keyring, or it is locked.", 0)',
        "end",
        'password = password:gsub("\\r?\\n$", "")',
        'password = password:gsub("\\\\", "\\\\\\\\")',
        "return IMAP {",
        '    server = "imap.example.org",',
        "    port = 993,",
        '    ssl = "auto",',
        r'    username = "ja\092\034ne\092\092\195\188",',
        "    password = password,",
        "}",
    ]
    assert main.splitlines()[1:-1] == [
        "provisioner = provisioner or {}",
        f'provisioner["jane@example.org"] = dofile("{host.home / OWN}")',
    ]
    (change,) = made.secrets
    assert (change.item, change.after) == (SecretItem.shared(JANE.key), SECRET)
    assert 'provisioner["jane@example.org"].INBOX' in made.next


def test_the_file_is_the_one_that_is_read(host: Host, tmp_path: Path) -> None:
    elsewhere = dataclasses.replace(host, env={**host.env, "IMAPFILTER_HOME": str(tmp_path / "else")})
    assert plan(elsewhere).where == str(tmp_path / "else/config.lua")
    assert imapfilter.detect(elsewhere)[0].where == str(tmp_path / "else/config.lua")
    other = write(tmp_path / "own.lua", "")
    assert [change.path for change in plan(host, profile=other).changes] == [host.home / OWN, other]


def test_a_file_of_the_users_own_is_not_touched(host: Host) -> None:
    write(host.home / OWN, "return 1\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


@pytest.mark.parametrize(
    ("own", "bad"),
    [
        ("options.hostnames = false\n", True),
        ("options['hostnames']=false", True),
        ("options = { hostnames = false }\n", True),
        ("options.hostnames = true\n", False),
        ("-- options.hostnames = false\n", False),
        ("options.certificates = false\n", False),
    ],
)
def test_verification_cannot_be_off(host: Host, own: str, bad: bool) -> None:
    write(host.home / CONFIG, own)
    if not bad:
        assert plan(host).changes
        return
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "imapfilter.unverified"


def test_starttls_is_refused(host: Host) -> None:
    account = dataclasses.replace(JANE, imap=Server("imap.example.org", 143, Security.STARTTLS, "jane"))
    with pytest.raises(UsageError) as caught:
        plan(host, account)
    assert caught.value.code == "tls.no_starttls"


@pytest.mark.parametrize("user", ["a\nb", "a\rb", "a\0b", "\udc80"])
def test_values_that_would_break_the_login_are_refused(host: Host, user: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, username=user)))
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert imapfilter.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert imapfilter.stored_secret(host, JANE, Options()) == SECRET
    (host.home / CONFIG).unlink()
    assert imapfilter.stored_secret(host, JANE, Options()) is None


def test_without_imapfilter(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
