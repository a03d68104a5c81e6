"""Emacs: an account for Gnus, mu4e and all that sends by Message; the password from the keyring by a command.

Our Lisp is in a file of its own, which the user's init file loads. auth-source, which Emacs asks for every
password, finds ours by a backend of its own; nothing is written to ~/.authinfo.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import blockfile, byhand, hook, included, program
from provisioner.clients.common.included import Included
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account, Installation, Plan, Security, Server, Support, Use
from provisioner.quoting.base import Quoted
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "emacs"
TITLE = "Emacs"
SUPPORT = Support.FULL
ABOUT = About(
    versions="27 and newer",
    account="a file of its own in ~/.config/provisioner/emacs, loaded by init.el",
    stored=hook.STORED,
    proof="the real Emacs 28 with GNOME Keyring reads (Gnus) and sends over TLS; its reader reads any value",
    proven="2026-11-23",
)
OLDEST = (27,)
"""The first with `auth-source-backend-parser-functions` (its NEWS)."""

stored_seal = no_stored_seal
export = no_export

_COMMENT = ";;"
_FOLDERS = {
    Use.SENT: "mu4e-sent-folder",
    Use.DRAFTS: "mu4e-drafts-folder",
    Use.TRASH: "mu4e-trash-folder",
    Use.ARCHIVE: "mu4e-refile-folder",
}


def _init(host: Host) -> Path:
    """The init file that Emacs reads (Emacs manual, Find Init; startup.el, startup--xdg-or-homedot).

    On Windows its home is HOME, which is seldom set there, else APPDATA (Emacs manual, Windows HOME).
    """
    home = host.home
    if host.platform == "win32":
        home = host.env_dir("HOME", host.env_dir("APPDATA", home / "AppData/Roaming"))
    for name in (".emacs.el", ".emacs"):
        if host.read(home / name) is not None:
            return home / name
    usual, xdg = home / ".emacs.d", host.env_dir("XDG_CONFIG_HOME", home / ".config") / "emacs"
    return (xdg if xdg.is_dir() and not usual.is_dir() else usual) / "init.el"


def detect(host: Host) -> tuple[Installation, ...]:
    """Emacs on the search path; `where` is its init file."""
    return program.installation(host, ID, ID, TITLE, _init(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, as the usual sender if there is none yet, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `client.old`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "emacs")
    version = program.version(host, "emacs")
    program.refuse_old(TITLE, version, OLDEST, "it cannot be given a source of passwords")
    files = _files(host, account, options)
    _refuse_clash(files, account)
    names = account.mailboxes.names if account.mailboxes else {}
    body = render(
        "emacs/account.j2",
        key=account.key,
        address=account.address,
        name=account.display_name,
        imap=account.imap,
        imap_stream=_stream(account.imap),
        smtp=account.smtp,
        smtp_stream=_stream(account.smtp),
        command=shlex.split(hook.command(host, account)),
        folders=[(Quoted(variable), names[use]) for use, variable in _FOLDERS.items() if use in names],
    )
    # `load` expands `$NAME` in a file name (Elisp manual, How Programs Do Loading).
    # Windows' Emacs has a home of its own for `~`.
    own = files.own.path
    path = own.as_posix() if host.platform == "win32" else included.from_home(host, own)
    line = render("emacs/include.j2", path=path.replace("$", "$$"))
    missing = [name for name in ("mbsync", "mu") if name not in options.beside]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(files.main.path),
        changes=files.with_account(body, line),
        secrets=(hook.change(host, account, secret),),
        done=f"reads and sends mail as {account.address}; {hook.said(account)}",
        next="Restart Emacs; M-x gnus reads your mail, C-x m writes one.",
        notes=(f"mu4e shows it once mail is fetched and found:{ours('setup', account.address, *missing)}",)
        if missing
        else (),
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes our file and the line that loads it out. Raises Conflict (`block.*`)."""
    return blockfile.unplan(host, receipt, TITLE, force=options.force)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Our account, if Emacs has it, and what its files of logins have; see `Client.find`."""
    return (*_files(host, account, options).find(account), *byhand.netrc(host, account, options))


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if Emacs has our account."""
    return _files(host, account, options).stored(host, account)


def _refuse_clash(files: Included, account: Account) -> None:
    """A server of Gnus or a context of mu4e with our name; what the init file loads is not looked at."""
    same = re.compile(rf'[^;]*(\(nnimap|:name)\s+"{re.escape(account.key)}".*', re.I)
    own = files.own.block is None and bool(files.own.others.strip())
    if own or any(map(same.match, files.main.others.splitlines())):
        raise Conflict(
            f"{files.own.path if own else files.main.path} has {account.key} already, which provisioner did "
            "not write.",
            "Rename or remove it, then run the command again.",
            code="account.exists",
        )


def _files(host: Host, account: Account, options: Options) -> Included:
    own = included.directory(host) / "emacs" / included.file_name(account, ".el")
    main = blockfile.choose(host, options, [_init(host)], TITLE)
    return Included.read(host, account, own, main, _COMMENT)


def _stream(server: Server) -> Quoted:
    """nnimap and smtpmail have the same words; both demand TLS (network-stream.el)."""
    return Quoted("tls" if server.security is Security.TLS else "starttls")
