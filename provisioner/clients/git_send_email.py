"""git send-email: an account as a `sendemail` identity; the password comes from the keyring by a helper.

The identity and its credential helper are in a file of their own, which the user's configuration includes.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import quote

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, byhand, entries, hook, sender
from provisioner.clients.common.included import Included, file_name, from_home
from provisioner.errors import Conflict, ProvisionError
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Support
from provisioner.quoting.base import one_line
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "git-send-email"
TITLE = "git send-email"
SUPPORT = Support.FULL
ABOUT = About(
    versions="2.39",
    account="a file of its own, included by git's configuration",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring sends over TLS; git's own parser reads back any value",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_CHOSEN = {
    f"sendemail.{name}"
    for name in ("smtpserver", "smtpserverport", "smtpencryption", "smtpuser", "from", "identity")
}
"""Settings outside of identities by which someone has chosen how mail is sent."""
_REACHING = {
    "smtppass": "holds a password that git would send to the account's server instead of its own",
    "sendmailcmd": "makes git send everything by that program instead of the account's server",
}
"""Settings outside of identities that would spoil ours, and that no identity can take back."""


def _config(host: Host) -> Path:
    """Where `git config --global` keeps the XDG rules (git-config(1), FILES)."""
    return host.env_dir("XDG_CONFIG_HOME", host.home / ".config") / "git"


def _main(host: Host, options: Options) -> Path:
    """The file to which `git config --global` writes: both are read, the dotfile last."""
    dotfile = host.home / ".gitconfig"
    usual = (dotfile, _config(host) / "config", dotfile)
    if named := host.env.get("GIT_CONFIG_GLOBAL"):
        usual = (Path(named).absolute(),) * 3
    return blockfile.choose(host, options, usual, TITLE)


def _installed(host: Host) -> bool:
    directory = host.output("git", "--exec-path").strip()
    return bool(directory) and (Path(directory) / "git-send-email").is_file()


def detect(host: Host) -> tuple[Installation, ...]:
    """git with its `send-email`, which many systems have in a package of its own."""
    where = str(_main(host, Options()))
    return (Installation(ID, TITLE, "", where),) if _installed(host) else ()


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the identity, as the one that is used if nobody has chosen yet; the password into the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `git.*`, `block.*`).
    """
    if not _installed(host):
        raise ProvisionError(
            f"{TITLE} is not installed here.",
            "Install your system's package `git-email`, then run this again.",
            code="client.not_installed",
        )
    files = _files(host, account, options)
    settings = _settings(host, files)
    _refuse_clash(settings, account)
    before = files.own.block
    default = not set(settings) & _CHOSEN
    default = default and (before is None or "[sendemail]" in before.body)
    server = account.smtp
    body = render(
        "git-send-email/account.j2",
        name=account.key,
        sender=sender.mailbox(_name(account), account.address),
        server=server,
        starttls=server.security is Security.STARTTLS,
        default=default,
        context=f"smtp://{quote(one_line(server.username, 'git'), safe='')}@{server.host}:{server.port}",
        helper=_helper(hook.command(host, account)),
    )
    line = render("git-send-email/include.j2", path=from_home(host, files.own.path))
    choice = [] if default else [f"--identity={account.key}"]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(files.main.path),
        changes=files.with_account(body, line),
        secrets=(hook.change(host, account, secret),),
        done=f"sends patches as {account.address}; {hook.said(account)}",
        next=f"Send a patch with:\n  {shlex.join(['git', 'send-email', *choice, '--to=RECIPIENT', 'HEAD^'])}",
        notes=(
            *(() if default else (f"{_chosen(settings, files)}; {choice[0]} chooses this one.",)),
            *_lacking(host),
        ),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the identity and the line that includes it out. Raises Conflict (`block.*`)."""
    return blockfile.unplan(host, receipt, TITLE, force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our identity, if git has it, and the user's own for the server; see `Client.find`."""
    config = [host.home / ".gitconfig", _config(host) / "config", _main(host, options)]
    stores = [host.home / ".git-credentials", _config(host) / "credentials"]
    places = [*((path, byhand.git) for path in config), *((path, byhand.git_credentials) for path in stores)]
    by_hand = entries.advise(host, account, options, places)
    return (*_files(host, account, options).find(account), *by_hand)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if git has our identity."""
    return _files(host, account, options).stored(host, account)


def _files(host: Host, account: Account, options: Options) -> Included:
    own = _config(host) / "provisioner" / file_name(account)
    return Included.read(host, account, own, _main(host, options))


def _lacking(host: Host) -> tuple[str, ...]:
    """Modules that a login over TLS needs, but packages of git only recommend (git-send-email, `require`)."""
    try_all = 'for (@ARGV) { eval "require $_" or print "$_ " }'
    modules = ("Authen::SASL", "IO::Socket::SSL")
    printed = host.output("perl", "-e", try_all, *modules).split()
    lost = [module for module in modules if module in printed]
    hint = "install your system's packages of them (Debian: libauthen-sasl-perl, libio-socket-ssl-perl)"
    return (f"git send-email lacks the Perl modules {' and '.join(lost)}: {hint}.",) if lost else ()


def _name(account: Account) -> str:
    """The name without quotes, in UTF-8: git itself encodes and quotes it (git-send-email, sanitize_address).

    It does so by simple patterns, as it finds the address of the envelope; what could mislead these is
    encoded here. The rest is not, lest git take the sender for another person than the patch's author.
    """
    name = one_line(account.display_name, TITLE)
    return sender.encoded(name) if re.search(r'[<>@"\\]|=\?', name) else name


def _helper(command: str) -> str:
    """A credential helper that only answers; if there is no password, git asks for it (gitcredentials(7)).

    An empty helper before it keeps others away from this server: `store` would write the password to a file.
    """
    return f'!f() {{ test "$1" = get && p=$({command}) && printf "password=%s\\n" "$p"; }}; f'


def _chosen(settings: Mapping[str, set[str]], files: Included) -> str:
    """Who says how mail is sent if no identity is named."""
    origins = {origin for name in _CHOSEN & set(settings) for origin in settings[name]}
    if all(Path(origin.removeprefix("file:")).parent == files.own.path.parent for origin in origins):
        return "Another account of yours that was set up here is the usual one"
    return "You have chosen another way to send"


def _settings(host: Host, files: Included) -> dict[str, set[str]]:
    """`sendemail` settings for all of the user's repositories, but this account's, and whence; git follows
    includes.

    `sendemail.smtpsslcertpath=` stands for an empty value. Raises Conflict (`git.unreadable`).
    """
    everywhere = ["--git-dir=/nonexistent", "config"]  # else those of a repository in which we are started
    named = ["config", "--file", str(files.main.path)] if files.main.data else []
    found: dict[str, set[str]] = {}
    for scope in filter(None, (everywhere, named)):
        for pattern, mark in ((["^sendemail\\."], ""), (["^sendemail\\.smtpsslcertpath$", "^$"], "=")):
            options = ["--includes", "--show-origin", "--name-only", "-z", "--get-regexp", *pattern]
            output = host.output("git", *scope, *options)
            if output and "\0" not in output:
                raise Conflict(
                    f"git cannot read {files.main.path}, or another of its configuration files.",
                    "`git config --list` says what is wrong there.",
                    code="git.unreadable",
                )
            fields = output.split("\0")
            for origin, name in zip(fields[::2], fields[1::2], strict=False):
                if origin != f"file:{files.own.path}":
                    found.setdefault(name + mark, set()).add(origin)
    return found


def _refuse_clash(settings: Collection[str], account: Account) -> None:
    if any(name.startswith(f"sendemail.{account.key}.") for name in settings):
        raise Conflict(
            f'Your git configuration has a section [sendemail "{account.key}"] already, '
            "which provisioner did not write.",
            "Rename or remove it, then run the command again.",
            code="account.exists",
        )
    for name, effect in _REACHING.items():
        if f"sendemail.{name}" in settings:
            raise Conflict(
                f"Your git configuration has sendemail.{name}, which {effect}.",
                'Move it into a section of its own, such as [sendemail "work"], then run the command again.',
                code="git.setting",
            )
    if "sendemail.smtpsslcertpath=" in settings:
        raise Conflict(
            "Your git configuration has an empty sendemail.smtpSSLCertPath: no certificate is verified.",
            "Remove that line, then run the command again.",
            code="git.unverified",
        )
