"""fetchmail: the program that is written for it, what is refused. The real fetchmail: tests/live."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import pytest

from provisioner.clients import fetchmail
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.plan import prune
from tests.clients.machines.base import terminal
from tests.clients.machines.fetchmail import fresh
from tests.test_msmtp import JANE, SECRET, put, write

SCRIPT = ".config/fetchmail/jane@example.org"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    options = Options(profile=str(profile) if profile else None)
    return prune(fetchmail.plan(host, account, SECRET, options))


def text(plan: Plan) -> str:
    return (plan.changes[-1].after or b"").decode()


def run(host: Host, script: Path, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    env = {"HOME": str(host.home), "PATH": f"{host.env['PATH']}:/usr/bin:/bin"}
    return subprocess.run(
        ["sh", script, *arguments], input=text, env=env, capture_output=True, text=True, check=False
    )


def programs(host: Host, secret_tool: str, fetchmail: str) -> None:
    for name, content in {"secret-tool": secret_tool, "fetchmail": fetchmail}.items():
        (Path(host.env["PATH"]) / name).write_text(f"#!/bin/sh\n{content}\n")


def test_the_program(host: Host) -> None:
    made = plan(host)
    maildir = host.home / "Mail/fetchmail/jane@example.org"
    assert [change.path for change in made.changes] == [
        *(maildir / part / ".provisioner" for part in ("cur", "new", "tmp")),
        host.home / SCRIPT,
    ]
    assert made.changes[-1].mode == 0o700
    lines = text(made).splitlines()
    assert lines[0] == "#!/bin/sh"
    begin = lines.index("set no bouncemail")
    assert lines[begin : lines.index("END")] == [
        "set no bouncemail",
        'poll "imap.example.org"',
        "    protocol imap",
        "    port 993",
        "    auth password",
        '    user "jane"',
        "    ssl",
        '    sslproto "TLS1.2+"',
        "    sslcertck",
        "    keep",
        "    no rewrite",
        '    mda "exec sh \\x22$PROVISIONER_SCRIPT\\x22 --deliver"',
    ]
    (change,) = made.secrets
    assert (change.item, change.after) == (SecretItem.shared(JANE.key), SECRET)
    assert made.next == f"Fetch your mail with:\n  {host.home / SCRIPT}"


def test_starttls(host: Host) -> None:
    account = dataclasses.replace(JANE, imap=Server("imap.example.org", 143, Security.STARTTLS, "jane"))
    lines = text(plan(host, account)).splitlines()
    assert "    ssl" not in lines
    assert '    sslproto "TLS1.2+"' in lines
    assert "    sslcertck" in lines


def test_what_fetchmail_is_given(host: Host) -> None:
    put(plan(host))
    programs(host, "printf 'a\"\\\\b\\n'", 'cat; echo "$@" >&2')
    done = run(host, host.home / SCRIPT, "--check")
    assert done.returncode == 0
    assert done.stdout.endswith('    password "\\x61\\x22\\x5c\\x62"\n')
    assert done.stderr.startswith("-f - --idfile ")
    assert done.stderr.endswith(" --check\n")


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 0), (3, 3)])
def test_no_new_mail_is_no_failure(host: Host, code: int, expected: int) -> None:
    put(plan(host))
    programs(host, "echo x", f"cat >/dev/null; exit {code}")
    assert run(host, host.home / SCRIPT).returncode == expected


@pytest.mark.parametrize("hook", ["exit 1", "true", "echo"])
def test_without_the_password_fetchmail_is_not_started(host: Host, hook: str) -> None:
    put(plan(host))
    programs(host, hook, "echo started")
    done = run(host, host.home / SCRIPT)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "There is no password for Jane@example.org in the keyring, or it is locked.\n"


def test_mail_is_delivered_whole_and_never_over_another(host: Host) -> None:
    put(plan(host))
    new = host.home / "Mail/fetchmail/jane@example.org/new"
    for number in range(3):
        assert run(host, host.home / SCRIPT, "--deliver", text=f"Subject: {number}\n").returncode == 0
    assert sorted(path.read_text() for path in new.glob("[!.]*")) == [f"Subject: {n}\n" for n in range(3)]
    assert not list((new.parent / "tmp").glob("[!.]*"))
    new.rename(new.with_name("gone"))
    assert run(host, host.home / SCRIPT, "--deliver", text="x").returncode != 0


def test_lines_of_the_users_own_stay_when_ours_go(host: Host) -> None:
    put(plan(host))
    script = host.home / SCRIPT
    file = fetchmail._file(host, JANE, Options())
    (change,) = file.without_block()
    assert change.after is None
    script.write_text(script.read_text() + "echo done\n")
    (change,) = fetchmail._file(host, JANE, Options()).without_block()
    assert change.after == b"#!/bin/sh\necho done\n"


def test_a_file_of_the_users_own_is_not_touched(host: Host) -> None:
    write(host.home / SCRIPT, "#!/bin/sh\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_a_program_that_the_user_has_edited_still_reads_the_keyring(host: Host) -> None:
    put(plan(host))
    script = host.home / SCRIPT
    script.write_text(script.read_text().replace("    keep\n", "    keep\n    fetchall\n"))
    (found,) = fetchmail.find(host, JANE, Options())
    assert found.item == SecretItem.shared(JANE.key)
    script.write_text(script.read_text().replace("secret-tool", "pass"))
    (found,) = fetchmail.find(host, JANE, Options())
    assert found.item is None


def test_accounts_of_the_users_own_are_found(host: Host) -> None:
    rc = write(
        host.home / ".fetchmailrc",
        "# poll imap.example.org user jane\npoll mail.example.net user jane\n"
        "poll work via \"imap.example.org\" protocol imap\n  username 'jane' is jane here password x\n",
    )
    (found,) = fetchmail.find(host, JANE, Options())
    assert found.where == str(rc)
    assert "~/.fetchmailrc line 4 has jane at imap.example.org" in found.advice


@pytest.mark.parametrize("user", ["a\nb", "a\rb", "a\0b", "\udc80"])
def test_values_that_the_file_cannot_hold_are_refused(host: Host, user: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, username=user)))
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert fetchmail.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert fetchmail.stored_secret(host, JANE, Options()) == SECRET


def test_without_fetchmail(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
