"""The command line: parse, call a workflow, show its report, end with the documented exit code.

Everything but click is imported inside the verbs, so that `--help` and `--version` stay quick.
"""

from __future__ import annotations

import sys
from typing import Any

import click

from provisioner import __version__, invocation
from provisioner.errors import UsageError
from provisioner.options import (
    check_options,
    client_options,
    dav_options,
    dry_run_option,
    json_option,
    label_option,
    name_option,
    password_options,
    server_options,
    store_option,
    timeout_option,
    verbose,
    wait_option,
)


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=invocation.EXIT_CODES,
)
@click.version_option(__version__, prog_name="provisioner")
def cli() -> None:
    """Turn a new app-specific password into working mail.

    A password is typed at a hidden prompt, or comes with --password-stdin or --password-command.
    It goes into the mail client's own store or the system's keyring and nowhere else.
    """


@cli.command()
@click.argument("email")
@click.argument("client", nargs=-1)
@name_option
@server_options
@label_option
@password_options
@store_option
@client_options
@dav_options
@click.option("--no-check", is_flag=True, help="Do not log in first.")
@timeout_option
@wait_option
@dry_run_option
@json_option
@verbose
def setup(email: str, client: tuple[str, ...], **kw: Any) -> None:
    """Make EMAIL work in each CLIENT. Checks the login, writes the account, stores the password.

    Without CLIENT, those found on this computer are offered; where nobody can be asked, name them, or `all`.
    `mutt-stack` is mbsync, msmtp, neomutt and notmuch, set up to work together (in every verb). Examples:

    \b
      provisioner setup jane.appleseed@icloud.com thunderbird
      provisioner setup jane.appleseed@icloud.com mutt-stack
    """
    with invocation.run("setup", kw) as context:
        from provisioner.workflows.setup import SetupOptions, setup

        options = SetupOptions(
            label=kw["label"],
            check=not kw["no_check"],
            dry_run=kw["dry_run"],
            wait=kw["wait"],
            timeout=kw["timeout"],
            prompted=not invocation.is_given(kw),
            profile_file=kw["profile_file"],
            client=invocation.client_options(context, kw),
            store=kw["password_store"],
            password_command=kw["password_command"],
        )
        setup(context, invocation.wish(email, kw), client, invocation.password_source(context, kw), options)


@cli.command()
@click.argument("email")
@click.argument("what", required=False)
@click.option(
    "-o", "--output", metavar="PATH", help="File or directory to write to; standard output if left out."
)
@click.option("--with-password", is_flag=True, help="Put the password in, where WHAT has a place for it.")
@click.option("--force", is_flag=True, help="Replace a file that exists.")
@name_option
@server_options
@password_options
@dav_options
@json_option
@verbose
def export(email: str, what: str | None, **kw: Any) -> None:
    """Make a file, a QR code or a card that sets EMAIL up elsewhere. Touches nothing else.

    Without WHAT it lists what there is. A password is only inside with --with-password, in a file of
    mode 0600 or on a terminal. Examples:

    \b
      provisioner export jane.appleseed@icloud.com apple-mail -o jane.mobileconfig
      provisioner export jane.appleseed@icloud.com thunderbird-android
      provisioner export jane.appleseed@icloud.com card
    """
    with invocation.run("export", kw, invocation.index_style(what, kw)) as context:
        from provisioner.workflows.export import export

        if invocation.is_given(kw) and not kw["with_password"]:
            raise UsageError(
                "A password was given, but the file is to be without it.",
                "Add --with-password -o FILE, or leave the password out.",
            )
        export(
            context,
            invocation.wish(email, kw),
            what,
            kw["output"],
            invocation.password_source(context, kw) if kw["with_password"] else None,
            invocation.client_options(context, kw),
            force=kw["force"],
            profile_file=kw["profile_file"],
        )


@cli.command()
@click.argument("email", required=False)
@check_options
@timeout_option
@server_options
@password_options
@client_options
@json_option
def check(email: str | None, **kw: Any) -> None:
    """Log in as EMAIL over IMAP and SMTP, and explain the result. Sends no mail without --send-test.
    Instead of EMAIL, --all or --accounts FILE: many accounts, side by side.
    """
    with invocation.run("check", kw, invocation.check_style(kw)) as context:
        from provisioner.workflows.check import CheckOptions, check
        from provisioner.workflows.login import SERVICES

        options = CheckOptions(
            wish=invocation.wish(email, kw) if email else None,
            client_id=kw["client"],
            everything=kw["everything"],
            accounts=kw["accounts"],
            given=invocation.goes_with_email(kw),
            services=(kw["only"],) if kw["only"] else SERVICES,
            client=invocation.client_options(context, kw),
            timeout=kw["timeout"],
            profile_file=kw["profile_file"],
            per_host=kw["per_host"],
            minutes=kw["watch"],
            cert_days=kw["cert_days"],
            verbose=kw["verbose"],
            send_test=kw["send_test"],
        )
        check(context, options, invocation.password_source(context, kw))


