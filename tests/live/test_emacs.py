"""The real Emacs, set up by one command with the password in the real GNOME Keyring."""

from __future__ import annotations

import base64
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.quoting.lisp import lisp
from tests.live.terminal import Terminal, terminal_with
from tests.live.world import BOB, ICLOUD_HOST, JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World
from tests.needs import need

pytestmark = pytest.mark.live

SEND = """(progn (message-mail "friend@example.org" "From Emacs" '(%s))
(message-goto-body) (insert "Hello.") (message-send))"""
OPEN = """(progn (require 'gnus) (require 'nnimap)
(princ (and (nnimap-open-server (nth 1 gnus-select-method) (nthcdr 2 gnus-select-method)) t)))"""
LOGIN = """(progn (require 'auth-source)
(princ (length (auth-source-search :max 9 :host %s :port %s :user %s))))"""


class Emacs:
    """Emacs in Jane's terminal."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal, self.world = terminal, terminal.world

    @property
    def own(self) -> Path:
        return self.world.home / f".config/provisioner/emacs/{JANE}.el"

    def done(self, form: str) -> subprocess.CompletedProcess[str]:
        """The init file is read and the form evaluated, without a screen."""
        init = str(self.world.home / ".emacs.d/init.el")
        return self.terminal.desktop.run("emacs", "--batch", "-l", init, "--eval", form)

    def says(self, form: str) -> str:
        done = self.done(form)
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout

    def assert_sends(self, user: str = JANE, header: str = "") -> None:
        """One login over TLS at the first try, and the mail is there."""
        sent, logins = len(self.world.smtp.mails), len(self.world.smtp.logins)
        self.says(SEND % header)
        (mail,) = self.world.smtp.mails[sent:]
        assert mail["Subject"] == "From Emacs"
        assert user in mail["From"]
        assert self.world.smtp.logins[logins:] == [user]
        assert self.world.smtp.failures == []


@pytest.fixture
def emacs(world: World) -> Iterator[Emacs]:
    with terminal_with(world, "emacs") as terminal:
        yield Emacs(terminal)


def test_two_accounts_send_and_are_removed(emacs: Emacs) -> None:
    terminal, world = emacs.terminal, emacs.world
    (world.home / ".emacs.d").mkdir()
    (world.home / ".emacs.d/init.el").write_text("(setq smtpmail-stream-type nil make-backup-files nil)\n")
    before = terminal.snapshot()
    terminal.setup("emacs")
    terminal.setup_bob("emacs")
    emacs.assert_sends()
    emacs.assert_sends(BOB, f'("From" . "Bob <{BOB}>")')
    # The password is only for this server, port and user.
    smtp, imap, jane = lisp("smtp.mail.me.com"), lisp(ICLOUD_HOST), lisp(JANE)
    assert emacs.says(LOGIN % (smtp, '"587"', jane)) == "1"
    assert emacs.says(LOGIN % (f"'({imap} {smtp})", "'(993 587)", "nil")) == "2"
    for query in ((smtp, '"587"', '"joe"'), (smtp, '"25"', jane), ('"example.org"', '"587"', jane)):
        assert emacs.says(LOGIN % query) == "0"
    terminal.provisioner("status", "--check")
    terminal.provisioner("remove", BOB)
    emacs.assert_sends()
    assert world.files_with(PASSWORD) == []
    terminal.provisioner("remove", JANE)
    (world.home / ".emacs.d/network-security.data").unlink()  # Emacs made it
    assert terminal.snapshot() == before
    assert terminal.desktop.search() == ""


def test_gnus_reads_both(emacs: Emacs) -> None:
    terminal, world = emacs.terminal, emacs.world
    terminal.setup("emacs")
    terminal.setup_bob("emacs")
    world.imap.forget()
    with terminal.screen("emacs", "-nw", "-f", "gnus") as screen:
        screen.shows("3: INBOX", f"3: nnimap+{BOB}:INBOX")
        screen.press("Enter")
        screen.shows(*SUBJECTS)
    assert {(login.user, login.tls) for login in world.imap.logins()} == {(JANE_LOCAL, True), (BOB, True)}
    assert world.imap.failures() == []
    assert not (world.home / ".authinfo").exists()
    assert world.files_with(PASSWORD) == []


def test_a_choice_of_the_users_own_stays(emacs: Emacs) -> None:
    (emacs.world.home / ".emacs.d").mkdir()
    (emacs.world.home / ".emacs.d/init.el").write_text(
        '(setq user-mail-address "me@example.net" gnus-select-method \'(nnnil "")\n'
        "      message-send-mail-function (lambda () (princ 'my-own)))\n"
    )
    emacs.terminal.setup("emacs")
    assert emacs.says("(princ user-mail-address)") == "me@example.net"
    assert emacs.says(SEND % "") == "my-own"
    emacs.assert_sends(JANE, f'("From" . "{JANE}")')
    shown = emacs.says(
        "(progn (require 'gnus) (prin1 (cons gnus-select-method gnus-secondary-select-methods)))"
    )
    assert shown.startswith(f'((nnnil "") (nnimap "{JANE}"')


def test_mu4e_has_a_context(emacs: Emacs) -> None:
    need(Path("/usr/share/emacs/site-lisp/elpa-src").exists(), "mu4e is not installed (make system)")
    emacs.terminal.setup("emacs")
    shown = emacs.says(
        "(progn (package-initialize) (require 'mu4e) (let ((context (car mu4e-contexts)))"
        "(prin1 (list (length mu4e-contexts) (mu4e-context-name context) (cdr (assq 'mu4e-sent-folder"
        " (mu4e-context-vars context))) (and (funcall (mu4e-context-match-func context)"
        f' \'(:maildir "/{JANE}/INBOX")) t) mu4e-get-mail-command))))'
    )
    command = "mbsync -a" if shutil.which("mbsync") else "true"
    assert shown == f'(1 "{JANE}" "/{JANE}/Sent Messages" t "{command}")'


def test_a_new_password_is_one_command(emacs: Emacs) -> None:
    emacs.terminal.setup("emacs")
    emacs.world.set_password(NEW_PASSWORD)
    emacs.terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    emacs.assert_sends()


def test_a_certificate_of_somebody_else_is_refused(emacs: Emacs) -> None:
    emacs.terminal.setup("emacs")
    init = emacs.world.home / ".emacs.d/init.el"
    init.write_text("(setq network-security-level 'low)\n" + init.read_text())
    emacs.world.imap.forget()
    logins = len(emacs.world.smtp.logins)
    assert emacs.says(OPEN) == "t"
    assert len(emacs.world.imap.logins()) == 1
    own = emacs.own.read_text()
    emacs.own.write_text(
        own.replace("imap.mail.me.com", "localhost").replace("smtp.mail.me.com", "localhost")
    )
    for form in (OPEN, SEND % ""):
        done = emacs.done(form)
        assert done.returncode != 0 or done.stdout == "nil"
        assert "certificate" in done.stderr.lower()
    assert len(emacs.world.imap.logins()) == 1
    assert emacs.world.smtp.logins[logins:] == []


def test_without_the_keyring_nothing_is_tried(emacs: Emacs) -> None:
    emacs.terminal.setup("emacs")
    emacs.terminal.run("secret-tool", "clear", "service", "provisioner", "username", JANE)
    done = emacs.done(SEND % "")
    assert "The command gives no password for" in done.stderr
    assert emacs.world.smtp.failures == []


TEXT = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=60)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(TEXT, min_size=1, max_size=60))
def test_emacs_reads_any_value_as_it_is(tmp_path: Path, values: list[str]) -> None:
    need(shutil.which("emacs"), "Emacs is not installed")
    words = " ".join(map(lisp, values))
    path = tmp_path / "values.el"
    show = "(princ (base64-encode-string (encode-coding-string value 'utf-8) t))"
    path.write_bytes(f"(dolist (value '({words})) {show} (terpri))\n".encode())
    done = subprocess.run(
        ["emacs", "-Q", "--batch", "-l", path],
        capture_output=True,
        check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "LC_ALL": "C"},
    )
    assert [base64.b64decode(line).decode() for line in done.stdout.split(b"\n")[:-1]] == values
