"""msmtp: which file, which account is the default, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import msmtp
from provisioner.clients.base import Options
from provisioner.clients.common import hook
from provisioner.edits import block
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.secret import Secret
from tests.clients.machines.base import certificates, terminal

SECRET = Secret("abcd-efgh-ijkl-mnop")
JANE = Account(
    address="Jane@example.org",
    display_name="Jane",
    provider="",
    title="Mail",
    imap=Server("imap.example.org", 993, Security.TLS, "jane"),
    smtp=Server("smtp.example.org", 587, Security.STARTTLS, 'ja"ne\\'),
)
JOE = dataclasses.replace(JANE, address="joe@example.org")
CONFIG = ".config/msmtp/config"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "msmtp", "secret-tool")


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    return msmtp.plan(host, account, SECRET, Options(profile=str(profile) if profile else None))


def text(plan: Plan) -> str:
    (change,) = plan.changes
    return (change.after or b"").decode()


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def put(plan: Plan) -> None:
    for change in plan.changes:
        assert change.after is not None
        write(change.path, change.after.decode())


def test_the_account(host: Host) -> None:
    made = plan(host)
    assert made.changes[0].path == host.home / CONFIG
    assert made.changes[0].mode == 0o600
    assert text(made).splitlines()[1:-1] == [
        'account "jane@example.org"',
        'host "smtp.example.org"',
        'port "587"',
        "protocol smtp",
        "tls on",
        "tls_starttls on",
        "tls_certcheck on",
        "tls_trust_file system",
        "tls_fingerprint",
        "auth on",
        'user "ja"ne\\"',
        'from "Jane@example.org"',
        "password",
        'passwordeval "secret-tool lookup service provisioner username jane@example.org"',
        'account default : "jane@example.org"',
    ]
    (change,) = made.secrets
    assert change.item == SecretItem.shared("jane@example.org")
    assert (change.before, change.after) == (None, SECRET)


def test_tls_from_the_start(host: Host) -> None:
    account = dataclasses.replace(JANE, smtp=Server("smtp.example.org", 465, Security.TLS, "jane"))
    assert "tls on\ntls_starttls off\n" in text(plan(host, account))


def test_the_file_is_the_one_that_msmtp_reads(host: Host, tmp_path: Path) -> None:
    xdg = dataclasses.replace(host, env={**host.env, "XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert plan(xdg).where == str(tmp_path / "xdg/msmtp/config")
    write(host.home / CONFIG, "")
    assert plan(host).where == str(host.home / CONFIG)
    write(host.home / ".msmtprc", "")
    assert plan(host).where == str(host.home / ".msmtprc")
    assert msmtp.detect(host)[0].where == str(host.home / ".msmtprc")
    other = write(tmp_path / "it's.conf", "")
    assert plan(host, profile=other).where == str(other)
    assert f"msmtp -C '{tmp_path}/it'\"'\"'s.conf' RECIPIENT" in plan(host, profile=other).next


def test_another_clients_profile_is_no_file(host: Host, tmp_path: Path) -> None:
    for profile in (Path("default-release"), tmp_path, tmp_path / "missing"):
        with pytest.raises(UsageError) as caught:
            plan(host, profile=profile)
        assert caught.value.code == "profile.unknown"


@pytest.mark.parametrize(
    ("own", "default"),
    [
        ("", True),
        ("defaults\ntls on\n", True),
        ("# account default\n\naccount work\nhost h\n", True),
        ("account default\nhost h\n", False),
        ('  account\t"default" : work\n', False),
        ("account default:work\r\n", False),
        ("host h\nuser u\n", False),
        ("eval echo account x\n", True),
    ],
)
def test_default_unless_the_user_has_one(host: Host, own: str, default: bool) -> None:
    write(host.home / CONFIG, own)
    made = plan(host)
    assert ("account default :" in text(made)) is default
    assert ("-a jane@example.org" in made.next) is not default


def test_the_first_account_stays_the_default(host: Host) -> None:
    put(plan(host))
    put(plan(host, JOE))
    data = (host.home / CONFIG).read_text()
    assert data.count("account default") == 1
    assert 'account default : "jane@example.org"' in data
    assert not plan(host).changes
    assert not plan(host, JOE).changes
    (host.home / CONFIG).write_bytes(block.remove(data.encode(), JANE.key, Path(CONFIG)))
    assert not plan(host, JOE).changes


def test_a_default_of_the_users_own_takes_ours_away(host: Host) -> None:
    put(plan(host))
    path = host.home / CONFIG
    path.write_text("account default\nhost h\n" + path.read_text())
    assert text(plan(host)).count("account default") == 1


@pytest.mark.parametrize("own", ["account jane@example.org\n", 'account "jane@example.org" : x\n'])
def test_an_account_of_the_users_own_is_not_touched(host: Host, own: str) -> None:
    write(host.home / CONFIG, own)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_an_edited_block_is_not_overwritten(host: Host) -> None:
    put(plan(host))
    path = host.home / CONFIG
    path.write_text(path.read_text().replace("587", "25"))
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "block.edited"


@pytest.mark.parametrize("address", ["a%U@example.org", "a*@example.org", "a?@example.org"])
def test_patterns_are_no_senders(host: Host, address: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, address=address))
    assert caught.value.code == "value.unwritable"


@pytest.mark.parametrize("user", ["x" * 471, "a\nb", "a\rb", "a\0b", "\udc80"])
def test_values_that_the_file_cannot_hold_are_refused(host: Host, user: str) -> None:
    smtp = dataclasses.replace(JANE.smtp, username=user)
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, smtp=smtp))
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert msmtp.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert msmtp.stored_secret(host, JANE, Options()) == SECRET
    assert msmtp.stored_secret(host, JOE, Options()) is None


def test_without_msmtp(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"


def test_the_hook(tmp_path: Path) -> None:
    account = dataclasses.replace(JANE, address="o'neill$x@example.org")
    quoted = "'o'\"'\"'neill$x@example.org'"
    for number, (platform, programs, expected) in enumerate(
        [
            (
                "linux",
                ["secret-tool", "keyring"],
                f"secret-tool lookup service provisioner username {quoted}",
            ),
            ("linux", ["keyring"], f"{{bin}}/keyring get provisioner {quoted}"),
            ("win32", ["secret-tool", "keyring"], f"{{bin}}/keyring get provisioner {quoted}"),
            ("darwin", [], f"/usr/bin/security find-generic-password -s provisioner -a {quoted} -w"),
        ]
    ):
        directory = tmp_path / str(number)
        directory.mkdir()
        machine = dataclasses.replace(terminal(directory, *programs), platform=platform)
        assert hook.command(machine, account) == expected.replace("{bin}", str(directory / "bin"))
    (tmp_path / "none").mkdir()
    for platform, program in (("linux", "secret-tool"), ("win32", "keyring")):
        with pytest.raises(UsageError) as caught:
            hook.command(Host(tmp_path, platform=platform), account)
        assert caught.value.code == "hook.missing"
        assert program in caught.value.hint


@pytest.mark.parametrize(
    ("version", "line"),
    [
        ("1.6.6", "tls_trust_file /etc/ssl/certs/ca-certificates.crt"),
        ("1.8.2", "tls_trust_file /etc/ssl/certs/ca-certificates.crt"),
        ("1.8.3", "tls_trust_file system"),
        ("1.8.28", "tls_trust_file system"),
        ("", "tls_trust_file system"),
    ],
)
def test_certificates_are_verified_whatever_the_version(host: Host, version: str, line: str) -> None:
    program = Path(host.env["PATH"]) / "msmtp"
    program.write_text(f"#!/bin/sh\necho 'msmtp version {version}'\n")
    (change,) = msmtp.plan(certificates(host), JANE, SECRET, Options()).changes
    assert line in (change.after or b"").decode().replace('"', "").splitlines()
