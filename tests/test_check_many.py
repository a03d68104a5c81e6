"""check --all, --accounts, -v and nagios: many logins over real sockets, and what is shown of them."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provisioner import tables
from provisioner.accounts import Target
from provisioner.check.tries import Tries
from provisioner.cli import cli
from provisioner.errors import Cancelled, UsageError
from provisioner.model import Security
from provisioner.report import CheckRow, Report
from provisioner.secret import Secret
from provisioner.workflows import pool, turns
from provisioner.workflows.login import Login
from provisioner.workflows.pool import log_in_all
from provisioner.workflows.turns import Attempt
from tests.servers import HOST, PASSWORD, Answer, Scenario, Server, Talk, authority, close

NO = "{tag} NO [AUTHENTICATIONFAILED] no\r\n"


@pytest.fixture(autouse=True)
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ca.pem"
    authority().cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)


def server(answers: Mapping[str, Answer] | None = None) -> Server:
    return Server(Scenario("many", "imap", "tls", "ok", answers or {}))


class Gauge:
    """Counts how many are inside at the same time. Each stays until `enough` have come, or for a moment."""

    def __init__(self, enough: int) -> None:
        self.enough, self.now, self.most = enough, 0, 0
        self._changed = threading.Condition()

    def __call__(self, talk: Talk) -> None:
        with self._changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.most >= self.enough, timeout=0.1)
        time.sleep(0.02)
        with self._changed:
            self.now -= 1


def attempt(port: int, address: str, secret: Callable[[], Secret] | None = None) -> Attempt:
    target = Target(HOST, port, Security.TLS, (address,))
    return Attempt(Login(address, target, target), secret or (lambda: Secret(PASSWORD)))


def log_in(attempts: list[Attempt], **options: Any) -> list[CheckRow]:
    rows: list[CheckRow] = []
    log_in_all(attempts, rows.append, services=("imap",), **options)
    return rows


@pytest.mark.parametrize(("per_host", "expected"), [(None, turns.PER_HOST), (2, 2), (1, 1)])
def test_a_server_gets_no_more_than_its_connections(per_host: int | None, expected: int) -> None:
    gauge = Gauge(expected)
    with server({"AUTHENTICATE": (gauge, "{tag} OK welcome\r\n")}) as one:
        rows = log_in([attempt(one.port, f"u{n}@x.org") for n in range(12)], per_host=per_host)
    assert gauge.most == expected
    assert [row.address for row in rows] == [f"u{n}@x.org" for n in range(12)]
    assert all(row.ok for row in rows)


def test_one_login_at_a_time_per_account() -> None:
    gauge = Gauge(2)
    with server({"AUTHENTICATE": (gauge, "{tag} OK welcome\r\n")}) as one:
        assert len(log_in([attempt(one.port, name) for name in ("U@x.org", "u@x.org", "u@x.org")])) == 3
    assert gauge.most == 1


def test_one_login_at_a_time_per_user_in_whatever_form_and_under_whatever_address() -> None:
    gauge = Gauge(2)
    with server({"AUTHENTICATE": (gauge, "{tag} OK welcome\r\n")}) as one:
        targets = [Target(HOST, one.port, Security.TLS, names) for names in (("u", "u@x.org"), ("U@x.org",))]
        logins = [Login(f"{n}@y.org", target, target) for n, target in enumerate(targets)]
        secrets = [Secret(PASSWORD), Secret("another")]
        assert len(log_in([Attempt.having(*each) for each in zip(logins, secrets, strict=True)])) == 2
    assert gauge.most == 1


def test_a_server_that_has_enough_connections_gets_half_as_many() -> None:
    gauge = Gauge(4)
    calls = iter(range(1000))

    def greet(talk: Talk) -> None:
        ready = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n"
        talk.send("* BYE too many\r\n" if next(calls) == 0 else ready)

    with server({"GREETING": greet, "AUTHENTICATE": (gauge, "{tag} OK welcome\r\n")}) as one:
        first = attempt(one.port, "first@x.org")
        started = threading.Event()

        def after_the_first() -> Secret:
            assert started.wait(5)
            return Secret(PASSWORD)

        others = [attempt(one.port, f"u{n}@x.org", after_the_first) for n in range(9)]
        rows = log_in([first, *others], per_host=2, done=started.set)
    assert [row.code for row in rows] == ["greet.bye"] + ["ok"] * 9
    assert gauge.most <= 2  # the one that waited with the first, and from then on one by one


@pytest.mark.parametrize("says", ["[LIMIT] wait 20 minutes", "[LIMIT] slow down"])
def test_a_server_that_has_enough_logins_gets_none(says: str) -> None:
    def answer(talk: Talk) -> None:
        first = one.commands.count("AUTHENTICATE") == 1
        talk.send(f"{talk.tag} OK welcome\r\n" if first else f"{talk.tag} NO {says}\r\n")

    asked: list[str] = []

    def password(name: str) -> Callable[[], Secret]:
        def ask() -> Secret:
            asked.append(name)
            return Secret(PASSWORD)

        return ask

    with server({"AUTHENTICATE": answer}) as one, server() as other:
        names = [f"u{n}@x.org" for n in range(5)]
        attempts = [attempt(one.port, name, password(name)) for name in names]
        rows = log_in([*attempts, replace_host(attempt(other.port, "v@x.org"))], per_host=1)
    assert [row.code for row in rows] == ["ok", "auth.limit", *["auth.skipped"] * 3, "ok"]
    assert one.commands.count("AUTHENTICATE") == one.connections == len(asked) == 2
    wait = "20 minutes" if "20" in says else "a while (it does not say how long"
    assert f"wait {wait}" in rows[1].next
    assert f"Wait {wait}" in rows[2].next
    assert rows[2].exit_code == 4


def replace_host(one: Attempt) -> Attempt:
    """The same server by another name, so that it is another one."""
    target = dataclasses.replace(one.login.imap, host=HOST.upper())
    return Attempt(dataclasses.replace(one.login, imap=target), one.secret)


def test_a_password_that_cannot_be_had_is_a_row() -> None:
    def locked() -> Secret:
        raise UsageError("It is locked.", "Open it.", code="keyring.locked")

    with server() as one:
        lost, found = log_in([attempt(one.port, "a@x.org", locked), attempt(one.port, "b@x.org")])
    assert (lost.ok, lost.code, lost.message, lost.exit_code) == (False, "keyring.locked", "It is locked.", 2)
    assert found.ok


def test_an_interruption_keeps_what_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PAUSE", 0.001)
    seen = []

    def done() -> None:
        seen.append(1)
        if len(seen) == 3:
            raise KeyboardInterrupt

    rows: list[CheckRow] = []
    with server() as one:
        attempts = [attempt(one.port, f"u{n}@x.org") for n in range(9)]
        with pytest.raises(Cancelled, match=r"Stopped; \d of 9 accounts were not tried") as caught:
            log_in_all(attempts, rows.append, services=("imap",), per_host=1, done=done)
    left = int(caught.value.message.split()[1])
    assert len(rows) == 9 - left
    assert left >= 5  # at most one more was under way
    assert [row.address for row in rows] == [f"u{n}@x.org" for n in range(len(rows))]


def test_an_account_of_which_one_service_has_not_answered_is_not_finished() -> None:
    def stop() -> None:
        while one.commands.count("LOGOUT") < 2:
            time.sleep(0.01)
        time.sleep(0.2)
        raise KeyboardInterrupt

    rows: list[CheckRow] = []
    deaf = Scenario("deaf", "smtp", "tls", "ok", {"GREETING": Talk.hang})
    with server() as one, Server(Scenario("good", "smtp", "tls", "ok")) as two, Server(deaf) as three:
        half, whole = attempt(one.port, "half@x.org"), attempt(one.port, "whole@x.org")
        pairs = [(half, three), (whole, two)]
        attempts = [
            Attempt(
                dataclasses.replace(
                    each.login, smtp=Target(HOST, server.port, Security.TLS, each.login.imap.usernames)
                ),
                each.secret,
            )
            for each, server in pairs
        ]
        with pytest.raises(Cancelled, match="1 of 2 accounts was not"):
            log_in_all(attempts, rows.append, done=stop)
    shown = [(row.address, row.service, row.ok, row.code) for row in rows]
    assert shown == [
        ("half@x.org", "imap", True, "ok"),
        ("half@x.org", "smtp", False, "cancelled"),
        ("whole@x.org", "imap", True, "ok"),
        ("whole@x.org", "smtp", True, "ok"),
    ]
    report = Report("check", rows=list(rows))
    assert list(tables.lines(report))[-1].text == "1 of 2 accounts works; 1 not finished."


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["check", *arguments], catch_exceptions=False)


@pytest.fixture
def accounts(tmp_path: Path) -> Callable[..., str]:
    def write(port: int, *names: str, password: str = PASSWORD) -> str:
        path = tmp_path / "accounts.csv"
        lines = [f"{name},{password},localhost:{port},tls,localhost:1" for name in names]
        path.write_text("\n".join(["email,password,imap,imap_security,smtp", *lines, ""]))
        path.chmod(0o600)
        return str(path)

    return write


def refuse_bob(talk: Talk) -> None:
    raw = base64.b64decode(talk.line.split()[-1])
    talk.send(f"{talk.tag} NO [AUTHENTICATIONFAILED] no\r\n" if b"\0bob" in raw else f"{talk.tag} OK hi\r\n")


@pytest.fixture
def choosy() -> Iterator[Server]:
    with server({"AUTHENTICATE": refuse_bob}) as one:
        yield one


def test_a_table_of_many(choosy: Server, accounts: Callable[..., str]) -> None:
    file = accounts(choosy.port, "ann@x.org", "bob@x.org", "eve@x.org")
    result = run("--accounts", file, "--only", "imap")
    assert result.exit_code == 3
    lines = result.stdout.splitlines()
    assert [line.split()[:3] for line in lines[:3]] == [
        ["✓", "ann@x.org", "imap"],
        ["✗", "bob@x.org", "imap"],
        ["✓", "eve@x.org", "imap"],
    ]
    assert lines[1].endswith("imap auth.bad_credentials")
    assert lines[-1] == "2 of 3 accounts work."
    assert "[auth.bad_credentials]" in result.stdout
    assert "(bob@x.org)" in result.stdout
    assert PASSWORD not in result.output


def test_json_of_many(choosy: Server, accounts: Callable[..., str]) -> None:
    file = accounts(choosy.port, "ann@x.org", "bob@x.org")
    result = run("--accounts", file, "--json")
    rows = json.loads(result.stdout)["results"]
    assert [(row["address"], row["service"], row["code"]) for row in rows] == [
        ("ann@x.org", "imap", "ok"),
        ("ann@x.org", "smtp", "net.refused"),
        ("bob@x.org", "imap", "auth.bad_credentials"),
        ("bob@x.org", "smtp", "net.refused"),
    ]
    assert result.exit_code == 3
    assert rows[0]["cert_expires"].endswith("Z")
    assert rows[1]["cert_expires"] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "It is not said what is to be checked"),
        (("a@icloud.com", "--all"), "more than one thing"),
        (("--all", "--accounts", "x"), "more than one thing"),
        (("--all", "--imap", "x"), "--imap is about one account."),
        (("--accounts", "x", "--password-stdin"), "--password-stdin is about one account."),
        (("--all", "--smtp-login", "x"), "--smtp-login is about one account."),
        (("--all", "--client", "x"), "--client is about one account."),
    ],
)
def test_what_excludes_each_other(arguments: tuple[str, ...], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_nothing_is_set_up() -> None:
    result = run("--all")
    assert (result.exit_code, result.stdout) == (0, "Nothing is set up here.\n")


def test_accounts_of_providers_that_are_not_known_or_take_no_password(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("accounts: [{email: a@nowhere.example}, {email: b@icloud.com, provider: none}]")
    result = run("--accounts", str(path))
    assert result.exit_code == 2
    assert "accounts[0]: The mail servers of nowhere.example are not known" in " ".join(result.stderr.split())
    assert "accounts[1]: There is no provider 'none'" in " ".join(result.stderr.split())
    path.write_text("accounts: [{email: a@outlook.com, password_command: echo x}]")
    result = run("--accounts", str(path), "--json")
    assert {row["code"] for row in json.loads(result.stdout)["results"]} == {"provider.refuses"}


def test_a_password_in_the_column_of_the_provider_is_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"email,password,provider\na@icloud.com,icloud,{PASSWORD}\n")
    path.chmod(0o600)
    result = run("--accounts", str(path))
    assert result.exit_code == 2
    assert "line 2: its provider is not known here" in " ".join(result.stderr.split())
    assert PASSWORD not in result.output


SAME = """
accounts:
  - {email: A@icloud.com, password_command: echo x}
  - {email: %s, password_command: echo y}
