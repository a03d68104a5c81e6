"""What somebody sees who tries the program for the first time, at 80 columns."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from provisioner import clients, exports
from provisioner.cli import cli
from provisioner.providers import load_file
from provisioner.resources import data_dir
from provisioner.tables import counted

EMAIL = "jane.appleseed@icloud.com"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False, terminal_width=80)


def too_long(text: str) -> list[str]:
    """Lines longer than the terminal, but for commands and for single words."""
    lines = (line for line in text.splitlines() if len(line) > 80)
    return [line for line in lines if not re.match(r" +provisioner ", line) and " " in line.strip()]


# --- help ---


def test_alone_it_shows_its_help_and_no_error() -> None:
    done = subprocess.run([sys.executable, "-m", "provisioner"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: provisioner ")


def test_the_summary_of_every_verb_is_whole() -> None:
    summaries = run("--help").output.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert len(summaries) == len(cli.commands)
    for line in summaries:
        assert line.endswith("."), line
        assert not line.endswith("..."), line
        assert len(line) <= 80, line


# --- what there is ---


@pytest.mark.parametrize(
    "arguments",
    [("providers",), ("clients",), ("clients", "-v"), ("guide",), ("guide", EMAIL), ("export", EMAIL)],
)
def test_lists_fit_the_terminal(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.exit_code == 0
    assert too_long(done.output) == []


def test_clients_are_one_line_each_and_one_that_is_named_is_told_of() -> None:
    lines = run("clients").stdout.splitlines()
    ids = [*clients.CLIENT_IDS, *exports.EXPORT_IDS]
    assert [line.split()[0] for line in lines[: len(ids)]] == ids
    assert lines[-1] == "  provisioner clients NAME"
    assert len(lines) < len(ids) + 8
    named = run("clients", "mbsync", "Outlook").stdout
    assert "Password: the system's keyring" in " ".join(named.split())
    assert [line.split()[0] for line in named.splitlines() if line[0] != " "] == ["mbsync", "outlook"]
    assert "Password: the system's keyring" in " ".join(run("clients", "-v").stdout.split())
    assert run("clients", "nonsense").exit_code == 2


def test_a_client_says_where_it_has_its_accounts(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bin = home / "bin"
    bin.mkdir()
    (bin / "msmtp").symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(bin))
    listed = {line.split()[0]: line.split()[2:] for line in run("clients").stdout.splitlines()[:20]}
    assert listed["msmtp"] == ["~/.config/msmtp/config"]
    assert listed["mbsync"] == ["not", "found", "here"]


# --- guide ---


def test_a_guide_for_a_domain_is_that_of_its_addresses() -> None:
    assert run("guide", "icloud.com").stdout == run("guide", EMAIL).stdout == run("guide", "iCloud").stdout
    refused = run("guide", "outlook.com")
    assert (refused.exit_code, refused.stderr) == (1, run("guide", "outlook").stderr)
    assert "switched off" in refused.stderr


def test_guide_alone_is_a_list() -> None:
    lines = run("guide").stdout.splitlines()
    assert "icloud                 iCloud Mail: app-specific password" in lines
    with_guide = [one for one in map(load_file, data_dir("profiles").glob("*.yaml")) if one.guide]
    assert len(lines) == len(with_guide) + 2
    assert lines[-1] == "  provisioner guide PROVIDER"
    assert run("guide", "--open").exit_code == 2


# --- names that are nearly right ---


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (("guide", "iclod"), "icloud"),
        (("guide", "jane@iclod.com"), "icloud.com"),
        (("setup", EMAIL, "thunderbrid"), "thunderbird"),
        (("setup", EMAIL, "mut-stack"), "mutt-stack"),
        (("setup", EMAIL, "msmtp", "--provider", "gmial"), "gmail"),
        (("export", EMAIL, "aple-mail"), "apple-mail"),
        (("clients", "himalya"), "himalaya"),
    ],
)
def test_a_name_that_is_nearly_right_is_told(arguments: tuple[str, ...], meant: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert f"Did you mean {meant}?" in done.stderr


def test_a_name_that_is_like_none_gets_the_whole_list() -> None:
    assert "Known providers: aol, " in run("guide", "xyzzy").stderr
    assert "Known clients: thunderbird, " in run("setup", EMAIL, "xyzzy").stderr


# --- the choice of clients ---


CTRL_C = b"\x03"


class Screen:
    """A terminal on which the question is asked in a process of its own."""

    SCRIPT = """
import sys
from provisioner.errors import ProvisionError
from provisioner.terminal import Terminal
try:
    print("chosen:", *Terminal().choose("Which?", ["mutt", "msmtp", "mbsync"]))
except ProvisionError as error:
    print("ended:", error.code, error.exit_code)
"""

    def ask(self, *keys: bytes) -> str:
        pid, screen = pty.fork()
        if pid == 0:
            os.execv(sys.executable, [sys.executable, "-c", self.SCRIPT])
        shown = b""
        try:
            for key in keys:
                shown += self._until(screen, b"`all`: ")
                os.write(screen, key)
            # CPython does not hear a Ctrl-C between its prompt and its waiting: people press it again, too.
            again = keys[-1] if keys[-1] == CTRL_C else b""
            return (shown + self._until(screen, b"\n", last=True, again=again)).decode().replace("\r\n", "\n")
        finally:
            os.close(screen)
            os.waitpid(pid, 0)

    def _until(self, screen: int, end: bytes, *, last: bool = False, again: bytes = b"") -> bytes:
        seen, give_up = b"", time.monotonic() + 30
        while last or not seen.endswith(end):
            if not select.select([screen], [], [], 2)[0]:
                assert time.monotonic() < give_up, seen
                os.write(screen, again)
                continue
            try:
                seen += os.read(screen, 1000)
            except OSError:  # Linux, when the other end is closed
                break
        return seen


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ((b"3 1\r",), "chosen: mbsync mutt"),
        ((b"msmtp, 1, MUTT\r",), "chosen: msmtp mutt"),
        ((b"all\r",), "chosen: mutt msmtp mbsync"),
        ((b"\r", b"\r", b"2\r"), "chosen: msmtp"),
        ((b"4\r",), "ended: usage 2"),
        ((b"all 1\r",), "ended: usage 2"),
        ((b",\r",), "ended: usage 2"),
        ((CTRL_C,), "ended: cancelled 130"),
        ((b"\x04",), "ended: cancelled 130"),
    ],
)
def test_clients_are_chosen_by_number_or_name_and_never_by_return(
    keys: tuple[bytes, ...], chosen: str
) -> None:
    shown = Screen().ask(*keys)
    assert shown.splitlines()[-1] == chosen  # alone on its line: the question's own has ended


# --- words ---


@pytest.mark.parametrize(
    ("number", "total", "said"),
    [
        (1, 1, "1 of 1 account works"),
        (0, 1, "0 of 1 account works"),
        (1, 2, "1 of 2 accounts works"),
        (0, 2, "0 of 2 accounts work"),
        (2, 3, "2 of 3 accounts work"),
    ],
)
def test_numbers_and_words_agree(number: int, total: int, said: str) -> None:
    assert counted(number, total, "account") == said


def test_an_error_is_folded_and_its_command_is_not() -> None:
    shown = run("check", "--accounts", "/nonexistent/" + "very/ " * 30).stderr
    assert len(shown.splitlines()) > 3
    assert too_long(shown) == []
