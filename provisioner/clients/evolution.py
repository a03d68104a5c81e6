"""Evolution: an account in three files of its own, passwords in the keyring as Evolution looks them up."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import gnome, program
from provisioner.edits.keyfile import KeyFile
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, FileChange, Installation, Plan, Security, Server, Support, Use
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "evolution"
TITLE = "Evolution"
SUPPORT = Support.FULL
ABOUT = About(
    versions="3.46",
    account="three files of its own in ~/.config/evolution/sources",
    stored="the system's keyring, where Evolution itself looks (one entry for IMAP, one for SMTP)",
    proof="the real program under Xvfb with GNOME Keyring logs in, fetches and sends over TLS, "
    "also if its registry was running",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

REGISTRY = "evolution-source-registry"
_BUS = "org.gnome.evolution.dataserver"
_SECURITY = {Security.TLS: "ssl-on-alternate-port", Security.STARTTLS: "starttls-on-standard-port"}
"""Security methods (camel-enums.h, CamelNetworkSecurityMethod)."""
_FOLDERS = {"UseSentFolder", "SentFolder", "DraftsFolder", "ArchiveFolder"}
_FOLDERS |= {"UseRealTrashPath", "RealTrashPath", "UseRealJunkPath", "RealJunkPath"}
_KEEP = {"DisplayName", "Name", "Parent"} | _FOLDERS
"""What the person may have chosen otherwise since."""


ADVICE = "Evolution has an account of yours that logs in there and sends elsewhere: give it the new password."


@dataclass(frozen=True)
class Sources:
    """The three parts of an account; each is a file `UID.source`."""

    directory: Path
    account: str
    identity: str
    transport: str

    @classmethod
    def ours(cls, host: Host, account: Account) -> Sources:
        """Always the same for an address, whatever is in it."""
        uid = f"provisioner-{hashlib.sha256(account.key.encode()).hexdigest()[:16]}"
        return cls(gnome.evolution_sources(host), uid, f"{uid}-identity", f"{uid}-transport")

    def path(self, uid: str) -> Path:
        return self.directory / f"{uid}.source"

    @property
    def where(self) -> Path:
        return self.path(self.account)

    def items(self, account: Account) -> tuple[SecretItem, SecretItem]:
        """For IMAP and SMTP, as libedataserver stores them (e-secret-store.c)."""
        incoming, outgoing = (
            gnome.item(
                account,
                f"Evolution, {what}",
                "org.gnome.Evolution.Data.Source",
                ("e-source-uid", uid),
                ("eds-origin", "evolution-data-server"),
            )
            for what, uid in (("incoming", self.account), ("outgoing", self.transport))
        )
        return incoming, outgoing


@dataclass(frozen=True)
class Existing:
    """`account`: as Evolution has it; None if it sends elsewhere and is not ours to change."""

    sources: Sources
    account: Account | None


def detect(host: Host) -> tuple[Installation, ...]:
    """Evolution on the search path of a Linux."""
    if host.platform != "linux":
        return ()
    return program.installation(host, ID, ID, TITLE, gnome.evolution_sources(host))


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, or mends the one that logs in there, and stores the two passwords.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`client.not_here`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `ini.broken`).
    """
    gnome.require_linux(host, TITLE)
    program.require(host, ID, TITLE, "evolution")
    gnome.refuse_online(host, account, TITLE)
    gnome.refuse_shared(account, [one.account for one in _existing(host, account)], TITLE)
    existing = _choose(host, account, options)
    if existing is None:
        _refuse_other(host, account)
    sources = existing or Sources.ours(host, account)
    running = program.running(host, REGISTRY)
    told = not running or host.which("dbus-send") is not None
    return Plan(
        client=ID,
        title=TITLE,
        where=str(sources.where),
        changes=tuple(_changes(host, account, sources, options)),
        secrets=gnome.secret_changes(host, sources.items(account), secret),
        tell=_reload() if running else (),
        done="account added, passwords in the keyring where Evolution looks for them",
        next="Start Evolution: your inbox is there."
        if told
        else "Log out and in again, then start Evolution: your inbox is there.",
        adopted=existing not in (None, Sources.ours(host, account)),
        secret=secret,
    )


def _changes(host: Host, account: Account, sources: Sources, options: Options) -> Iterator[FileChange]:
    """The identity last: the account is announced when it is complete."""
    values = {
        "address": account.address,
        "name": account.display_name,
        "account": sources.account,
        "identity": sources.identity,
        "transport": sources.transport,
    }
    uses = {use.value: _mailbox(account, use) for use in Use}
    folders = {
        use: name and f"folder://{quote(sources.account)}/{quote(name)}"
        for use, name in uses.items()
        if use in ("sent", "drafts", "archive")
    }
    keep = _KEEP - {"Name"} if options.rename else _KEEP

    def part(uid: str, template: str, server: Server | None = None, **more: str) -> FileChange:
        security = _SECURITY[server.security] if server else ""
        text = render(f"evolution/{template}.j2", **values, server=server, security=security, **more)
        file = gnome.read(host, sources.path(uid))
        file.merge(KeyFile.of(text), keep=keep)
        return gnome.change(host, sources.path(uid), file)

    yield part(sources.transport, "transport", account.smtp)
    yield part(
        sources.account,
        "account",
        account.imap,
        trash=uses["trash"],
        junk=uses["junk"],
        archive=folders["archive"],
    )
    yield part(sources.identity, "identity", sent=folders["sent"], drafts=folders["drafts"])