"""


@pytest.mark.parametrize(
    "second",
    [
        "a@icloud.com",
        "a@ICLOUD.com, imap: IMAP.mail.me.com, smtp: 'smtp.mail.me.com:587'",
        "a@icloud.com, provider: icloud, imap: 'imap.mail.me.com:993'",
        "a@icloud.com, login: a",
        "a@icloud.com, login: A@icloud.com, smtp_security: starttls",
    ],
)
def test_the_same_account_in_other_words_is_refused(tmp_path: Path, second: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(SAME % second)
    result = run("--accounts", str(path))
    assert result.exit_code == 2
    assert "accounts[1]: the same account as accounts[0]" in " ".join(result.stderr.split())


def test_two_accounts_of_one_address_are_two(accounts: Callable[..., str], tmp_path: Path) -> None:
    with server() as one, server() as two:
        first, second = (Path(accounts(port, "a@x.org")).read_text() for port in (one.port, two.port))
        path = tmp_path / "accounts.csv"
        path.write_text(first + second.splitlines()[1] + "\n")
        assert run("--accounts", str(path), "--only", "imap").exit_code == 0
    assert one.connections == two.connections == 1


@pytest.mark.parametrize(("passwords", "tries"), [((PASSWORD, PASSWORD), 1), ((PASSWORD, "other"), 2)])
def test_one_login_under_two_addresses_is_tried_once(
    accounts: Callable[..., str], tmp_path: Path, passwords: tuple[str, str], tries: int
) -> None:
    with server({"AUTHENTICATE": NO}) as one:
        path = tmp_path / "accounts.csv"
        rows = zip(("jane@x.org", "jill@y.org"), (HOST, HOST.upper()), passwords, strict=True)
        lines = [f"{name},JANE@x.org,{word},{host}:{one.port},localhost:1" for name, host, word in rows]
        path.write_text("\n".join(["email,login,password,imap,smtp", *lines]))
        path.chmod(0o600)
        result = run("--accounts", str(path), "--only", "imap", "--json")
    shown = json.loads(result.stdout)["results"]
    assert [(row["address"], row["code"]) for row in shown] == [
        ("jane@x.org", "auth.bad_credentials"),
        ("jill@y.org", "auth.bad_credentials"),
    ]
    assert one.commands.count("AUTHENTICATE") == tries


@pytest.mark.parametrize(
    ("logins", "codes", "tries"),
    [
        (("JANE@x.org", "jane@X.org", "jane@x.org"), "bad bad not", 2),
        (("joe@x.org", "jane@x.org", "jane@x.org"), "bad bad bad", 3),
    ],
)
def test_one_account_gets_two_wrong_passwords_in_a_run_and_no_more(
    accounts: Callable[..., str], tmp_path: Path, logins: tuple[str, ...], codes: str, tries: int
) -> None:
    """Many lines of a list may name one login, each with another password."""
    with server({"AUTHENTICATE": NO}) as one:
        path = tmp_path / "accounts.csv"
        lines = [
            f"u{n}@x.org,{login},word{n},localhost:{one.port},localhost:1" for n, login in enumerate(logins)
        ]
        path.write_text("\n".join(["email,login,password,imap,smtp", *lines]))
        path.chmod(0o600)
        result = run("--accounts", str(path), "--only", "imap", "--json")
    shown = json.loads(result.stdout)["results"]
    full = {"bad": "auth.bad_credentials", "not": "auth.not_tried"}
    assert [row["code"] for row in shown] == [full[code] for code in codes.split()]
    assert one.commands.count("AUTHENTICATE") == tries
    if "not" in codes:
        assert shown[-1]["message"].startswith("Not tried: localhost has just refused two logins")


@pytest.mark.parametrize(
    ("answers", "codes", "tries"),
    [
        ({"AUTHENTICATE": "{tag} NO [UNAVAILABLE] no\r\n"}, ["auth.unavailable"] * 2 + ["auth.not_tried"], 2),
        (
            {"AUTHENTICATE": "{tag} NO account disabled\r\n"},
            ["auth.contact_admin"] * 2 + ["auth.not_tried"],
            2,
        ),
        ({"AUTHENTICATE": close}, ["proto.dropped"] * 2 + ["auth.not_tried"], 2),
        # The password is accepted, or does not go out.
        ({"EXAMINE": "{tag} NO [UNAVAILABLE] no\r\n"}, ["box.unavailable"] * 3, 3),
        ({"GREETING": "* BYE too busy\r\n"}, ["greet.bye"] * 3, 0),
    ],
)
def test_whatever_a_refusal_is_called_the_password_counts(
    tmp_path: Path, accounts: Callable[..., str], answers: dict[str, Answer], codes: list[str], tries: int
) -> None:
    with server(answers) as one:
        path = tmp_path / "accounts.csv"
        lines = [f"u{n}@x.org,jane@x.org,word{n},localhost:{one.port},localhost:1" for n in range(3)]
        path.write_text("\n".join(["email,login,password,imap,smtp", *lines]))
        path.chmod(0o600)
        result = run("--accounts", str(path), "--only", "imap", "--json")
    assert [row["code"] for row in json.loads(result.stdout)["results"]] == codes
    assert one.commands.count("AUTHENTICATE") == tries


def test_what_is_left_for_an_account() -> None:
    def target(*users: str) -> Target:
        return Target("h", 1, Security.TLS, users)

    tries = Tries()
    ann = target("info@a.org", "info")
    tries.refuse("imap", ann, ["info@a.org", "info"], 2)
    assert tries.left("imap", ann) == tries.left("imap", target("info")) == 0
    assert tries.left("imap", target("other", "INFO@a.org")) == 0
    assert tries.left("imap", target("info@b.org", "info")) == tries.left("smtp", ann) == 2
    tries.refuse("imap", target("info@b.org"), ["info@b.org"], 1)
    assert tries.left("imap", target("info@b.org", "info")) == 1


def test_ctrl_c_prints_what_is_known(accounts: Callable[..., str]) -> None:
    ready = threading.Event()

    def hang_at_the_third(talk: Talk) -> None:
        if b"\0cat" in base64.b64decode(talk.line.split()[-1]):
            ready.set()
            talk.hang()
        talk.send(f"{talk.tag} OK welcome\r\n")

    with server({"AUTHENTICATE": hang_at_the_third}) as one:
        file = accounts(one.port, "ann@x.org", "bob@x.org", "cat@x.org", "dan@x.org")
        command = [sys.executable, "-m", "provisioner", "check", "--accounts", file, "--only", "imap"]
        process = subprocess.Popen(
            [*command, "--per-host", "1"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert ready.wait(20)
        os.kill(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert [line.split()[1] for line in output.splitlines()[:2]] == ["ann@x.org", "bob@x.org"]
    assert "2 of 4 accounts were not tried to the end." in errors
    assert "Traceback" not in errors


# --- for monitoring ---


def test_nagios_ok(choosy: Server, accounts: Callable[..., str]) -> None:
    result = run("--accounts", accounts(choosy.port, "ann@x.org"), "--only", "imap", "--format", "nagios")
    assert result.exit_code == 0
    (line,) = result.stdout.splitlines()
    assert line.startswith("MAIL OK - ann@x.org: imap 0.")
    name, days = line.split(" | ")[1].split()
    assert name.startswith("imap_time=0.")
    assert name.endswith("s;;;0")
    assert days.startswith("imap_cert_days=")
    assert days.endswith(";14:;;")


def test_nagios_critical_and_many(choosy: Server, accounts: Callable[..., str]) -> None:
    file = accounts(choosy.port, *(f"bob{n}@x.org" for n in range(5)), "ann@x.org")
    result = run("--accounts", file, "--only", "imap", "--format", "nagios")
    assert result.exit_code == 2
    (line,) = result.stdout.splitlines()
    assert line.startswith("MAIL CRITICAL - bob0@x.org imap: localhost does not accept")
    assert "and 2 more | accounts=6;;;0 failing=5;;;0;6 imap_time=" in line


@pytest.mark.parametrize(
    "arguments",
    [("--accounts", "/nonexistent"), ("--all",), ("a@icloud.com",), ()],
)
def test_nagios_unknown(arguments: tuple[str, ...]) -> None:
    result = run(*arguments, "--format", "nagios")
    assert result.exit_code == 3
    assert result.stdout.startswith("MAIL UNKNOWN - ")
    assert len(result.stdout.splitlines()) == 1


def test_nagios_wrong_usage_is_unknown() -> None:
    command = [sys.executable, "-m", "provisioner", "check", "--format", "nagios", "--no-such-option"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stdout.startswith("MAIL UNKNOWN - No such option")
