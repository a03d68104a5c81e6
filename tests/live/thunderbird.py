"""The real Thunderbird: started on a home directory, looked at and operated through Marionette.

Test settings come in as the machine's defaults (/etc/thunderbird, see `machine_defaults`), so that
the profile holds only what Thunderbird and the tested program wrote.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from marionette_driver.errors import MarionetteException, UnexpectedAlertOpen
from marionette_driver.marionette import Alert, Marionette

from tests.live.display import Display
from tests.live.lab import Lab, clean_environment, overlay, start, stop, until

DEFAULTS = {
    "remote.prefs.recommended": False,  # else Marionette changes a hundred settings
    "mailnews.start_page.enabled": False,  # a page from the internet
}
SCRIPT_SECONDS = 30
PICTURES = Path(__file__).parents[2] / "build/live"
FUNCTIONS = Path(__file__).with_suffix(".js").read_text()


def machine_defaults(lab: Lab) -> None:
    """Makes every Thunderbird in the lab trust its certificates and take the tests' default settings."""
    etc = lab.directory / "thunderbird"
    shutil.copytree("/etc/thunderbird", etc, dirs_exist_ok=True)
    policies = etc / "policies"
    policies.mkdir(exist_ok=True)
    content = {"policies": {"Certificates": {"Install": [str(lab.directory / "ca.pem")]}}}
    (policies / "policies.json").write_text(json.dumps(content))
    lines = [f'pref("{name}", {json.dumps(value)});\n' for name, value in DEFAULTS.items()]
    (etc / "pref/zz-tests.js").write_text("// Test settings\n" + "".join(lines))
    overlay(etc, Path("/etc/thunderbird"))


class DialogOpen(AssertionError):
    """Thunderbird asks or tells something and waits; the text of its dialog."""


@dataclass(frozen=True)
class View:
    """What the main window shows: the chosen folder and the rows one can see."""

    folder: str
    rows: list[str]
    tree: list[str]


