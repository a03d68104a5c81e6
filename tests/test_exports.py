"""Exports: the table, every provider, and that a password goes only where it may."""

from __future__ import annotations

import dataclasses
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provisioner import clients, exports, output
from provisioner.accounts import Wish, resolve
from provisioner.cli import cli
from provisioner.clients.base import Options
from provisioner.errors import UsageError
from provisioner.exports.base import Holds
from provisioner.model import Security
from provisioner.report import ExportRow
from provisioner.resources import data_dir
from provisioner.terminal import Terminal
from tests.clients.test_contract import PROVIDERS
from tests.export_samples import EMAIL, ICLOUD, SECRET

GOLDEN = Path(__file__).parent / "golden/exports"


@pytest.mark.parametrize("what", exports.EXPORT_IDS)
def test_what_is_made_for_icloud_is_as_the_golden_files_say(what: str) -> None:
    path = GOLDEN / what
    now = exports.get(what).export(ICLOUD, None, Options()).content
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(now)
    assert now == path.read_bytes(), "if that is meant: UPDATE_GOLDEN=1, then look at git diff"


def test_ids_are_of_one_thing_each_and_every_card_is_in_the_table() -> None:
    ids = (*clients.CLIENT_IDS, *exports.EXPORT_IDS)
    assert len(set(ids)) == len(ids)
    assert {path.stem for path in (data_dir("templates") / "card").iterdir()} == set(exports.CARD_IDS)
    assert [exports.get(what.upper()).ID for what in exports.EXPORT_IDS] == list(exports.EXPORT_IDS)


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("what", exports.EXPORT_IDS)
def test_each_export_for_each_provider(what: str, provider: str) -> None:
    """It names both servers, and the password is inside exactly where it has a place."""
    export = exports.get(what)
    profile = PROVIDERS[provider]
    account = resolve(Wish(f"jane.doe@{profile.domains[0]}", name="Jane"), [profile]).account()
    if what == "outlook" and account.imap.security is Security.STARTTLS:
        return
    without = export.export(account, None, Options())
    assert without.next
    text = without.content.decode()
    if not without.drawing:
        assert account.imap.host in text
        assert account.smtp.host in text
        assert str(account.smtp.port) in text
    given = export.export(account, SECRET, Options()) if export.HOLDS is not Holds.NEVER else without
    assert SECRET.reveal() not in text
    assert (SECRET.reveal() in given.content.decode()) == (export.HOLDS is Holds.EITHER)
    assert (given.content == without.content) == (export.HOLDS is Holds.NEVER)
    assert SECRET.reveal() not in repr(given)


LONG = "jane.appleseed.of.the.orchard.by.the.river@mail.example-of-a-company.example.org"


@pytest.mark.parametrize("what", exports.CARD_IDS)
def test_a_card_fits_a_terminal_and_a_long_address_stays_in_one_piece(what: str) -> None:
    text = exports.get(what).export(ICLOUD, None, Options()).content.decode()
    assert max(map(len, text.splitlines())) <= 80
    account = dataclasses.replace(ICLOUD, address=LONG, smtp=dataclasses.replace(ICLOUD.smtp, username=LONG))
    lines = exports.get(what).export(account, None, Options()).content.decode().splitlines()
    assert f"  {LONG}" in lines
    assert not [line for line in lines if len(line) > 80 and LONG not in line]


def test_a_client_s_own_file_comes_by_its_name() -> None:
    assert exports.get("apple-mail").HOLDS is Holds.FILE
    for what, code, command in (
        ("thunderbird", "client.no_export", f"setup {EMAIL} thunderbird"),
        ("autodiscove", "export.unknown", f"export {EMAIL}"),
        ("eudora", "export.unknown", "apple-mail"),
    ):
        with pytest.raises(UsageError) as caught:
            exports.get(what, EMAIL)
        assert caught.value.code == code
        assert command in caught.value.hint
    with pytest.raises(UsageError, match="elsewhere") as caught:
        clients.get("Outlook")
    assert caught.value.hint == "Make it with:\n  provisioner export EMAIL outlook"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def run(*arguments: str) -> Result:
    secret = SECRET.reveal() if "--password-stdin" in arguments else ""
    return CliRunner().invoke(cli, ["export", EMAIL, *arguments], input=secret, catch_exceptions=False)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("outlook", "--with-password", "-o", "x"), "export.no_password"),
        (("autoconfig", "--with-password"), "export.no_password"),
        (("thunderbird-android", "-o", "x"), "export.screen_only"),
        (("thunderbird-android", "--with-password", "-o", "x"), "export.screen_only"),
        (("thunderbird-android", "--with-password"), "export.needs_terminal"),
        (("card", "--with-password"), "export.needs_terminal"),
        (("apple-mail", "--with-password"), "export.needs_file"),
    ],
)
def test_a_password_goes_only_where_it_may(home: Path, arguments: tuple[str, ...], code: str) -> None:
    for extra in ((), ("--password-stdin",)):
        if extra and "--with-password" not in arguments:
            continue
        result = run(*arguments, *extra, "--json")
        assert result.exit_code == 2
        assert [error["code"] for error in json.loads(result.stdout)["errors"]] == [code]
        assert SECRET.reveal() not in result.output
    assert list(home.iterdir()) == []


