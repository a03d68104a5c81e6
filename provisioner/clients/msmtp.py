"""msmtp: an account in its configuration file; the password comes from the keyring by a command."""

from __future__ import annotations

import shlex
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal, was_gone
from provisioner.clients.common import blockfile, byhand, entries, hook, msmtprc, program, tls
from provisioner.clients.common.blockfile import BlockFile
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, FileChange, Installation, Plan, Security, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "msmtp"
TITLE = "msmtp"
SUPPORT = Support.FULL
ABOUT = About(
    versions="1.8; older ones by their release notes",
    account="marked block in ~/.msmtprc or ~/.config/msmtp/config",
    stored=hook.STORED,
    proof="the real program with GNOME Keyring sends over TLS; its own parser reads back any value",
    proven="2026-11-23",
)

NEWEST = (1, 8)
"""The last whose words are known here."""

_SYSTEM = (1, 8, 3)
"""From here on the system's certificates are looked at; 1.8.2 only took the word for them (NEWS)."""
_TRUSTED = "\ntls_trust_file system\n"
_UNVERIFIED = "it would not verify the server's certificate"

stored_seal = no_stored_seal
export = no_export


def _usual(host: Host) -> tuple[Path, Path]:
    """msmtp reads the first of them that exists (msmtp(1), CONFIGURATION FILES)."""
    config = host.env_dir("XDG_CONFIG_HOME", host.home / ".config")
    return host.home / ".msmtprc", config / "msmtp/config"


def detect(host: Host) -> tuple[Installation, ...]:
    """msmtp on the search path; `where` is its configuration file."""
    return program.installation(host, ID, ID, TITLE, blockfile.choose(host, Options(), _usual(host), TITLE))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, as the default one if there is none yet, and stores the password in the keyring.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`hook.missing`,
    `profile.unknown`, `tls.no_bundle`, `value.unwritable`), Conflict (`account.exists`, `block.*`).
    """
    program.require(host, ID, TITLE, "msmtp")
    # msmtp(1), `from`: these would be a pattern or a substitution.
    if any(char in account.address for char in "%*?["):
        raise UsageError(
            f"msmtp cannot have {account.address} as sender: `%`, `*` and `?` mean something else there.",
            "Set up this address in another client.",
            code="value.unwritable",
        )
    file = _file(host, account, options)
    names = msmtprc.names(file.others)
    if account.key in names:
        raise blockfile.taken(file.path, f"an account {account.key}")
    default = "default" not in names and (file.block is None or "default" in msmtprc.names(file.block.body))
    version = program.version(host, ID)
    named = bool(version) and version < _SYSTEM
    had = file.block is not None and _TRUSTED not in file.block.body
    body = render(
        "msmtp/account.j2",
        name=account.key,
        address=account.address,
        server=account.smtp,
        starttls=account.smtp.security is Security.STARTTLS,
        hook=hook.command(host, account),
        # 1.8.2 brought `system` and did not look at the result of the verification (NEWS, 1.8.2, 1.8.3).
        trusted=tls.bundle(host, TITLE) if named else "",
        default=default,
    )
    send = ["msmtp", *_place(host, file.path), *([] if default else ["-a", account.key])]
    return Plan(
        client=ID,
        title=TITLE,
        where=str(file.path),
        changes=file.with_block(body),
        secrets=(hook.change(host, account, secret),),
        done=f"sends as {account.address}; {hook.said(account)}",
        next=f"Send a mail with:\n  {shlex.join(send)} RECIPIENT < MESSAGE",
        notes=(
            *(
                ()
                if default
                else (f"Another account is msmtp's default; -a {account.key} chooses this one.",)
            ),
            *program.newer(TITLE, version, NEWEST),
            *hook.unattended(host, account),
        ),
        dated=program.dated(TITLE, version, newer=had, fails="" if had else _UNVERIFIED)
        if file.block and version and named != had
        else None,
        secret=secret,
    )


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's block out. Raises Conflict (`block.*`)."""
    file = BlockFile.read(host, Path(receipt.where), receipt.account.key, force=options.force)
    changes: tuple[FileChange, ...] = file.without_block()
    others = msmtprc.names(file.others)
    orphans = (
        others and "default" not in others and file.block and "default" in msmtprc.names(file.block.body)
    )
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        done=f"{receipt.address} taken out of msmtp" if changes else was_gone(receipt),
        notes=("Without it, msmtp has no default account: choose one with `msmtp -a NAME`.",)
        if orphans
        else (),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """The accounts that send by the account's server; see `Client.find`."""
    own = entries.find(host, account, options, account.smtp, _usual(host), msmtprc.entries)
    return own + byhand.netrc(host, account, options)


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The keyring's password, if msmtp has our account that asks for it."""
    return hook.stored(host, account) if _file(host, account, options).block else None


def _file(host: Host, account: Account, options: Options) -> BlockFile:
    return BlockFile.read(host, blockfile.choose(host, options, _usual(host), TITLE), account.key)


def _place(host: Host, path: Path) -> list[str]:
    return [] if path in _usual(host) else ["-C", str(path)]
