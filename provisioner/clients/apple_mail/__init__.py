"""Apple Mail on macOS, iOS and iPadOS, set up by a configuration profile (.mobileconfig).

The user opens the profile and confirms it in Settings: since macOS 11 and at any time on iOS, no program
can install one by itself on a device that nobody manages.
"""

from __future__ import annotations

import re
from pathlib import Path

from provisioner.clients.apple_mail import profile
from provisioner.clients.base import About, ExportFile, Options, cannot_find, no_stored_seal, no_stored_secret
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.model import Account, FileChange, Installation, Plan, Support
from provisioner.receipt import Receipt
from provisioner.secret import Secret
from provisioner.steps import ours

ID = "apple-mail"
TITLE = "Apple Mail"
SUPPORT = Support.IMPORT
ABOUT = About(
    versions="iOS and iPadOS 15, macOS 12 and newer",
    account="a .mobileconfig that you open and confirm",
    stored="the profile; you delete the file after installing",
    proof="every key and type against Apple's published schema; not tried on a device",
    proven="2026-11-23",
)

find = cannot_find


def _version(host: Host, path: str, key: str) -> str:
    content = host.read(host.system(path))
    data = profile.parse(content) if content else None
    return str(data.get(key, "")) if data else ""


def _pane(host: Host | None) -> str:
    """Where this Mac's Settings list profiles; both places if the version is unknown.

    macOS 15 moved it to General, Device Management (Apple, Mac User Guide, mh35474).
    """
    path = "/System/Library/CoreServices/SystemVersion.plist"
    release = _version(host, path, "ProductVersion") if host else ""
    number = re.match(r"\d+", release)
    major = int(number[0]) if number else 0
    if major >= 15:
        return "System Settings > General > Device Management"
    if major >= 13:
        return "System Settings > Privacy & Security > Profiles"
    if major >= 11:
        return "System Preferences > Profiles"
    return "System Settings > General > Device Management (macOS 13 and 14: Privacy & Security > Profiles)"


def _folder(host: Host) -> Path:
    return host.home / "Library/Application Support/provisioner/apple-mail"


def profile_path(host: Host, address: str) -> Path:
    """The profile that `plan` writes for this address."""
    return _folder(host) / f"{profile.names_of(address).identifier.rpartition('.')[2]}.mobileconfig"


def _existing(host: Host, address: str) -> bytes | None:
    """The profile that is there, None if there is none. Raises Conflict if it is not ours."""
    path = profile_path(host, address)
    content = host.read(path)
    if content is None:
        return None
    data = profile.parse(content)
    if data is None or data.get("PayloadIdentifier") != profile.names_of(address).identifier:
        raise Conflict(
            f"{path} is not a profile that provisioner made.", "Move it away and run the command again."
        )
    return content


def detect(host: Host) -> tuple[Installation, ...]:
    """Mail is part of macOS, so it is on every Mac and nowhere else."""
    if host.platform != "darwin":
        return ()
    version = _version(
        host, "/System/Applications/Mail.app/Contents/Info.plist", "CFBundleShortVersionString"
    )
    return (Installation(ID, TITLE, version, str(_folder(host))),)


def plan(host: Host, account: Account, secret: Secret, options: Options) -> Plan:
    """Writes the profile, password inside, for this user's eyes only, and has it opened.

    Raises UsageError (`client.not_here`) on other systems than macOS, Conflict for a foreign file.
    """
    if host.platform != "darwin":
        raise UsageError(
            "Apple Mail runs on a Mac, an iPhone or an iPad, and this computer is none of them.",
            "Make a file for it, bring it there by AirDrop or Files and open it; it holds no password, the "
            "device asks for it:" + ours("export", account.address, ID, "-o", "mail.mobileconfig"),
            code="client.not_here",
        )
    path = profile_path(host, account.address)
    before = _existing(host, account.address)
    salt = profile.salt_of(before) if before else ""
    if not salt or profile.make(account, secret, options, salt=salt) != before:
        salt = profile.new_salt()  # the hash of the file stands in the receipt
    after = profile.make(account, secret, options, salt=salt)
    change = FileChange(path, before, after, mode=0o600)
    return Plan(
        client=ID,
        title=TITLE,
        where=str(_folder(host)),
        changes=() if before == after else (change,),
        done="profile made, with the password inside; nothing is installed until you confirm it",
        next=f'Open {_pane(host)}, double-click "{account.title}: {account.address}" and click Install. '
        f"When mail arrives, delete {path}: it holds the password.",
        secret=secret,
        open=path,
    )


def unplan(host: Host, receipt: Receipt, _options: Options) -> Plan:
    """Deletes the profile's file. The installed profile can only be removed by the user."""
    path = profile_path(host, receipt.address)
    before = _existing(host, receipt.address)
    change = FileChange(path, before, None)
    return Plan(
        client=ID,
        title=TITLE,
        where=receipt.where,
        changes=() if before is None else (change,),
        done="the profile's file is gone",
        notes=(
            f"If the profile is installed, open {_pane(host)}, select the profile of {receipt.address} and "
            "click the minus button: the account goes with it.",
        ),
    )


stored_secret = no_stored_secret
stored_seal = no_stored_seal


def export(account: Account, secret: Secret | None, options: Options) -> ExportFile:
    """The profile for an iPhone, an iPad or another Mac.

    Raises UsageError for a value that XML cannot hold, or if a server is asked for that is not known.
    """
    name = re.sub(r"[^A-Za-z0-9@._+-]", "_", account.address).lstrip(".-")[:200]
    if secret:
        note = "The password is inside: send the file by AirDrop only and delete it after installing."
    else:
        note = "The device asks for the app-specific password."
    return ExportFile(
        name=f"{name}.mobileconfig",
        content=profile.make(account, secret, options),
        next="iPhone or iPad: open the file there (AirDrop, Apple Mail or Files), then within 8 minutes "
        "Settings > Profile Downloaded > Install. "
        f"Mac: open it, then {_pane(None)}, double-click it, Install. {note}",
    )