def test_json_is_no_terminal_even_on_one(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert (Terminal().on_screen, Terminal(quiet=True).on_screen) == (True, False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False, raising=False)
    assert not Terminal().on_screen
    monkeypatch.setattr(Terminal, "on_screen", property(lambda self: not self.quiet))
    shown = run("card", "--with-password", "--password-stdin")
    assert shown.exit_code == 0
    assert SECRET.reveal() in shown.stdout
    assert "destroy it" in shown.output
    hidden = run("card", "--with-password", "--password-stdin", "--json")
    assert hidden.exit_code == 2
    assert SECRET.reveal() not in hidden.output


def test_a_card_with_the_password_in_a_file_is_for_its_owner_only(home: Path) -> None:
    result = run("spark", "--with-password", "--password-stdin", "-o", str(home))
    assert result.exit_code == 0
    assert SECRET.reveal() not in result.output
    assert "contains the password in clear" in " ".join(result.stderr.split())
    (path,) = home.glob("*.txt")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().count(SECRET.reveal()) == 3


def test_what_is_piped_is_what_a_file_would_be(home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "provisioner", "export", EMAIL, "outlook", "--name", "Jane Appleseed"],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert run("outlook", "--name", "Jane Appleseed", "-o", str(home / "x.prf")).exit_code == 0
    assert done.stdout == (home / "x.prf").read_bytes()
    assert b"\r\n" in done.stdout
    assert b"importprf" in done.stderr


@pytest.mark.parametrize("terminal", [False, True])
def test_a_terminal_is_shown_no_control_characters(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal, raising=False)
    output.print_row(ExportRow("x", "", "", False, content="a\x1b[2Jb\r\n"))
    assert capfdbinary.readouterr().out == (b"a[2Jb\n" if terminal else b"a\x1b[2Jb\r\n")


def test_the_steps_name_the_file_as_it_was_written(home: Path) -> None:
    def told(*more: str) -> str:
        return CliRunner().invoke(cli, ["export", "jane@icloud.com", "outlook", *more]).output

    assert (
        told("-o", str(home / "for jane.prf")).count(
            '  outlook.exe /importprf "C:\\path\\to\\for jane.prf"\n'
        )
        == 1
    )
    assert "\\to\\outlook.prf" in told("-o", str(home))
    assert "\\to\\outlook.prf" in told()
    for what in exports.EXPORT_IDS:
        assert "{" not in CliRunner().invoke(cli, ["export", "jane@icloud.com", what]).stderr


def test_the_list_of_clients_shows_exports_and_how_to_get_them(home: Path) -> None:
    shown = CliRunner().invoke(cli, ["clients", "-v"], catch_exceptions=False).stdout
    listed = CliRunner().invoke(cli, ["clients"], catch_exceptions=False).stdout
    index = CliRunner().invoke(cli, ["export", "jane@example.org"], catch_exceptions=False).stdout
    for what in exports.EXPORT_IDS:
        (line,) = [line for line in shown.splitlines() if line.startswith(f"{what} ")]
        assert line.endswith("by export")
        made = exports.get(what)
        (line,) = [line for line in listed.splitlines() if line.startswith(f"{what} ")]
        assert line.split() == [what, made.SUPPORT.value, *made.TITLE.split()]
        assert line in index.splitlines()
    assert index.splitlines()[0].startswith("apple-mail ")
    assert "thunderbird " not in index
    assert index.splitlines()[-1] == "  provisioner export jane@example.org WHAT"
    rows = json.loads(CliRunner().invoke(cli, ["clients", "--json"]).stdout)["results"]
    assert {row["client"] for row in rows if row["exported"]} == set(exports.EXPORT_IDS)
