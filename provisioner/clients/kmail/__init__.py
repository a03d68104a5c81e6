"""KMail: Akonadi's IMAP resource, a transport and an identity; passwords where each of them looks them up.

Akonadi and KMail write these files while they run, so they must not. Numbers of ours are made from the
address and are large, so that none that KMail gives itself meets them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from provisioner.clients.base import About, Found, Options, no_export, no_stored_seal
from provisioner.clients.common import gnome, program
from provisioner.clients.kmail.parts import Parts, existing, has_address, identities, section_of
from provisioner.clients.kmail.passwords import items
from provisioner.edits.keyfile import KeyFile
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account, FileChange, Installation, Plan, Security, Support
from provisioner.receipt import Receipt
from provisioner.render import render
from provisioner.secret import Secret

ID = "kmail"
TITLE = "KMail"
SUPPORT = Support.FULL
"""It has the password; that it may still ask for it when it first sends is said in `ABOUT` and at setup."""
ABOUT = About(
    versions="22.12; 24 and newer by its source",
    account="an IMAP resource of Akonadi (akonadi/agentsrc and a file of its own), a section each in "
    "mailtransports and emailidentities, all in ~/.config",
    stored="KWallet, where KMail itself looks (one entry for IMAP, one for SMTP; outside KDE that for SMTP "
    "is in the system's keyring); it may still ask once when it sends, as it does not wait for its wallet",
    proof="the real program under Xvfb with KWallet and Akonadi logs in, fetches and sends over TLS",
    proven="2026-11-23",
)

stored_seal = no_stored_seal
export = no_export

_IMAP = {Security.TLS: "SSL", Security.STARTTLS: "STARTTLS"}
"""`Safety` (kdepim-runtime, resources/imap/settings.cpp, loadAccount)."""
_SMTP = {Security.TLS: "SSL", Security.STARTTLS: "TLS"}
"""`encryption` (kmailtransport, mailtransport.kcfg)."""
_KEEP = {"Name", "Identity", "name", "UseDefaultIdentity", "AccountIdentity", "first-start", "CheckOnStartup"}
CACHED = (
    "KMail shows what it has fetched of the account until you run `akonadictl fsck` once while KMail is open."
)
_ADVICE = "KMail has an account of yours that logs in there and sends elsewhere: give it the new password."


def detect(host: Host) -> tuple[Installation, ...]:
    """KMail on the search path of a Linux."""
    if host.platform != "linux":
        return ()
    return program.installation(host, ID, ID, TITLE, gnome.config(host) / "akonadi")


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Adds the account, or mends the one that logs in there, and stores the passwords.

    Raises ProvisionError (`client.not_installed`, `keyring.*`), UsageError (`client.not_here`,
    `profile.unknown`, `value.unwritable`), Conflict (`account.exists`, `ini.broken`).
    """
    gnome.require_linux(host, TITLE, "KWallet")
    program.require(host, ID, TITLE, "kmail")
    known = _choose(host, account, options)
    if known is None:
        _refuse_other(host, account)
    ours = Parts.ours(host, account)
    parts = known or ours
    adopted = parts.resource != ours.resource
    return Plan(
        client=ID,
        title=TITLE,
        where=str(parts.where),
        changes=tuple(_changes(host, account, parts, options, adopted=adopted)),
        secrets=gnome.secret_changes(host, items(host, account, parts), secret),
        locks=_sockets(host),
        done="account added, passwords where KMail looks for them",
        next="Start KMail: your inbox is there.",
        notes=() if known else _notes(account),
        adopted=adopted,
        secret=secret,
    )


def _notes(account: Account) -> tuple[str, ...]:
    return (
        "KMail may ask for the password when it first sends after a start: it does not wait until its wallet "
        "has answered. Cancel, and send again.",
        "KMail keeps copies of what you send in its own folder sent-mail. To have them at the server, choose "
        f"a folder there: Settings > Configure KMail > Identities > {account.address} > Modify > Advanced.",
    )


def _changes(
    host: Host, account: Account, parts: Parts, options: Options, *, adopted: bool
) -> Iterator[FileChange]:
    """The instance last: with it Akonadi knows of the account."""
    transports, people = (gnome.read(host, path) for path in (parts.transports, parts.people))
    values = {
        "address": account.address,
        "name": account.display_name,
        "resource": parts.resource,
        "transport": parts.transport,
        "identity": parts.identity,
        "ours": not adopted,
    }

    def part(path: Path, template: str, **more: object) -> FileChange:
        file = gnome.read(host, path)
        keep = _KEEP - ({"Name"} if options.rename and template == "identity" else set())
        file.merge(KeyFile.of(render(f"kmail/{template}.j2", **values, **more)), keep=keep)
        return gnome.change(host, path, file)

    yield part(parts.where, "resource", server=account.imap, security=_IMAP[account.imap.security])
    yield part(
        parts.transports,
        "transport",
        server=account.smtp,
        security=_SMTP[account.smtp.security],
        first=not any(name.startswith("Transport ") for name in transports.sections()),
    )
    yield part(
        parts.people,
        "identity",
        section=section_of(people, parts.identity),
        first=not any(identities(people)),
    )
    if not adopted:
        yield part(parts.settings, "settings")
        yield part(parts.agent, "agent")
        yield part(parts.instances, "instance")


