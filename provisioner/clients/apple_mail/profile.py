"""The configuration profile (.mobileconfig): made from a template, read back, compared with the account.

Keys, types and values follow Apple's published schema (github.com/apple/device-management, MIT):
TopLevel, CommonPayloadKeys, com.apple.mail.managed, com.apple.caldav.account, com.apple.carddav.account.
"""

from __future__ import annotations

import hashlib
import plistlib
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from provisioner.clients.base import Options
from provisioner.errors import ProvisionError, UsageError
from provisioner.model import Account, Server
from provisioner.render import render
from provisioner.secret import MASK, Secret

TEMPLATE = "apple-mail/profile.mobileconfig.j2"

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "mail-provisioner.local")
_CONSENT = (
    "This profile contains a password. Delete the file after installing it, "
    "and keep it away from shared folders, chats and backups."
)


@dataclass(frozen=True)
class Names:
    """What a device knows a payload by. The same address gives the same names at any time, with or
    without a password, so that a later profile replaces the earlier one instead of doubling it.
    """

    identifier: str

    @property
    def uuid(self) -> str:
        return str(uuid.uuid5(_NAMESPACE, self.identifier)).upper()

    def payload(self, role: str) -> Names:
        return Names(f"{self.identifier}.{role}")


@dataclass(frozen=True)
class _Dav:
    """A CalDAV or CardDAV payload; `kind` is how Apple's keys begin."""

    kind: str
    noun: str
    server: Server
    names: Names


def names_of(address: str) -> Names:
    """The profile's names: readable, plus a hash, for `foo.bar@` and `foo-bar@` read the same."""
    key = address.lower()
    readable = re.sub(r"[^a-z0-9]+", "-", key).strip("-")
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return Names("local.mail-provisioner." + f"{readable[:64]}-{digest}".strip("-"))


def _dav(account: Account, options: Options) -> tuple[_Dav, ...]:
    wanted = (
        (options.calendar, account.caldav, "CalDAV", "Calendar", "account.no_calendar"),
        (options.contacts, account.carddav, "CardDAV", "Contacts", "account.no_contacts"),
    )
    payloads = []
    for asked, server, kind, noun, code in wanted:
        if not asked:
            continue
        if server is None:
            raise UsageError(
                f"No {kind} server is known for {account.address}.",
                f"Leave --{noun.lower()} out, or name the server in a provider profile (--profile FILE).",
                code=code,
            )
        payloads.append(_Dav(kind, noun, server, names_of(account.address).payload(kind.lower())))
    return tuple(payloads)


def _expected(account: Account, password: str, dav: tuple[_Dav, ...]) -> dict[str, dict[str, Any]]:
    """What each payload type must say for the account to work, by Apple's key."""
    mail: dict[str, Any] = {
        "EmailAccountType": "EmailTypeIMAP",
        # One address: iOS takes a list with commas as one long address.
        "EmailAddress": account.address,
        "IncomingMailServerAuthentication": "EmailAuthPassword",
        "IncomingMailServerHostName": account.imap.host,
        "IncomingMailServerPortNumber": account.imap.port,
        # UseSSL means encrypted in either way: with port 587 devices use STARTTLS.
        "IncomingMailServerUseSSL": True,
        "IncomingMailServerUsername": account.imap.username,
        "OutgoingMailServerAuthentication": "EmailAuthPassword",
        "OutgoingMailServerHostName": account.smtp.host,
        # Without a port devices begin with 25.
        "OutgoingMailServerPortNumber": account.smtp.port,
        "OutgoingMailServerUseSSL": True,
        "OutgoingMailServerUsername": account.smtp.username,
        "OutgoingPasswordSameAsIncomingPassword": True,
    }
    if account.display_name:
        mail["EmailAccountName"] = account.display_name
    if password:
        mail["IncomingPassword"] = password
    payloads = {"com.apple.mail.managed": mail | _identity(names_of(account.address).payload("mail"))}
    for entry in dav:
        # No PrincipalURL: it is per user, and devices find it by /.well-known (RFC 6764).
        values: dict[str, Any] = {
            f"{entry.kind}HostName": entry.server.host,
            f"{entry.kind}Port": entry.server.port,
            f"{entry.kind}UseSSL": True,
            f"{entry.kind}Username": entry.server.username,
        }
        if password:
            values[f"{entry.kind}Password"] = password
        payloads[f"com.apple.{entry.kind.lower()}.account"] = values | _identity(entry.names)
    return payloads


