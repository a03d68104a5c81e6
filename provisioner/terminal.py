"""Talks with the person: hidden prompts, questions and hints, on standard error or the terminal itself."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import click

from provisioner.errors import Cancelled, UsageError
from provisioner.text import clean, fold

OPEN_SECONDS = 5


class Terminal:
    """The person at the terminal. `quiet`: hints are not shown (--json); questions still are."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet

    @property
    def interactive(self) -> bool:
        """Both ends are a terminal, so a question will be seen and can be answered."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def on_screen(self) -> bool:
        """Results go to a terminal, as text."""
        return sys.stdout.isatty() and not self.quiet

    def say(self, text: str) -> None:
        if not self.quiet:
            text = clean(text)
            indent = text[: len(text) - len(text.lstrip())]
            for line in fold(text.strip(), indent, f"{indent}   " if indent else ""):
                click.echo(line, err=True)

    def warn(self, text: str) -> None:
        first, *rest = fold(clean(text), "  ")
        click.echo(f"{click.style('!', fg='yellow')} {first.strip()}", err=True)
        for line in rest:
            click.echo(line, err=True)

    def confirm(self, question: str) -> bool:
        try:
            return click.confirm(question, default=False, err=True)
        except click.Abort:
            click.echo(err=True)  # the cursor still stands behind the question
            raise Cancelled("Stopped; nothing was changed.") from None

    @contextlib.contextmanager
    def progress(self, total: int) -> Iterator[Callable[[], None]]:
        """A bar on standard error if that is a terminal and there is more than one step."""
        if self.quiet or total < 2 or not sys.stderr.isatty():
            yield lambda: None
            return
        with click.progressbar(length=total, file=sys.stderr, show_pos=True, width=30) as bar:
            yield lambda: bar.update(1)

    def choose(self, question: str, choices: list[str]) -> list[str]:
        """Those that are named by number or name. Return alone asks again: nothing is taken unread."""
        for number, choice in enumerate(choices, 1):
            click.echo(f"  {number}. {choice}", err=True)
        try:
            answer = click.prompt(f"{question} Numbers or names, or `all`", err=True)
        except click.Abort:
            click.echo(err=True)  # the cursor still stands behind the question
            raise Cancelled("Stopped; nothing was changed.") from None
        picked = answer.lower().replace(",", " ").split()
        if picked == ["all"]:
            return choices
        known = {str(number): choice for number, choice in enumerate(choices, 1)}
        known |= {choice: choice for choice in choices}
        if not picked or any(one not in known for one in picked):
            hint = f"Type numbers from 1 to {len(choices)}, names from the list, or `all`."
            raise UsageError(f"{answer!r} is not a choice.", hint)
        return list(dict.fromkeys(known[one] for one in picked))

    def ask_hidden(self, prompt: str) -> str:
        """What is typed, without showing it. Raises UsageError where there is no terminal."""
        if not self.interactive:
            raise UsageError(
                "There is no terminal to ask for the password.",
                "Give it with --password-stdin or --password-command.",
                code="password.no_terminal",
            )
        import getpass

        try:
            return getpass.getpass(prompt, sys.stderr)
        except (KeyboardInterrupt, EOFError):
            click.echo(err=True)  # the cursor still stands behind the prompt
            raise

    def open(self, target: str) -> None:
        self.say(f"Opening {target}")
        if not _launched(target):
            self.warn(f"That could not be opened from here; open it yourself: {target}")


def _launched(target: str) -> bool:
    """Whether the desktop took it. Some openers stay until the window is closed: then it did."""
    if sys.platform in ("darwin", "win32"):
        return click.launch(target) == 0
    try:
        opener = subprocess.Popen(
            ["xdg-open", target],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return False
    try:
        return opener.wait(timeout=OPEN_SECONDS) == 0
    except subprocess.TimeoutExpired:
        return True
