"""One run of a verb: what was typed becomes a context; every end becomes a report and an exit code.

The rest of the program is imported inside the functions, so that `--help` and `--version` stay quick.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provisioner.accounts import Wish
    from provisioner.clients.base import Options
    from provisioner.errors import ProvisionError
    from provisioner.workflows.context import AskPassword, Context


def wish(email: str, kw: dict[str, Any]) -> Wish:
    from provisioner.accounts import Wish

    return Wish(address=email, **{key: kw.get(key) for key in Wish.__slots__ if key != "address"})


def password_source(context: Context, kw: dict[str, Any]) -> AskPassword:
    from provisioner import passwords
    from provisioner.errors import UsageError

    if kw["password_stdin"] and kw["password_command"]:
        raise UsageError("--password-stdin and --password-command exclude each other.", "Give one of them.")
    if kw["password_stdin"]:
        return lambda prompt, rule: passwords.from_stdin(rule)
    if command := kw["password_command"]:
        return lambda prompt, rule: passwords.from_command(command, rule)
    return lambda prompt, rule: passwords.from_prompt(prompt, context.ui.ask_hidden, rule)


def is_prompted(kw: dict[str, Any]) -> bool:
    """The password will be typed, so it is worth saying where it comes from."""
    return not (kw["password_stdin"] or kw["password_command"])


def client_options(context: Context, kw: dict[str, Any]) -> Options:
    import functools

    from provisioner import passwords
    from provisioner.clients.base import Options

    @functools.cache
    def unlock(title: str) -> Any:
        if command := kw.get("primary_password_command"):
            return passwords.from_command(command, None)
        return passwords.from_prompt(f"Primary Password of {title}: ", context.ui.ask_hidden, None)

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
    from provisioner import output
    from provisioner.errors import Cancelled, ProvisionError
    from provisioner.host import Host
    from provisioner.journal import Journal
    from provisioner.report import Report
    from provisioner.terminal import Terminal
    from provisioner.workflows.context import Context

    output.make_encodable()
    as_json = kw.get("as_json", False)
    report = Report(command) if as_json else Report(command, output.print_row)
    host = Host.current()
    code: int | None = None
    try:
        yield Context(host, Journal(host.state_dir), Terminal(quiet=as_json), report)
    except ProvisionError as error:
        report.errors.append(error)
    except KeyboardInterrupt:
        report.errors.append(Cancelled("Stopped."))
    except BrokenPipeError:
        raise
    except Exception as error:
        report.errors.append(_bug(error, verbose=kw.get("verbose", False)))
        code = 70
    (output.print_json if as_json else output.print_end)(report)
    sys.exit(report.exit_code if code is None else code)


def _bug(error: Exception, *, verbose: bool) -> ProvisionError:
    """What is said of an exception: its type and place, not its message, which may quote a value."""
    import traceback

    from provisioner.errors import ProvisionError

    frames = [
        f"{frame.filename}:{frame.lineno} in {frame.name}"
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    where = "\n  ".join(frames if verbose else frames[-1:])
    return ProvisionError(
        f"This is a bug in provisioner: {type(error).__name__} at\n  {where}",
        "Please report it with the command that you ran, without any password.",
        code="bug",
    )
