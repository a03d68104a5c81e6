"""What Evolution, Geary and GNOME Online Accounts have in common: key files, keyring items of their own, and
that the last of them hands its accounts to the other two, so that an account in both would be there twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from provisioner.clients.base import Options
from provisioner.edits.keyfile import KeyFile
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, FileChange, SecretChange, Server
from provisioner.secret import Secret


def config(host: Host) -> Path:
    """Where GLib says that configuration is (g_get_user_config_dir)."""
    return host.env_dir("XDG_CONFIG_HOME", host.home / ".config")


def require_linux(host: Host, title: str, store: str = "the Secret Service") -> None:
    """Raises UsageError (`client.not_here`): only there is the store in which they look up passwords."""
    if host.platform != "linux":
        raise UsageError(
            f"{title} can only be set up on Linux: it looks its passwords up in {store}.",
            "Choose a mail program of this system; `provisioner clients` lists them.",
            code="client.not_here",
        )


# --- files ---


def read(host: Host, path: Path) -> KeyFile:
    """The file; empty if there is none. Raises Conflict (`ini.broken`, `file.*`)."""
    return KeyFile(host.read(path) or b"", path)


def change(host: Host, path: Path, after: KeyFile) -> FileChange:
    return FileChange(path, host.read(path), after.data, 0o600)


def key_files(host: Host, directory: Path, pattern: str) -> Iterator[tuple[Path, KeyFile]]:
    """The files that can be read, by name; programs pass over the others, too."""
    for path in sorted(directory.glob(pattern)):
        with contextlib.suppress(Conflict):
            yield path, read(host, path)


def same_login(account: Account, server: Server, host: str, user: str) -> bool:
    """Whether these log in to the account's server, in any form of its user name."""
    names = {server.username.lower(), account.local_part.lower(), account.key}
    return host.lower() == server.host.lower() and user.lower() in names


def unknown_place(title: str, options: Options, known: Sequence[Path]) -> UsageError:
    """For `--client-profile` with something that is not an account's file."""
    return UsageError(
        f"{title} has no account file {options.profile}.",
        f"It has: {', '.join(map(str, known))}." if known else "Leave --client-profile away.",
        code="profile.unknown",
    )


# --- passwords ---


def item(account: Account, what: str, schema: str, *attributes: tuple[str, str]) -> SecretItem:
    """An item as the client itself makes it, so that it is replaced and never doubled.

    `schema` is what libsecret stores as `xdg:schema`.
    """
    label = f"Mail password of {account.address} ({what})"
    return SecretItem(label, (("xdg:schema", schema), *attributes))


def secret_changes(host: Host, items: Sequence[SecretItem], secret: Secret) -> tuple[SecretChange, ...]:
    """Each item with this value. Raises ProvisionError (`keyring.*`)."""
    return tuple(SecretChange(one, host.secrets.get(one), secret) for one in items)


# --- never twice ---


def online_accounts(host: Host) -> Path:
    """The file of GNOME Online Accounts (src/daemon/goadaemon.c)."""
    return config(host) / "goa-1.0/accounts.conf"


def evolution_sources(host: Host) -> Path:
    """The directory of Evolution's own accounts (e-server-side-source.c)."""
    return config(host) / "evolution/sources"


def geary_accounts(host: Host) -> Path:
    """The directory of Geary's accounts; those that come from elsewhere are not called `account_NN`."""
    return config(host) / "geary"


def refuse_online(host: Host, account: Account, title: str) -> None:
    """Raises Conflict (`account.exists`) if GNOME Online Accounts hands the account to this client."""
    file = read(host, online_accounts(host))
    for section in file.sections():
        if has_address(
            account, file.text(section, "EmailAddress"), file.text(section, "PresentationIdentity")
        ):
            raise Conflict(
                f"GNOME Online Accounts has {account.address} already, and {title} takes it from there.",
                "Use it from there, or remove it in Settings > Online Accounts and run the command again.",
                code="account.exists",
            )


def refuse_elsewhere(host: Host, account: Account, title: str) -> None:
    """Raises Conflict (`account.exists`) if Evolution or Geary has the account as one of its own."""
    for path, file in key_files(host, evolution_sources(host), "*.source"):
        parent = read(host, path.with_name(file.text("Data Source", "Parent") + ".source"))
        if has_address(account, file.text("Mail Identity", "Address")) and not is_online(host, parent, path):
            raise _elsewhere(account, "Evolution", title)
    for _, file in key_files(host, geary_accounts(host), "account_*/geary.ini"):
        if has_address(account, *file.elements("Account", "sender_mailboxes")):
            raise _elsewhere(account, "Geary", title)


def is_online(host: Host, source: KeyFile, path: Path) -> bool:
    """The source, or the one above it, comes from GNOME Online Accounts. `path`: any file beside them."""
    parent = source.text("Data Source", "Parent")
    if parent and "GNOME Online Accounts" not in source.sections():
        with contextlib.suppress(ProvisionError):
            source = read(host, path.with_name(f"{parent}.source"))
    return "GNOME Online Accounts" in source.sections()


def has_address(account: Account, *texts: str) -> bool:
    """One of these is the account's address, or a name with it: `Jane <jane@example.org>`."""
    return any(text.lower() == account.key or text.lower().endswith(f"<{account.key}>") for text in texts)


def as_there(account: Account, *texts: str) -> Account:
    """The account with the first of these addresses, unless one of them is its own."""
    given = [text.rpartition("<")[2].removesuffix(">") for text in texts if text]
    own = not given or has_address(account, *texts)
    return account if own else dataclasses.replace(account, address=given[0])


def refuse_shared(account: Account, there: Iterable[Account | None], title: str) -> None:
    """Raises Conflict (`account.exists`) if only accounts of other addresses log in there: each of these
    programs has one address for an account, and ours would take the place of theirs."""
    others = [one.address for one in there if one]
    if others and account.key not in (other.lower() for other in others):
        raise Conflict(
            f"{title} has an account that logs in there already, for {others[0]}.",
            f"If it takes a second address for an account, add {account.address} to that one there.",
            code="account.exists",
        )


def _elsewhere(account: Account, other: str, title: str) -> Conflict:
    return Conflict(
        f"{other} has {account.address} already, and would get it from {title} a second time.",
        f"Leave {title} out, or remove the account from {other} first.",
        code="account.exists",
    )
