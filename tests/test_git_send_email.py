"""git send-email: which file, who is the default, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from provisioner.clients import git_send_email
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.secret import Secret
from tests.clients.machines.base import terminal
from tests.clients.machines.git_send_email import fresh

SECRET = Secret("abcd-efgh-ijkl-mnop")
JANE = Account(
    address="Jane@example.org",
    display_name='Jane "J" Appleseed',
    provider="",
    title="Mail",
    imap=Server("imap.example.org", 993, Security.TLS, "jane"),
    smtp=Server("smtp.example.org", 587, Security.STARTTLS, 'ja"ne\\'),
)
JOE = dataclasses.replace(JANE, address="joe/x@example.org")
OWN = ".config/git/provisioner/jane@example.org"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def says(host: Host, *settings: str, origin: str = "file:/elsewhere") -> None:
    """What git prints about `sendemail`; a setting with `=` at its end is an empty one."""
    names = "".join(f"{origin}\\0{name.removesuffix('=')}\\0" for name in settings)
    empty = "".join(f"{origin}\\0{name[:-1]}\\0" for name in settings if name.endswith("="))
    Path(host.env["PATH"], "git").write_text(
        '#!/bin/sh\ncase $* in --exec-path) echo "${0%/*}";;\n'
        f"*smtpsslcertpath*) printf '{empty}';; *) printf '{names}';; esac\n"
    )


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    return git_send_email.plan(host, account, SECRET, Options(profile=str(profile) if profile else None))


def put(plan: Plan) -> Plan:
    for change in plan.changes:
        assert change.after is not None
        change.path.parent.mkdir(parents=True, exist_ok=True)
        change.path.write_bytes(change.after)
    return plan


def lines(plan: Plan, name: str) -> list[str]:
    (data,) = [change.after or b"" for change in plan.changes if str(change.path).endswith(name)]
    return data.decode().splitlines()[1:-1]


def test_the_account(host: Host) -> None:
    made = plan(host)
    assert lines(made, OWN) == [
        '[sendemail "jane@example.org"]',
        '\tfrom = "=?utf-8?q?Jane_=22J=22_Appleseed?= <Jane@example.org>"',
        "\tenvelopeSender = auto",
        '\tsmtpServer = "smtp.example.org"',
        '\tsmtpServerPort = "587"',
        "\tsmtpEncryption = tls",
        "\tsmtpAuth = PLAIN LOGIN",
        '\tsmtpUser = "ja\\"ne\\\\"',
        "[sendemail]",
        '\tidentity = "jane@example.org"',
        '[credential "smtp://ja%22ne%5C@smtp.example.org:587"]',
        "\thelper =",
        '\thelper = "!f() { test \\"$1\\" = get && p=$(secret-tool lookup service provisioner username '
        'jane@example.org) && printf \\"password=%s\\\\n\\" \\"$p\\"; }; f"',
    ]
    assert lines(made, ".gitconfig") == ["[include]", f'\tpath = "~/{OWN}"']
    assert made.secrets[0].item == SecretItem.shared("jane@example.org")
    assert "git send-email --to=RECIPIENT 'HEAD^'" in made.next


def test_tls_from_the_start_and_no_name(host: Host) -> None:
    server = Server("smtp.example.org", 465, Security.TLS, "jane")
    text = lines(plan(host, dataclasses.replace(JANE, smtp=server, display_name="")), OWN)
    assert "\tsmtpEncryption = ssl" in text
    assert '\tfrom = "Jane@example.org"' in text


@pytest.mark.parametrize("name", ["Jäne Q. Public, Dr. (x)", "a;b: c"])
def test_a_name_that_git_encodes_itself_stays_readable(host: Host, name: str) -> None:
    text = lines(plan(host, dataclasses.replace(JANE, display_name=name)), OWN)
    assert f'\tfrom = "{name} <Jane@example.org>"' in text


@pytest.mark.parametrize("address", ["jane@example.org", "o'neill$x`id`{}#!@example.org"])
@pytest.mark.parametrize("found", [True, False])
def test_the_helper_gives_the_password_and_takes_none(tmp_path: Path, address: str, found: bool) -> None:
    host = fresh(tmp_path).host
    tool = Path(host.env["PATH"], "secret-tool")
    tool.write_text(f'#!/bin/sh\nprintf "%s" "$5"\n{"" if found else "exit 1"}\n')
    text = lines(plan(host, dataclasses.replace(JANE, address=address)), "@example.org")[-1]
    helper = re.sub(r"\\(.)", r"\1", text.removeprefix('\thelper = "!').removesuffix('"'))
    for action, expected in (("get", f"password={address}\n" if found else ""), ("store", ""), ("erase", "")):
        command = ["/bin/sh", "-c", f"{helper} {action}"]
        done = subprocess.run(command, env=dict(host.env), cwd=tmp_path, capture_output=True, check=False)
        assert (done.stdout.decode(), done.stderr) == (expected, b"")


def test_the_file_is_the_one_that_git_writes_to(host: Host, tmp_path: Path) -> None:
    assert plan(host).where == str(host.home / ".gitconfig")
    xdg = host.home / ".config/git/config"
    xdg.parent.mkdir(parents=True)
    xdg.write_text("")
    assert plan(host).where == str(xdg)
    (host.home / ".gitconfig").write_text("")
    assert git_send_email.detect(host)[0].where == str(host.home / ".gitconfig")
    other = tmp_path / "other"
    other.write_text("")
    assert plan(host, profile=other).where == str(other)
    named = dataclasses.replace(host, env={**host.env, "GIT_CONFIG_GLOBAL": str(tmp_path / "named")})
    assert plan(named).where == str(tmp_path / "named")
    elsewhere = dataclasses.replace(host, env={**host.env, "XDG_CONFIG_HOME": str(tmp_path / 'x"dg')})
    made = plan(elsewhere)
    assert f'\tpath = "{tmp_path}/x\\"dg/git/provisioner/jane@example.org"' in lines(made, ".gitconfig")


def test_a_slash_in_the_address_is_no_directory(host: Host) -> None:
    assert plan(host, JOE).changes[0].path == host.home / ".config/git/provisioner/joe%2Fx@example.org"


@pytest.mark.parametrize(
    ("setting", "default"),
    [
        ("sendemail.confirm", True),
        ("sendemail.work.smtpserver", True),
        ("sendemail.smtpserver", False),
        ("sendemail.from", False),
        ("sendemail.identity", False),
    ],
)
def test_default_unless_the_user_has_one(host: Host, setting: str, default: bool) -> None:
    says(host, setting)
    made = plan(host)
    assert ("[sendemail]" in lines(made, OWN)) is default
    assert ("--identity=jane@example.org" in made.next) is not default
    assert any("You have chosen another way" in note for note in made.notes) is not default


def test_the_first_account_stays_the_default(host: Host) -> None:
    put(plan(host))
    own = f"file:{host.home / OWN}"
    says(host, "sendemail.identity", "sendemail.jane@example.org.from", origin=own)
    assert not plan(host).changes
    made = put(plan(host, JOE))
    assert "[sendemail]" not in lines(made, "joe%2Fx@example.org")
    (note,) = made.notes
    assert note.startswith("Another account of yours that was set up here is the usual one; --identity=")
    (host.home / OWN).unlink()
    says(host)
    assert not plan(host, JOE).changes


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ("sendemail.jane@example.org.smtpserver", "account.exists"),
        ("sendemail.smtppass", "git.setting"),
        ("sendemail.sendmailcmd", "git.setting"),
        ("sendemail.smtpsslcertpath=", "git.unverified"),
    ],
)
def test_what_would_clash_is_refused(host: Host, setting: str, code: str) -> None:
    says(host, setting)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == code


def test_a_certificate_directory_of_the_users_own_is_kept(host: Host) -> None:
    says(host, "sendemail.smtpsslcertpath")
    assert plan(host).changes


def test_a_configuration_that_git_cannot_read_is_refused(host: Host) -> None:
    git = Path(host.env["PATH"], "git")
    git.write_text('#!/bin/sh\ncase $* in --exec-path) echo "${0%/*}";; *) echo "fatal: bad" >&2;; esac\n')
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "git.unreadable"


def test_an_edited_file_is_not_overwritten(host: Host) -> None:
    put(plan(host))
    path = host.home / OWN
    path.write_text(path.read_text().replace("587", "25"))
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "block.edited"


@pytest.mark.parametrize("user", ["a\nb", "a\rb", "a\0b", "\udc80"])
def test_values_that_the_file_cannot_hold_are_refused(host: Host, user: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, smtp=dataclasses.replace(JANE.smtp, username=user)))
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert git_send_email.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert git_send_email.stored_secret(host, JANE, Options()) == SECRET
    assert git_send_email.stored_secret(host, JOE, Options()) is None


def test_git_without_its_send_email(tmp_path: Path) -> None:
    host = terminal(tmp_path, "git", "secret-tool")
    assert git_send_email.detect(host) == ()
    with pytest.raises(ProvisionError) as caught:
        plan(host)
    assert caught.value.code == "client.not_installed"


@pytest.mark.parametrize(("printed", "noted"), [("", False), ("Authen::SASL IO::Socket::SSL ", True)])
def test_perl_modules_that_are_lacking_are_named(host: Host, printed: str, noted: bool) -> None:
    perl = Path(host.env["PATH"], "perl")
    perl.write_text(f"#!/bin/sh\nprintf '{printed}'\n")
    perl.chmod(0o755)
    assert [note.partition(":")[0][:9] for note in plan(host).notes] == ["git send-"] * noted
    assert ("Authen::SASL and IO::Socket::SSL" in "".join(plan(host).notes)) is noted
