"""The command line as scripts and people see it: words, exit codes, JSON, and no traceback for bad input."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from provisioner import cli
from provisioner.cli import cli as command

EMAIL = "jane.appleseed@icloud.com"
VERBS = ("setup", "export", "check", "status", "rotate", "remove", "guide", "clients", "providers", "demo")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA", "MOZ_APP_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(command, arguments, input=stdin, catch_exceptions=False)


def document(*arguments: str, stdin: str = "") -> dict[str, Any]:
    result = run(*arguments, "--json", stdin=stdin)
    found: dict[str, Any] = json.loads(result.stdout)
    assert found["schema"] == 1
    assert found["command"] == arguments[0]
    assert found["ok"] == (result.exit_code == 0)
    return found


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb: str) -> None:
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert "Usage: " in result.output


def test_help_lists_the_verbs_and_exit_codes() -> None:
    output = run("--help").output
    for verb in VERBS:
        assert f"  {verb} " in output
    for words in ("3 login rejected", "4 server unreachable", "5 conflict", "70 a bug", "130 interrupted"):
        assert words in output


@pytest.mark.parametrize(
    ("arguments", "exit_code", "code"),
    [
        (("setup", "not-an-address", "thunderbird"), 2, "address.invalid"),
        (("setup", EMAIL, "outlook-express"), 2, "client.unknown"),
        (("setup", "j@unknown.example", "thunderbird"), 2, "provider.unknown"),
        (("setup", EMAIL, "thunderbird", "--provider", "nope"), 2, "provider.unknown"),
        (("setup", EMAIL, "thunderbird", "--profile", "/nonexistent.yaml"), 2, "profile.unreadable"),
        (("setup", EMAIL, "thunderbird", "--imap", "a b"), 2, "server.invalid"),
        (("check", EMAIL), 2, "password.no_terminal"),
        (("check", EMAIL, "--password-stdin", "--password-command", "x"), 2, "usage"),
        (("check", EMAIL, "--password-stdin"), 2, "password.empty"),
        (("export", EMAIL, "thunderbird"), 2, "client.no_export"),
        (("export", EMAIL, "apple-mail", "--with-password"), 2, "export.needs_file"),
        (("export", EMAIL, "apple-mail", "-o", "/nonexistent/x"), 2, "file.no_directory"),
        (("guide", "nobody@unknown.example"), 2, "provider.unknown"),
        (("guide", "nope"), 2, "provider.unknown"),
        (("remove", "not-an-address"), 2, "address.invalid"),
        (("status", "not-an-address"), 2, "address.invalid"),
    ],
)
def test_bad_input_is_one_sentence_an_exit_code_and_a_stable_code(
    home: Path, arguments: tuple[str, ...], exit_code: int, code: str
) -> None:
    result = run(*arguments)
    assert result.exit_code == exit_code
    assert "Traceback" not in result.output
    assert result.stderr.startswith("✗ ")
    found = document(*arguments)
    assert [error["code"] for error in found["errors"]] == [code]
    assert found["errors"][0]["message"]
    assert found["errors"][0]["next"]
    assert not (home / ".thunderbird").exists()


@pytest.mark.parametrize("stdin", [b"\xff\xfe", b"a\nb\n", b"\n"])
def test_bad_passwords_on_stdin(home: Path, stdin: bytes) -> None:
    result = run("check", EMAIL, "--password-stdin", stdin=stdin)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


def test_a_bug_is_reported_without_the_value_that_caused_it(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(context: object, *rest: object, **kw: object) -> None:
        raise RuntimeError("canary-pass-word")

    monkeypatch.setattr("provisioner.workflows.listing.list_clients", broken)
    for extra in ((), ("-v",), ("--json",)):
        result = run("clients", *extra)
        assert result.exit_code == 70
        assert "RuntimeError" in result.output
        assert "canary" not in result.output


def test_ctrl_c_is_130(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(context: object, names: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("provisioner.workflows.listing.list_clients", stopped)
    assert run("clients").exit_code == 130


def test_guide_names_the_label_and_the_place(home: Path) -> None:
    output = run("guide", EMAIL, "--label", "My label").output
    assert "account.apple.com" in output
    assert "Sign-In and Security" in output
    assert "My label" in output
    row = document("guide", "icloud", "thunderbird")["results"][0]
    assert row["label"].startswith("Mozilla Thunderbird (")


def test_guide_open_opens_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def launched(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("provisioner.terminal._launched", launched)
    assert run("guide", EMAIL, "--open").exit_code == 0
    assert opened == ["https://account.apple.com/account/manage"]


@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="only xdg-open tells whether it worked")
def test_a_page_that_cannot_be_opened_is_said_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(home))
    assert "open it yourself" in run("guide", EMAIL, "--open").stderr
    opener = home / "xdg-open"
    opener.write_text("#!/bin/sh\nexit 3\n")
    opener.chmod(0o755)
    assert "open it yourself" in run("guide", EMAIL, "--open").stderr
    opener.write_text("#!/bin/sh\nexit 0\n")
    assert "open it yourself" not in run("guide", EMAIL, "--open").stderr


def test_clients_and_providers(home: Path) -> None:
    assert {row["client"] for row in document("clients")["results"]} >= {"thunderbird", "apple-mail"}
    assert "icloud" in {row["provider"] for row in document("providers")["results"]}


def test_status_and_remove_with_nothing_set_up(home: Path) -> None:
    assert "Nothing is set up" in run("status").output
    result = run("remove", EMAIL)
    assert result.exit_code == 0
    assert "nothing to remove" in result.output


def test_version_imports_nothing_heavy() -> None:
    code = "import sys, provisioner.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"imapclient", "jinja2", "yaml", "msgspec", "cryptography", "rich", "ssl"} & set(loaded)


def test_the_verbs_are_these() -> None:
    assert cli.cli.commands.keys() == set(VERBS)
