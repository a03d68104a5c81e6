"""The real git send-email, set up by one command with the password in the real GNOME Keyring."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.errors import UsageError
from provisioner.quoting.gitconfig import gitconfig
from tests.live.terminal import Terminal, terminal_with
from tests.live.world import BOB, JANE, NEW_PASSWORD, PASSWORD, World
from tests.needs import need

pytestmark = pytest.mark.live

OWN = "[user]\n\tname = Jane\n\temail = jane@example.net\n"
MAIL = f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: %s\nSubject: %s\n\nA patch.\n"


class Patches:
    """A patch on disk, and the way to send it."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.world = terminal, terminal.world

    def command(self, *options: str, sender: str = JANE) -> list[str]:
        patch = self.world.directory / "a.patch"
        patch.write_text(MAIL % (sender, "[PATCH] From git"))
        return ["git", "send-email", "--confirm=never", "--to=friend@example.org", *options, str(patch)]

    def assert_sends(self, *options: str, sender: str = JANE) -> None:
        """One login over TLS at the first try, and the mail is there."""
        sent, logins = len(self.world.smtp.mails), len(self.world.smtp.logins)
        self.terminal.run(*self.command(*options, sender=sender))
        (mail,) = self.world.smtp.mails[sent:]
        assert mail["Subject"] == "[PATCH] From git"
        assert sender in mail["From"]
        assert self.world.smtp.logins[logins:] == [sender]
        assert self.world.smtp.failures == []

    def refused(self, *options: str) -> str:
        done = self.terminal.desktop.run("setsid", *self.command(*options))
        assert done.returncode != 0
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def patches(world: World) -> Iterator[Patches]:
    need(git_can_send(), "git send-email is not installed (make system)")
    (world.home / ".gitconfig").write_text(OWN)
    with terminal_with(world, "git", "perl") as terminal:
        yield Patches(terminal)


def git_can_send() -> bool:
    if not shutil.which("git"):
        return False
    done = subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True)
    return (Path(done.stdout.strip()) / "git-send-email").is_file()


def test_two_accounts_one_of_them_the_default(patches: Patches) -> None:
    terminal, world = patches.terminal, patches.world
    # A helper of the user's own that would write every password into a file.
    (world.home / ".gitconfig").write_text(
        OWN + "[credential]\n\thelper = store\n[sendemail]\n\tsmtpAuth = none\n"
    )
    before = terminal.snapshot()
    terminal.setup("git-send-email")
    terminal.setup_bob("git-send-email")
    patches.assert_sends()
    patches.assert_sends(f"--identity={BOB}", sender=BOB)
    terminal.provisioner("status", "--check")
    terminal.provisioner("remove", BOB)
    patches.assert_sends(f"--identity={JANE}")
    assert world.files_with(PASSWORD) == []
    terminal.provisioner("remove", JANE)
    assert terminal.snapshot() == before
    assert terminal.desktop.search() == ""


def test_a_new_password_is_one_command(patches: Patches) -> None:
    patches.terminal.setup("git-send-email")
    patches.world.set_password(NEW_PASSWORD)
    patches.terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    patches.assert_sends()


def test_a_certificate_of_somebody_else_is_refused(patches: Patches) -> None:
    patches.terminal.setup("git-send-email")
    logins = len(patches.world.smtp.logins)
    assert "hostname verification failed" in patches.refused("--smtp-server=localhost")
    assert patches.world.smtp.logins[logins:] == []


def test_without_the_keyring_nothing_is_tried(patches: Patches) -> None:
    patches.terminal.setup("git-send-email")
    patches.terminal.run("secret-tool", "clear", "service", "provisioner", "username", JANE)
    patches.refused()
    assert patches.world.smtp.failures == []


@pytest.mark.parametrize(
    "line", ["smtpPass = hunter2", "sendmailCmd = /bin/false", "smtpSSLCertPath =", "smtpSSLCertPath"]
)
def test_settings_for_all_identities_that_would_spoil_ours_are_refused(patches: Patches, line: str) -> None:
    home = patches.world.home
    (home / "more").write_text(f"[sendemail]\n{line}\n")
    (home / ".config/git").mkdir(parents=True)
    (home / ".config/git/config").write_text("[include]\npath = ~/more\n")
    done = patches.terminal.desktop.run(
        str(patches.world.program), "setup", JANE, "git-send-email", "--password-stdin", text=PASSWORD
    )
    assert done.returncode != 0
    assert "Your git configuration has" in done.stdout + done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_an_own_choice_of_server_stays(patches: Patches) -> None:
    (patches.world.home / ".gitconfig").write_text(OWN + "[sendemail]\nsmtpServer = mail.example.org\n")
    output = patches.terminal.setup("git-send-email")
    assert f"--identity={JANE}" in output
    patches.assert_sends(f"--identity={JANE}")


TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=TEXT, value=TEXT)
def test_git_reads_any_value_as_it_is(tmp_path: Path, name: str, value: str) -> None:
    need(shutil.which("git"), "git is not installed")
    path = tmp_path / "config"
    path.write_bytes(f"[sendemail {gitconfig(name)}]\n\tfrom = {gitconfig(value)}\n".encode())
    done = subprocess.run(["git", "config", "-f", path, "-z", "--list"], capture_output=True, check=True)
    assert done.stdout == f"sendemail.{name}.from\n{value}\0".encode()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(user=TEXT.filter(lambda text: text.strip() == text), other=TEXT)
def test_only_this_user_of_this_server_gets_the_password(tmp_path: Path, user: str, other: str) -> None:
    need(shutil.which("git"), "git is not installed")
    path = tmp_path / "config"
    context = f"smtp://{quote(user, safe='')}@smtp.example.org:587"
    path.write_bytes(
        f'[credential {gitconfig(context)}]\nhelper = "!f() {{ echo password=right; }}; f"\n'.encode()
    )

    def asked(user: str, host: str = "smtp.example.org:587") -> bytes:
        query = f"protocol=smtp\nhost={host}\nusername={user}\n"
        env = {"PATH": "/usr/bin:/bin", "GIT_CONFIG_GLOBAL": str(path), "GIT_TERMINAL_PROMPT": "0"}
        done = subprocess.run(
            ["git", "credential", "fill"], input=query.encode(), capture_output=True, env=env, check=False
        )
        return done.stdout

    assert asked(user).endswith(b"password=right\n")
    assert b"right" not in asked(user, "smtp.example.net:587")
    assert user == other or b"right" not in asked(other)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b"])
def test_values_that_git_cannot_hold_are_refused(value: str) -> None:
    with pytest.raises(UsageError):
        gitconfig(value)