@cli.command()
@click.argument("email")
@click.option(
    "--client", "client_ids", multiple=True, metavar="CLIENT", help="Only in this client; repeatable."
)
@server_options
@label_option
@password_options
@client_options
@timeout_option
@wait_option
@json_option
@verbose
def rotate(email: str, client_ids: tuple[str, ...], **kw: Any) -> None:
    """Put a new password into every client that has the old one. All of them, or none.

    The new password is checked first. The old one may have been revoked already.
    """
    with invocation.run("rotate", kw) as context:
        from provisioner.workflows.rotate import rotate

        rotate(
            context,
            invocation.wish(email, kw),
            client_ids,
            invocation.password_source(context, kw),
            invocation.client_options(context, kw),
            label=kw["label"],
            prompted=not invocation.is_given(kw),
            wait=kw["wait"],
            timeout=kw["timeout"],
            profile_file=kw["profile_file"],
        )


@cli.command()
@click.argument("email", required=False)
@click.option("--check", "login", is_flag=True, help="Log in, too, with what each client has stored.")
@timeout_option
@client_options
@json_option
@verbose
def status(email: str | None, **kw: Any) -> None:
    """Show what is set up where, and what has changed since. With labels and dates."""
    with invocation.run("status", kw) as context:
        from provisioner.workflows.status import status

        status(
            context, email, invocation.client_options(context, kw), login=kw["login"], timeout=kw["timeout"]
        )


@cli.command()
@click.argument("email")
@click.argument("client", nargs=-1)
@client_options
@wait_option
@dry_run_option
@click.option("--force", is_flag=True, help="Take out also what others have changed since; keeps a copy.")
@json_option
@verbose
def remove(email: str, client: tuple[str, ...], **kw: Any) -> None:
    """Undo setup: take EMAIL and its password out of each CLIENT. Out of all if none is named."""
    with invocation.run("remove", kw) as context:
        from provisioner.workflows.remove import remove

        remove(
            context,
            email,
            client,
            invocation.client_options(context, kw),
            dry_run=kw["dry_run"],
            wait=kw["wait"],
            force=kw["force"],
        )


@cli.command()
@click.argument("who", metavar="[EMAIL|PROVIDER]", required=False)
@click.argument("client", nargs=-1)
@label_option
@click.option("--open", "open_page", is_flag=True, help="Open the provider's page.")
@json_option
@verbose
def guide(who: str | None, client: tuple[str, ...], **kw: Any) -> None:
    """How to create and revoke the app-specific password. With the label to type.

    EMAIL may also be a domain. Without it, the providers that have such a password.
    """
    with invocation.run("guide", kw, invocation.index_style(who, kw)) as context:
        from provisioner.workflows.guide import guide

        guide(context, who, client, kw["label"], open_page=kw["open_page"])


@cli.command()
@click.argument("name", nargs=-1)
@json_option
@click.option("-v", "--verbose", is_flag=True, help="Say all of each, as of those that are named.")
def clients(name: tuple[str, ...], **kw: Any) -> None:
    """List clients and exports, how far each goes, what is here. With NAME, all about it."""
    with invocation.run("clients", kw, invocation.index_style(name, kw)) as context:
        from provisioner.workflows.listing import list_clients

        list_clients(context, name)


@cli.command()
@json_option
@verbose
def providers(**kw: Any) -> None:
    """List the known providers."""
    with invocation.run("providers", kw) as context:
        from provisioner.workflows.listing import list_providers

        list_providers(context)


@cli.command()
@click.option("--open", "open_window", is_flag=True, help="Start Thunderbird on what was set up.")
def demo(open_window: bool) -> None:
    """Show the whole job in a scratch home. Uses a mail server of its own, needs no account."""
    with invocation.run("demo", {}) as context:
        from provisioner.demo import tour

        tour.run(context.host, open_window=open_window)


def main() -> None:
    """Parses the command line and runs the verb."""
    try:
        sys.exit(cli.main(sys.argv[1:] or ["--help"], prog_name="provisioner", standalone_mode=False))
    except click.Abort:
        invocation.end_early(invocation.stopped(None))  # before the verb, or while its end was shown
    except click.ClickException as error:
        context = getattr(error, "ctx", None)
        usage = f"See: {context.command_path} --help" if context else "See: provisioner --help"
        invocation.end_early(UsageError(error.format_message(), usage))