class Thunderbird:
    """One run of Thunderbird. Leaving the block quits it; an error in it leaves a picture of the screen.

    `asked_for`: the account's password, for which it asks at its start.
    LIVE_KEEP=1: after an error it stays open, servers and all, until it is closed by hand.
    """

    def __init__(
        self,
        home: Path,
        display: Display,
        *,
        primary_password: str = "",
        profile: Path | None = None,
        asked_for: str = "",
    ) -> None:
        self.home = home
        self._profile = profile
        self._display = display
        self._primary_password = primary_password
        self._asked_for = asked_for
        self._process: subprocess.Popen[bytes] | None = None
        self._marionette: Marionette | None = None

    def environment(self) -> dict[str, str]:
        run, tmp = self.home.parent / "run", self.home.parent / "tmp"
        for directory in (run, tmp):
            directory.mkdir(mode=0o700, exist_ok=True)
        return clean_environment(
            self.home,
            DISPLAY=self._display.name,
            XDG_RUNTIME_DIR=str(run),
            TMPDIR=str(tmp),  # at its start it deletes files of messages that another one is sending
            DBUS_SESSION_BUS_ADDRESS="unix:path=/nonexistent",
            MOZ_CRASHREPORTER_DISABLE="1",
        )

    def __enter__(self) -> Thunderbird:
        command = ["thunderbird", "--marionette", "-remote-allow-system-access"]
        if self._profile:
            command += ["--profile", str(self._profile)]
        log = self.home.parent / "thunderbird.log"
        self._process = start(command, log=log, env=self.environment())
        try:
            if self._primary_password:
                self._display.type(self._display.window("Password"), self._primary_password)
            if self._asked_for:
                self.answer(self._asked_for)
            self._connect()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def answer(self, password: str) -> None:
        """Types an account's password where Thunderbird asks for it, and ticks that it remembers it."""
        self._display.type(self._display.window("assword"), f"{password}\t ")

    def _connect(self) -> None:
        self._marionette = Marionette(host="127.0.0.1", port=2828, socket_timeout=SCRIPT_SECONDS)
        try:
            self._marionette.start_session({"unhandledPromptBehavior": "ignore"}, timeout=60)
        except (MarionetteException, OSError) as error:
            titles = list(self._display.windows().values())
            raise AssertionError(f"Thunderbird does not answer; windows on the screen: {titles}") from error
        self._marionette.set_context("chrome")
        self._marionette.timeout.script = SCRIPT_SECONDS
        until(
            "Thunderbird's main window",
            lambda: self.script("return !!main().gMailInit.delayedStartupFinished"),
        )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        if error is not None:
            PICTURES.mkdir(parents=True, exist_ok=True)
            picture = self._display.picture(PICTURES / f"{self.home.parent.name}.png")
            error.add_note(f"The screen: {picture}")
            if os.environ.get("LIVE_KEEP"):
                self._process.wait()
            stop(self._process, 9)
        else:
            try:
                self.quit()
            finally:
                stop(self._process, 9)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def quit(self) -> None:
        """Quits as the menu does and waits for the end; everything is on disk then."""
        assert self._process is not None
        if self._process.poll() is None:
            self.script("main().setTimeout(() => main().goQuitApplication(), 0);")
            self._process.wait(30)

    def kill(self) -> None:
        """Ends it at once, with whatever it is asking; nothing more is written."""
        assert self._process is not None
        stop(self._process, 9)

    def script(self, body: str, *arguments: object) -> Any:
        """Result of JavaScript with Thunderbird's own rights."""
        assert self._marionette is not None
        try:
            return self._marionette.execute_script(FUNCTIONS + body, script_args=arguments, sandbox="system")
        except UnexpectedAlertOpen:
            raise DialogOpen(Alert(self._marionette).text) from None

    def async_script(self, body: str, *arguments: object) -> Any:
        """Result of JavaScript that may `await`."""
        assert self._marionette is not None
        wrapped = (
            f"{FUNCTIONS}const given = [...arguments]; const done = given.pop();"
            f"(async () => {{ {body} }})().then(r => done([r, null]), e => done([null, String(e)]));"
        )
        result, failure = self._marionette.execute_async_script(
            wrapped, script_args=arguments, sandbox="system"
        )
        assert failure is None, failure
        return result

    def obstacles(self) -> list[str]:
        """Everything that asks or tells the user something: windows, dialogs, bars; compose windows apart."""
        try:
            found: list[str] = self.script("return obstacles();")
        except DialogOpen as dialog:
            return [f"dialog: {dialog}"]
        return found

    def view(self) -> View:
        found = self.script("return view();")
        return View(found["folder"], found["rows"], found["tree"])

    def mailboxes(self, host: str) -> set[str]:
        """The folder pane's mailboxes of an account; empty until all were found on the server."""
        return set(self.script("return mailboxes(arguments[0]);", host))

    def open_inbox(self, host: str) -> None:
        """A click on the Inbox of the account on `host` in the folder pane."""
        until(f"the Inbox of {host}", lambda: self.script("return openInbox(arguments[0]);", host))

    def delete_message(self, subject: str) -> None:
        """Chooses a message of the list and gives the Delete command."""
        assert self.script("return selectMessage(arguments[0]);", subject), (
            f"no message {subject!r} in the list"
        )
        until("the message to be selected", lambda: self.script("return pane().gDBView.numSelected == 1;"))
        self.script("main().goDoCommand('cmd_delete');")

    def accounts(self) -> list[str]:
        """`user@host` of every account with a server, in the order of the folder pane."""
        found: list[str] = self.script("return accounts();")
        return found

    def default_account(self) -> str:
        found: str = self.script("return nameOf(MailServices.accounts.defaultAccount.incomingServer);")
        return found

    def send_by_the_default(self, sender: str, default: str) -> None:
        """`sender`'s identity names no outgoing server any more, and that of `default` is the default one."""
        body = "return sendByTheDefault(arguments[0], arguments[1]);"
        assert self.script(body, sender, default) == default

    def saved_passwords(self) -> dict[str, str]:
        """Origin -> user name and password, as Thunderbird's own password manager shows them."""
        found: dict[str, str] = self.async_script("return savedPasswords();")
        return found

    def send(self, recipient: str, subject: str, sender: str, *, asked_for: str = "") -> None:
        """Writes a message in a compose window as `sender` and presses Send; `asked_for`: the password."""
        self._compose(recipient, subject, sender)
        # Not at once: a dialog in answer to it would hold up the script that gave the command.
        self.script("composer().setTimeout(() => composer().goDoCommand('cmd_sendNow'), 0);")
        if asked_for:
            self.answer(asked_for)
        self._composer_closes()

    def save_draft(self, subject: str, sender: str) -> None:
        """Writes a message, saves it as a draft and closes the window."""
        self._compose("", subject, sender)
        self.script("composer().goDoCommand('cmd_saveAsDraft');")
        until(
            "the draft to be saved",
            lambda: self.script("return !composer().gWindowLocked && !composer().gContentChanged;"),
        )
        self.script("composer().goDoCommand('cmd_close');")
        self._composer_closes()

    def _compose(self, recipient: str, subject: str, sender: str) -> None:
        self.script("compose(...arguments);", recipient, subject, sender)
        ready = "const w = composer(); return !!w && w.composeEditorReady && !w.gWindowLocked;"
        until("the compose window", lambda: self.script(ready))

    def _composer_closes(self) -> None:
        def closed() -> bool:
            in_the_way = self.obstacles()
            assert not in_the_way, f"stopped by {in_the_way}"
            return bool(self.script("return !composer();"))

        until("the compose window to close", closed)

    def add_account(
        self, address: str, imap: str, user: str, smtp: str, password: str, *, sent: str = ""
    ) -> None:
        """An account made by Thunderbird's own code, with its passwords saved.

        `sent`: where copies of messages go, as chosen in the settings.
        Without a password none is saved, and Thunderbird does not log in before its Inbox is opened.
        """
        self.async_script("await addAccount(...given);", address, imap, user, smtp, password, sent)

    def set_primary_password(self, password: str) -> None:
        """What the settings' "Use a Primary Password" does."""
        self.script("setPrimaryPassword(arguments[0]);", password)