def _mailbox(account: Account, use: Use) -> str:
    """The mailbox as Evolution's path, in which `/` parts the levels; empty if unknown or not to be said."""
    name = account.mailboxes.names.get(use, "") if account.mailboxes else ""
    delimiter = account.mailboxes.delimiter if account.mailboxes else "/"
    if delimiter == "/":
        return name
    return "" if "/" in name else name.replace(delimiter, "/") if delimiter else name


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's files out, also if Evolution has written to them since.

    One that the user had before stays. Raises Conflict (`file.*`).
    """
    del options  # Evolution writes to the files at every start: what was edited cannot be told from that
    paths = () if receipt.adopted else tuple(Path(record.path) for record in receipt.files)
    changes = tuple(FileChange(path, data, None) for path in paths if (data := host.read(path)) is not None)
    cache = host.env_dir("XDG_CACHE_HOME", host.home / ".cache") / "evolution/mail" / Path(receipt.where).stem
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        tell=_reload() if program.running(host, REGISTRY) else (),
        done=f"{receipt.address} taken out of Evolution" if changes else "nothing to take out of Evolution",
        notes=("You had the account in Evolution before, so it stays there.",) if receipt.adopted else (),
        left=(cache,),
    )


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """Ours, and the user's own that log in there; not those of GNOME Online Accounts."""
    return tuple(
        Found(
            str(one.sources.where),
            one.account,
            advice="" if one.account else ADVICE,
            name=str(one.sources.where),
        )
        for one in _existing(host, account)
        if options.profile in (None, str(one.sources.where))
    )


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password with which Evolution would log in to the account's IMAP server."""
    sources = _choose(host, account, options)
    return host.secrets.get(sources.items(account)[0]) if sources else None


def _choose(host: Host, account: Account, options: Options) -> Sources | None:
    """The account that logs in there, ours before others; None if there is none."""
    ours = Sources.ours(host, account)
    known = [one.sources for one in _existing(host, account) if one.account]
    known.sort(key=lambda sources: sources != ours)
    if options.profile is not None:
        path = Path(options.profile).expanduser()
        known = [sources for sources in known if sources.where == path]
        if not known and path != ours.where:
            raise gnome.unknown_place(TITLE, options, [])
    return known[0] if known else None


def _existing(host: Host, account: Account) -> Iterator[Existing]:
    """The accounts of Evolution's own that log in to the account's IMAP server, with all their parts."""
    directory = gnome.evolution_sources(host)
    for path, file in gnome.key_files(host, directory, "*.source"):
        if file.text("Mail Account", "BackendName") != "imapx" or gnome.is_online(host, file, path):
            continue
        user = file.text("Authentication", "User")
        if not gnome.same_login(account, account.imap, file.text("Authentication", "Host"), user):
            continue
        identity = file.text("Mail Account", "IdentityUid")
        transport = _part(host, directory, identity).text("Mail Submission", "TransportUid")
        login = _part(host, directory, transport)
        sends = login.text("Authentication", "Host"), login.text("Authentication", "User")
        if not identity or not transport:
            continue
        theirs = None
        if gnome.same_login(account, account.smtp, *sends):
            imap = dataclasses.replace(account.imap, username=user)
            smtp = dataclasses.replace(account.smtp, username=sends[1])
            address = _part(host, directory, identity).text("Mail Identity", "Address")
            theirs = dataclasses.replace(gnome.as_there(account, address), imap=imap, smtp=smtp)
        yield Existing(Sources(directory, path.stem, identity, transport), theirs)


def _part(host: Host, directory: Path, uid: str) -> KeyFile:
    if not uid or "/" in uid:
        return KeyFile.of("")
    return gnome.read(host, directory / f"{uid}.source")


def _refuse_other(host: Host, account: Account) -> None:
    """Raises Conflict if someone else's identity has the address: there would be two of them."""
    ours = Sources.ours(host, account)
    for path, file in gnome.key_files(host, ours.directory, "*.source"):
        if path.stem != ours.identity and file.text("Mail Identity", "Address").lower() == account.key:
            raise Conflict(
                f"Evolution has an account {account.address} already, which logs in elsewhere.",
                "Remove that account in Evolution, then run the command again.",
                code="account.exists",
            )


def _reload() -> tuple[tuple[str, ...], ...]:
    """Makes the registry read its files again (org.gnome.evolution.dataserver.SourceManager, Reload)."""
    path = f"/{_BUS.replace('.', '/')}/SourceManager"
    method = f"{_BUS}.SourceManager.Reload"
    return (("dbus-send", "--session", "--print-reply", f"--dest={_BUS}.Sources5", path, method),)
