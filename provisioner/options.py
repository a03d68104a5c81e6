"""Options that several verbs share, each said once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def _all(*decorators: Callable[[F], F]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


_SECURITY = click.Choice(["tls", "starttls"])
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
verbose = click.option(
    "-v", "--verbose", is_flag=True, help="On a bug, show where in the program it happened."
)
server_options = _all(
    click.option("--provider", metavar="ID", help="Use this provider profile, whatever the domain."),
    click.option(
        "--profile", "profile_file", metavar="FILE", help="Use the provider profile in this YAML file."
    ),
    click.option("--imap", metavar="HOST[:PORT]", help="Incoming server."),
    click.option("--imap-security", type=_SECURITY, help="How the incoming server is encrypted."),
    click.option("--smtp", metavar="HOST[:PORT]", help="Outgoing server."),
    click.option("--smtp-security", type=_SECURITY, help="How the outgoing server is encrypted."),
    click.option("--login", metavar="USER", help="User name, if it is not made from the address."),
    click.option("--smtp-login", metavar="USER", help="User name of the outgoing server, if it is another."),
)
password_options = _all(
    click.option("--password-stdin", is_flag=True, help="Read the password from standard input."),
    click.option("--password-command", metavar="CMD", help="Run CMD (no shell) and take what it prints."),
)
store_option = click.option(
    "--password-store",
    type=click.Choice(["keyring", "pass", "command"]),
    help="Where clients that run a command for the password get it: the system's keyring, `pass`, or what "
    "--password-command runs, which then is the only place that has it.  [default: as before, or keyring]",
)
client_options = _all(
    click.option("--client-profile", metavar="NAME|PATH", help="The client's own profile."),
    click.option(
        "--primary-password-command",
        metavar="CMD",
        help="Command that prints the Primary Password of Thunderbird or Claws Mail.",
    ),
)
name_option = click.option("--name", help="Your name, as the people you write to see it.")
label_option = click.option(
    "--label", help="Label of the app-specific password.  [default: CLIENT (hostname)]"
)
timeout_option = click.option(
    "--timeout",
    type=click.FloatRange(min=1, max=600),
    metavar="SECONDS",
    help="Time for the logins of an account together.",
)
check_options = _all(
    click.option(
        "--all", "everything", is_flag=True, help="Everything set up here, with what is stored there."
    ),
    click.option("--accounts", metavar="FILE", help="All accounts of a YAML or CSV file (README)."),
    click.option("--only", type=click.Choice(["imap", "smtp"]), help="Check one service."),
    click.option(
        "--send-test",
        is_flag=True,
        help="After both logins, send a mail to EMAIL from EMAIL, wait until it is there, and delete it.",
    ),
    click.option("--client", metavar="CLIENT", help="Use exactly what this client has stored."),
    click.option(
        "--per-host",
        type=click.IntRange(1, 100),
        metavar="N",
        help="Connections to one server at a time.  [default: as its profile says, else 4]",
    ),
    click.option(
        "--watch",
        type=click.FloatRange(1, 24 * 60),
        metavar="MINUTES",
        help="Check again and again, and show only what changes, until Ctrl-C.",
    ),
    click.option(
        "--cert-days",
        type=click.IntRange(0, 1000),
        default=14,
        show_default=True,
        metavar="DAYS",
        help="With --watch and nagios: say so when a certificate ends sooner.",
    ),
    click.option(
        "--format",
        "style",
        type=click.Choice(["text", "json", "nagios"]),
        default="text",
        help="nagios: one line with performance data, and exit code 0 to 3.",
    ),
    click.option(
        "-v", "--verbose", is_flag=True, help="Show what went over the connections, masked for a report."
    ),
)
wait_option = click.option("--wait", is_flag=True, help="Wait until the client is closed.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
dav_options = _all(
    click.option("--calendar", is_flag=True, help="Add the calendar (CalDAV)."),
    click.option("--contacts", is_flag=True, help="Add the contacts (CardDAV)."),
)