def _sockets(host: Host) -> tuple[Path, ...]:
    """Where Akonadi listens while it runs (akonadi, src/server/utils.cpp, akonadiSocketDirectory)."""
    links = (link.resolve() for link in sorted(_data(host).glob("socket-*-default")))
    usual = host.env_dir("XDG_RUNTIME_DIR", Path(f"/run/user/{os.geteuid()}")) / "akonadi"
    return tuple(place / "akonadiserver-cmd.socket" for place in dict.fromkeys((usual, *links)))


def _data(host: Host) -> Path:
    """Where Akonadi keeps what it has fetched."""
    return host.env_dir("XDG_DATA_HOME", host.home / ".local/share") / "akonadi"


def unplan(host: Host, receipt: Receipt, options: Options) -> Plan:
    """Takes the account's parts out; all else in the files stays as it is now. Raises Conflict."""
    del options  # KMail and Akonadi write to the files as well: what was edited cannot be told from that
    changes = () if receipt.adopted else tuple(_without(host, Parts.ours(host, receipt.account)))
    notes = [CACHED] if changes and _data(host).is_dir() else []
    if receipt.adopted:
        notes.append("You had the account in KMail before, so it stays there.")
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=changes,
        locks=_sockets(host),
        done=f"{receipt.address} taken out of {TITLE}" if changes else f"nothing to take out of {TITLE}",
        notes=tuple(notes),
    )


def _without(host: Host, parts: Parts) -> Iterator[FileChange]:
    """The instance first: without it Akonadi knows of nothing else. A file in which nothing is left goes."""
    files = {path: gnome.read(host, path) for path in parts.shared}
    instances, transports, people, settings = files.values()
    instances.discard("Instances", f"{parts.resource}\\AgentType")
    transports.remove(f"Transport {parts.transport}")
    if transports.text("General", "default-transport") == parts.transport:
        transports.discard("General", "default-transport")
    for section in [one for one in identities(people) if people.text(one, "uoid") == parts.identity]:
        people.remove(section)
    if people.text("General", "Default Identity") == parts.identity:
        people.discard("General", "Default Identity")
    settings.remove(f"Resource {parts.resource}")
    if settings.sections() == ("General",) and not any(identities(people)):
        settings.discard("General", "first-start")
    for path in (*files, parts.where, parts.agent, parts.log):
        before = host.read(path)
        left = files[path].data if path in files and files[path].sections() else None
        if before != left:
            yield FileChange(path, before, left)


def find(host: Host, account: Account, options: Options) -> tuple[Found, ...]:
    """All that log in there; not those whose resource is not among Akonadi's instances."""
    return tuple(
        Found(str(parts.where), found, advice="" if found else _ADVICE, name=str(parts.where))
        for parts, found in existing(host, account)
        if options.profile in (None, str(parts.where))
    )


def stored_secret(host: Host, account: Account, options: Options) -> Secret | None:
    """The password with which KMail would log in to the account's IMAP server."""
    parts = _choose(host, account, options)
    return host.secrets.get(items(host, account, parts)[0]) if parts else None


def _choose(host: Host, account: Account, options: Options) -> Parts | None:
    """The account that logs in there, ours before others; None if there is none."""
    ours = Parts.ours(host, account)
    known = [parts for parts, found in existing(host, account) if found]
    known.sort(key=lambda parts: parts.resource != ours.resource)
    if options.profile is not None:
        path = Path(options.profile).expanduser()
        known = [parts for parts in known if parts.where == path]
        if not known and path != ours.where:
            raise gnome.unknown_place(TITLE, options, [])
    return known[0] if known else None


def _refuse_other(host: Host, account: Account) -> None:
    """Raises Conflict if someone else's identity has the address: there would be two of them."""
    ours = Parts.ours(host, account)
    people = gnome.read(host, ours.people)
    others = [name for name in identities(people) if people.text(name, "uoid") != ours.identity]
    resources = {parts.resource for parts, _ in existing(host, account)}
    if resources - {ours.resource} or any(has_address(people, name, account) for name in others):
        raise Conflict(
            f"KMail has an account with this login or an identity {account.address} already.",
            "Remove it in KMail (Settings > Configure KMail), then run the command again.",
            code="account.exists",
        )
