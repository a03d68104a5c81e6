"""One run of a verb: what was typed becomes a context; every end becomes a report and an exit code.

The rest of the program is imported inside the functions, so that `--help` and `--version` stay quick.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from provisioner.accounts import Wish
    from provisioner.clients.base import Options
    from provisioner.errors import ProvisionError
    from provisioner.report import Report
    from provisioner.workflows.context import AskPassword, Context


EXIT_CODES = """
\b
Exit codes:
  0 done, or nothing to do     3 login rejected
  1 failed, or some of several 4 server unreachable, TLS, timeout
  2 wrong usage or input       5 conflict: running client, changed file
  70 a bug                     130 interrupted
"""


def wish(email: str, kw: dict[str, Any]) -> Wish:
    from provisioner.accounts import Wish

    return Wish(address=email, **{key: kw.get(key) for key in Wish.__slots__ if key != "address"})


def password_source(context: Context, kw: dict[str, Any]) -> AskPassword:
    from provisioner import passwords
    from provisioner.errors import UsageError

    if kw["password_stdin"] and kw["password_command"] is not None:
        raise UsageError("--password-stdin and --password-command exclude each other.", "Give one of them.")
    if kw["password_stdin"]:
        return lambda prompt, rule: passwords.from_stdin(rule)
    if (command := kw["password_command"]) is not None:
        return lambda prompt, rule: passwords.from_command(command, rule)
    return lambda prompt, rule: passwords.from_prompt(prompt, context.ui.ask_hidden, rule)


def is_given(kw: dict[str, Any]) -> bool:
    """The password comes from standard input or a command, so nobody has to be told how to make one."""
    return kw["password_stdin"] or kw["password_command"] is not None


def goes_with_email(kw: dict[str, Any]) -> str:
    """The first option given that is about one account; empty if there is none."""
    names = {
        "client": "--client",
        "profile_file": "--profile",
        "password_stdin": "--password-stdin",
        "password_command": "--password-command",
    }
    names |= {key: "--" + key.replace("_", "-") for key in ("provider", "imap", "smtp", "login")}
    names |= {key: "--" + key.replace("_", "-") for key in ("imap_security", "smtp_security", "smtp_login")}
    return next((name for key, name in names.items() if kw.get(key)), "")


def check_style(kw: dict[str, Any]) -> Style:
    """How a check is shown. Raises UsageError (through click) for what excludes each other."""
    import click

    if kw["style"] == "nagios":
        if kw["watch"] or kw["as_json"]:
            raise click.UsageError("--format nagios goes neither with --watch nor with --json.")
        return Style.NAGIOS
    if kw["as_json"] or kw["style"] == "json":
        return Style.JSON_LINES if kw["watch"] else Style.JSON
    many = kw["everything"] or kw["accounts"]
    return Style.TABLE if many and not kw["watch"] and not kw["verbose"] else Style.ROWS


def index_style(named: object, kw: dict[str, Any]) -> Style | None:
    """How what there is is listed: in short, unless something is named."""
    return None if named or kw["verbose"] or kw["as_json"] else Style.BRIEF


def client_options(context: Context, kw: dict[str, Any]) -> Options:
    import functools

    from provisioner import passwords
    from provisioner.clients.base import Options
    from provisioner.errors import UsageError

    @functools.cache
    def unlock(title: str) -> Any:
        if command := kw.get("primary_password_command"):
            return passwords.from_command(command, None)
        try:
            return passwords.from_prompt(f"{title}: ", context.ui.ask_hidden, None)
        except UsageError as error:
            if error.code != "password.no_terminal":
                raise
            raise UsageError(
                f"There is no terminal to ask for {title}.",
                "Give it with --primary-password-command CMD.",
                code=error.code,
            ) from None

    return Options(
        profile=kw.get("client_profile"),
        unlock=unlock,
        rename=bool(kw.get("name")),
        calendar=kw.get("calendar", False),
        contacts=kw.get("contacts", False),
    )


class Style(Enum):
    """How a report is shown: rows as they come, a table at the end, a line for monitoring, JSON."""

    ROWS = "rows"
    BRIEF = "brief"
    """A line for each row."""
    TABLE = "table"
    NAGIOS = "nagios"
    JSON = "json"
    JSON_LINES = "json-lines"
    """A document for each row, at once."""


@contextmanager
def run(command: str, kw: dict[str, Any], style: Style | None = None) -> Iterator[Context]:
    """Gives the verb its context, shows the report, and maps every end to its exit code, here only."""
    from provisioner import hardening, output
    from provisioner.errors import ProvisionError
    from provisioner.host import Host
    from provisioner.journal import Journal
    from provisioner.report import Report
    from provisioner.terminal import Terminal
    from provisioner.workflows.context import Context

    hardening.protect_memory()
    output.make_encodable()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # files are put back then, too
    style = style or (Style.JSON if kw.get("as_json", False) else Style.ROWS)
    report = Report(command)
    if style is Style.ROWS:
        report.listener = output.print_story if command == "check" else output.print_row
    elif style is Style.BRIEF:
        report.listener = output.print_brief
    elif style is Style.JSON_LINES:
        report.listener = lambda row: output.print_json_line(Report(command, rows=[row]))
    quiet = style in (Style.JSON, Style.JSON_LINES, Style.NAGIOS)
    context = None
    try:
        host = Host.current()
        context = Context(host, Journal(host.state_dir, host.home), Terminal(quiet=quiet), report)
        yield context
    except ProvisionError as error:
        report.errors.append(error)
    except KeyboardInterrupt:
        report.errors.append(stopped(context))
    except BrokenPipeError:
        raise
    except OSError as error:
        report.errors.append(_refused(error))
    except Exception as error:
        report.errors.append(_bug(error, verbose=kw.get("verbose", False)))
    sys.exit(_show(report, style, kw.get("cert_days")))


WRITES = ("setup", "rotate", "remove")
"""Of these it is said how far they came."""


def stopped(context: Context | None) -> ProvisionError:
    """What is said at Ctrl-C."""
    from provisioner.errors import Cancelled, ProvisionError
    from provisioner.workflows import recovery

    if context is not None and context.report.command in WRITES:
        with suppress(KeyboardInterrupt, OSError, ProvisionError):  # then less can be said
            return recovery.stopped(context)
    return Cancelled("Stopped.", "`provisioner status` shows what is set up.")


def end_early(error: ProvisionError) -> NoReturn:
    """Ends before a verb began: what was typed cannot be understood."""
    from provisioner import output
    from provisioner.report import Report

    output.make_encodable()
    report = Report(next((word for word in sys.argv[1:] if not word.startswith("-")), ""))
    report.errors.append(error)
    words = " ".join(sys.argv)
    monitored = "--format nagios" in words or "--format=nagios" in words
    style = Style.NAGIOS if monitored else Style.JSON if "--json" in sys.argv else Style.ROWS
    sys.exit(_show(report, style))


def _show(report: Report, style: Style, cert_days: int | None = None) -> int:
    """Shows what is left to show; the exit code."""
    from provisioner import output
    from provisioner.report import CERT_DAYS

    code = report.exit_code
    try:
        if style is Style.NAGIOS:
            code = output.print_nagios(report, CERT_DAYS if cert_days is None else cert_days)
        elif style is Style.JSON:
            output.print_json(report)
        elif style is Style.JSON_LINES:
            output.print_json_line(dataclasses.replace(report, rows=[]))
        else:
            if style is Style.TABLE:
                output.print_table(report)
            output.print_end(report)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head`); Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        output.print_error(_refused(error))
        return 1
    return code


def _refused(error: OSError) -> ProvisionError:
    """The system said no where no module expected it: permissions, a full disk, a broken device."""
    from provisioner.errors import ProvisionError

    what = error.filename or "Something"
    return ProvisionError(
        f"{what} could not be used: {error.strerror or type(error).__name__}.",
        "Check its permissions, its owner and the free space.",
        code="file.refused",
    )


def _bug(error: Exception, *, verbose: bool) -> ProvisionError:
    """What is said of an exception: its type and place, not its message, which may quote a value."""
    import traceback

    from provisioner.errors import ProvisionError

    frames = [
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    where = "\n  ".join(frames if verbose else frames[-1:])
    bug = ProvisionError(
        f"This is a bug in provisioner: {type(error).__name__} at\n  {where}",
        "Please report it with the command that you ran, without any password.",
        code="bug",
    )
    bug.exit_code = 70
    return bug
