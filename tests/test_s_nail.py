"""s-nail: the account, the script that prints its password, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
import netrc
import shlex
import subprocess
from pathlib import Path

import pytest

from provisioner.clients import s_nail
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Mailboxes, Plan, Security, Server, Use
from provisioner.secret import Secret
from tests.clients.machines.base import terminal

SECRET = Secret("abcd-efgh-ijkl-mnop")
JANE = Account(
    address="Jane@example.org",
    display_name="Jane, A",
    provider="",
    title="Mail",
    imap=Server("imap.example.org", 993, Security.TLS, 'ja"n e\\'),
    smtp=Server("smtp.example.org", 587, Security.STARTTLS, "jane@example.org"),
    mailboxes=Mailboxes({Use.SENT: "Sent Messages"}),
)
OWN = ".config/provisioner/s-nail/jane@example.org"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "s-nail", "secret-tool")


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    return s_nail.plan(host, account, SECRET, Options(profile=str(profile) if profile else None))


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
    assert lines(made, f"{OWN}.rc") == [
        "account jane@example.org {",
        "set v15-compat=yes",
        "unset password",
        "netrc clear",
        "set from='\"Jane, A\" <Jane@example.org>'",
        "set mta=smtp://jane%40example.org@smtp.example.org:587 smtp-auth=plain",
        "set smtp-use-starttls",
        "set folder=imaps://ja%22n%20e%5C@imap.example.org:993 inbox=+INBOX imap-auth=login",
        "set record='+Sent Messages'",
        "set tls-verify=strict",
        "set netrc-lookup netrc-pipe='sh ~/.config/provisioner/s-nail/jane@example.org.netrc.sh'",
        "set hold keepsave",
        "}",
    ]
    assert lines(made, ".mailrc") == [f"source '~/{OWN}.rc'"]
    assert made.secrets[0].item == SecretItem.shared("jane@example.org")


def test_the_other_kinds_of_tls_and_no_mailboxes(host: Host) -> None:
    imap = Server("imap.example.org", 143, Security.STARTTLS, "jane")
    smtp = Server("smtp.example.org", 465, Security.TLS, "jane")
    text = lines(plan(host, dataclasses.replace(JANE, imap=imap, smtp=smtp, mailboxes=None)), ".rc")
    assert "set mta=smtps://jane@smtp.example.org:465 smtp-auth=plain" in text
    assert "set folder=imap://jane@imap.example.org:143 inbox=+INBOX imap-auth=login" in text
    assert "set imap-use-starttls" in text
    assert "set smtp-use-starttls" not in text
    assert not [line for line in text if "record" in line]


@pytest.mark.parametrize("password", ["abcd-efgh", "gr\"ün\\n 🔑 'x' $(id) % #", "", "ends\\"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_script_prints_netrc_lines(host: Host, tmp_path: Path, password: str, end: str) -> None:
    put(plan(host))
    (tmp_path / "password").write_text(password + (end if password else ""))
    tool = Path(host.env["PATH"], "secret-tool")
    tool.write_text(f"#!/bin/sh\nexec cat {shlex.quote(str(tmp_path / 'password'))}\n")
    env = {"PATH": f"{host.env['PATH']}:/usr/bin:/bin"}
    script = host.home / f"{OWN}.netrc.sh"
    done = subprocess.run(["/bin/sh", script], env=env, capture_output=True, check=False)
    assert done.stderr == b""
    if not password:
        assert (done.stdout, done.returncode) == (b"", 1)
        return
    (tmp_path / "netrc").write_bytes(done.stdout)
    (tmp_path / "netrc").chmod(0o600)
    assert netrc.netrc(str(tmp_path / "netrc")).hosts == {
        "imap.example.org": ('ja"n e\\', "", password),
        "smtp.example.org": ("jane@example.org", "", password),
    }


def test_the_file_is_the_one_that_s_nail_reads(host: Host, tmp_path: Path) -> None:
    assert plan(host).where == str(host.home / ".mailrc")
    named = dataclasses.replace(host, env={**host.env, "MAILRC": str(tmp_path / "rc")})
    assert s_nail.detect(named)[0].where == str(tmp_path / "rc")
    other = tmp_path / "other"
    other.write_text("")
    assert plan(host, profile=other).where == str(other)
    odd = dataclasses.replace(host, env={**host.env, "XDG_CONFIG_HOME": str(tmp_path / "it's")})
    (line,) = [line for line in lines(plan(odd), ".rc") if "netrc-pipe" in line]
    (command,) = [word for word in shlex.split(line) if word.startswith("netrc-pipe=")]
    script = f"{tmp_path}/it's/provisioner/s-nail/jane@example.org.netrc.sh"
    assert shlex.split(command.partition("=")[2]) == ["sh", script]


@pytest.mark.parametrize(
    "own", ["account jane@example.org {\n}\n", "set x\n ac 'Jane@example.org'{\nset y\n}\n"]
)
def test_an_account_of_the_users_own_is_not_touched(host: Host, own: str) -> None:
    (host.home / ".mailrc").write_text(own)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


@pytest.mark.parametrize("name", [".mailrc", f"{OWN}.rc", f"{OWN}.netrc.sh"])
def test_an_edited_file_is_not_overwritten(host: Host, name: str) -> None:
    put(plan(host))
    path = host.home / name
    path.write_text(path.read_text().replace("\n", "\n#\n", 1))
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "block.edited"


@pytest.mark.parametrize("user", ["a\nb", "a\rb", "a\0b", "\udc80"])
def test_values_that_the_file_cannot_hold_are_refused(host: Host, user: str) -> None:
    for server in ("imap", "smtp"):
        changed = dataclasses.replace(getattr(JANE, server), username=user)
        with pytest.raises(UsageError) as caught:
            plan(host, dataclasses.replace(JANE, **{server: changed}))
        assert caught.value.code == "value.unwritable"


@pytest.mark.parametrize("name", ["Jané, Dr.", 'Jané "J"', "é <x@y>", "é (x)", "é\\"])
def test_a_name_that_s_nail_would_spoil_is_refused(host: Host, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, display_name=name))
    assert caught.value.code == "value.unwritable"
    plan(host, dataclasses.replace(JANE, display_name="Jané Q. Public"))


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert s_nail.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert s_nail.stored_secret(host, JANE, Options()) == SECRET


def test_without_s_nail(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
