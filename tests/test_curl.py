"""curl: the script, run with stand-ins for curl and the keyring. The real program: tests/live."""

from __future__ import annotations

import dataclasses
import shlex
import subprocess
from pathlib import Path

import pytest

from provisioner.clients import curl
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Plan, Security, Server
from provisioner.secret import Secret
from tests.clients.machines.base import terminal

SECRET = Secret("abcd-efgh-ijkl-mnop")
JANE = Account(
    address="Jane@example.org",
    display_name="Jane",
    provider="",
    title="Mail",
    imap=Server("imap.example.org", 993, Security.TLS, "ja\"n'e\\"),
    smtp=Server("smtp.example.org", 587, Security.STARTTLS, "jane@example.org"),
)
OWN = ".config/provisioner/curl/jane@example.org"
STAND_IN = '#!/bin/sh\ncat /dev/fd/3 -\nprintf "\\n%s" "$@"\nenv | grep ^password=\nexit 7\n'
ALWAYS = ["--no-insecure", "--ssl-reqd", "--url"]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "curl", "secret-tool")


def plan(host: Host, account: Account = JANE) -> Plan:
    return curl.plan(host, account, SECRET, Options())


def put(plan: Plan) -> None:
    for change in plan.changes:
        assert change.after is not None
        change.path.parent.mkdir(parents=True, exist_ok=True)
        change.path.write_bytes(change.after)


def ran(host: Host, *arguments: str, password: str = "secret") -> tuple[int, list[str]]:
    """Exit code and what a stand-in for curl shows: its configuration, its standard input, its arguments."""
    programs = Path(host.env["PATH"])
    (programs / "secret-tool").write_text(f"#!/bin/sh\nprintf %s {shlex.quote(password)}\n")
    (programs / "curl").write_text(STAND_IN)
    done = subprocess.run(
        ["/bin/sh", host.home / OWN, *arguments],
        input=b"standard input",
        stdout=subprocess.PIPE,
        env={"PATH": f"{programs}:/usr/bin:/bin", "password": "exported"},
        check=False,
    )
    return done.returncode, done.stdout.decode().split("\n")


def test_imap(host: Host) -> None:
    put(plan(host))
    config = ['user = "ja\\"n\'e\\\\:se\\"c\\\\nr%s"', "standard input"]
    url = "imaps://imap.example.org:993/"
    for given, path, passed in (
        ([], "", []),
        (["INBOX"], "INBOX", []),
        (["Sent%20x", "-X", "a b"], "Sent%20x", ["-X", "a b"]),
        (["-v"], "", ["-v"]),
    ):
        code, shown = ran(host, "imap", *given, password='se"c\\nr%s')
        assert (code, shown) == (7, [*config, *ALWAYS, url + path, "-K", "/dev/fd/3", *passed])


def test_smtp(host: Host) -> None:
    put(plan(host))
    _, shown = ran(host, "smtp", "--mail-rcpt", "joe@example.org")
    assert shown[0] == 'user = "jane@example.org:secret"'
    assert shown[2:] == [
        *[*ALWAYS, "smtp://smtp.example.org:587/", "-K", "/dev/fd/3"],
        *["--mail-from", "Jane@example.org", "--mail-rcpt", "joe@example.org"],
    ]


def test_what_the_script_does_not_know(host: Host) -> None:
    put(plan(host))
    assert ran(host) == (2, [""])
    assert ran(host, "pop3", "INBOX") == (2, [""])
    assert ran(host, "imap", password="") == (1, [""])


def test_the_other_kinds_of_tls(host: Host) -> None:
    imap = Server("imap.example.org", 143, Security.STARTTLS, "jane")
    smtp = Server("smtp.example.org", 465, Security.TLS, "jane")
    put(plan(host, dataclasses.replace(JANE, imap=imap, smtp=smtp)))
    assert "imap://imap.example.org:143/" in ran(host, "imap")[1]
    assert "smtps://smtp.example.org:465/" in ran(host, "smtp")[1]


def test_the_plan(host: Host) -> None:
    made = plan(host)
    assert made.where == str(host.home / OWN)
    assert [(change.path, change.mode) for change in made.changes] == [(host.home / OWN, 0o600)]
    assert made.secrets[0].item == SecretItem.shared("jane@example.org")
    assert f"sh {host.home / OWN} imap" in made.next


def test_a_file_of_the_users_own_is_not_touched(host: Host) -> None:
    (host.home / OWN).parent.mkdir(parents=True)
    (host.home / OWN).write_text("mine\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_an_edited_script_is_not_overwritten(host: Host) -> None:
    put(plan(host))
    (host.home / OWN).write_text((host.home / OWN).read_text().replace("993", "143"))
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "block.edited"
    assert [found.item for found in curl.find(host, JANE, Options())] == [None]


@pytest.mark.parametrize("user", ["a\nb", "a\rb", "a\0b", "\udc80", "a:b"])
def test_values_that_curl_cannot_take_are_refused(host: Host, user: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, smtp=dataclasses.replace(JANE.smtp, username=user)))
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert curl.stored_secret(host, JANE, Options()) is None
    assert curl.find(host, JANE, Options()) == ()
    put(plan(host))
    assert curl.stored_secret(host, JANE, Options()) == SECRET
    assert [found.item for found in curl.find(host, JANE, Options())] == [SecretItem.shared(JANE.key)]


def test_without_curl(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