def _identity(names: Names) -> dict[str, Any]:
    return {"PayloadVersion": 1, "PayloadIdentifier": names.identifier, "PayloadUUID": names.uuid}


def _is_password(key: str) -> bool:
    return key.endswith("Password") and key != "OutgoingPasswordSameAsIncomingPassword"


def _compare(payload: Mapping[str, Any], expected: Mapping[str, Any], where: str) -> None:
    for key, value in expected.items():
        found = payload.get(key)
        # `type` too: for Python True equals 1, for a device <true/> and <integer> differ.
        if type(found) is not type(value) or found != value:
            raise _mismatch(f"{key} in {where}")
    for key, value in payload.items():
        if value == "" or (_is_password(key) and key not in expected):
            raise _mismatch(f"{key} in {where}")


def _mismatch(what: str) -> ProvisionError:
    return ProvisionError(
        f"The profile made from {TEMPLATE} does not say what the account says: {what}.",
        "If you changed the template, compare it with the one that came with provisioner.",
        code="render.mismatch",
    )


def _verify(content: bytes, account: Account, password: str, dav: tuple[_Dav, ...], salt: str) -> None:
    """Reads the profile as a device would. Raises ProvisionError (`render.mismatch`) for any difference."""
    if salt_of(content) != salt:
        raise _mismatch("the comment with the random number")
    profile = parse(content)
    if profile is None:
        raise _mismatch("it is not a property list")
    top = {"PayloadType": "Configuration", "PayloadScope": "User"} | _identity(names_of(account.address))
    _compare(profile, top, "the profile")
    if "PayloadRemovalDisallowed" in profile:
        raise _mismatch("PayloadRemovalDisallowed locks the profile")
    expected = _expected(account, password, dav)
    payloads = profile.get("PayloadContent")
    if not isinstance(payloads, list) or [entry.get("PayloadType") for entry in payloads] != list(expected):
        raise _mismatch("PayloadContent")
    for payload in payloads:
        kind = payload["PayloadType"]
        _compare(payload, expected[kind], kind)


def parse(content: bytes) -> dict[str, Any] | None:
    """The dictionary of a property list, None if it is none."""
    try:
        data = plistlib.loads(content)
    except Exception:  # plistlib lets whatever its parsers stumble over escape
        return None
    return data if isinstance(data, dict) else None


_SALT = re.compile(rb"^<!-- ([0-9a-f]{32}) -->$", re.M)


def new_salt() -> str:
    """A random number for a profile that holds a password: nobody who knows only the hash of the file can try
    passwords on it. Devices pass over comments."""
    return secrets.token_hex(16)


def salt_of(content: bytes) -> str:
    """The random number in a profile, empty if there is none."""
    found = _SALT.search(content)
    return found[1].decode() if found else ""


def make(account: Account, secret: Secret | None, options: Options, *, salt: str = "") -> bytes:
    """The bytes of the profile, proven to say what the account says. `salt`: see `new_salt`.

    Raises UsageError for a value that XML cannot hold and for a server that is asked for but not known,
    ProvisionError (`render.mismatch`) if a changed template says something else than the account.
    """
    dav = _dav(account, options)
    password = secret.reveal() if secret else ""
    nouns = ", ".join(["mail (IMAP, SMTP)", *(f"{entry.noun.lower()} ({entry.kind})" for entry in dav)])
    text = render(
        TEMPLATE,
        account=account,
        profile=names_of(account.address),
        mail=names_of(account.address).payload("mail"),
        dav=dav,
        name=f"{account.title}: {account.address}",
        description=f"Sets up {nouns} for {account.address}. "
        + ("The password is inside." if password else "The device asks for the password."),
        consent=_CONSENT if password else "",
        password=password,
        salt=salt,
    )
    content = text.encode()
    _verify(content, account, password, dav, salt)
    return content


def shown(content: bytes) -> str:
    """The profile for a diff: whatever password it holds, also an earlier one, is masked."""
    profile = parse(content)
    return plistlib.dumps(_masked(profile), sort_keys=False).decode() if profile is not None else ""


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: MASK if _is_password(key) else _masked(entry) for key, entry in value.items()}
    return [_masked(entry) for entry in value] if isinstance(value, list) else value
