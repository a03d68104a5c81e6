"""One run of a verb: what was typed becomes a context; every end becomes a report and an exit code.

The rest of the program is imported inside the functions, so that `--help` and `--version` stay quick.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from provisioner.accounts import Wish
    from provisioner.clients.base import Options
    from provisioner.errors import ProvisionError
    from provisioner.report import Report
    from provisioner.workflows.context import AskPassword, Context


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


@contextmanager
def run(command: str, kw: dict[str, Any]) -> Iterator[Context]:
    """Gives the verb its context, shows the report, and maps every end to its exit code, here only."""
    from provisioner import hardening, output
    from provisioner.errors import Cancelled, ProvisionError
    from provisioner.host import Host
    from provisioner.journal import Journal
    from provisioner.report import Report
    from provisioner.terminal import Terminal
    from provisioner.workflows.context import Context

    hardening.protect_memory()
    output.make_encodable()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # files are put back then, too
    as_json = kw.get("as_json", False)
    report = Report(command) if as_json else Report(command, output.print_row)
    try:
        host = Host.current()
        yield Context(host, Journal(host.state_dir, host.home), Terminal(quiet=as_json), report)
    except ProvisionError as error:
        report.errors.append(error)
    except KeyboardInterrupt:
        report.errors.append(Cancelled("Stopped.", "`provisioner status` shows what is set up."))
    except BrokenPipeError:
        raise
    except OSError as error:
        report.errors.append(_refused(error))
    except Exception as error:
        report.errors.append(_bug(error, verbose=kw.get("verbose", False)))
    _show(report, as_json=as_json)
    sys.exit(report.exit_code)


def end_early(error: ProvisionError) -> NoReturn:
    """Ends before a verb began: what was typed cannot be understood."""
    from provisioner import output
    from provisioner.report import Report

    output.make_encodable()
    report = Report(next((word for word in sys.argv[1:] if not word.startswith("-")), ""))
    report.errors.append(error)
    _show(report, as_json="--json" in sys.argv)
    sys.exit(report.exit_code)


def _show(report: Report, *, as_json: bool) -> None:
    from provisioner import output

    try:
        (output.print_json if as_json else output.print_end)(report)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough (`| head`); Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        output.print_error(_refused(error))
        sys.exit(1)


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
