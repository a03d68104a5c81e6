"""How Thunderbird names the special mailboxes of an account.

Where the server does not say which mailbox is which (RFC 6154), Thunderbird would make mailboxes of its
own names; so it is told the real ones. A folder is an URI: the user name percent-encoded
(`jane%40example.com`), the path raw with `/` between levels, non-ASCII names as on the wire (RFC 3501,
5.1.3). `trash_folder_name` is a path in Unicode instead (nsImapIncomingServer.cpp).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote

from imapclient import imap_utf7

from provisioner.clients.thunderbird.view import View
from provisioner.edits.prefsjs import Value
from provisioner.model import Account, Mailboxes, Use

_IDENTITY_PREFS = {
    Use.SENT: ("fcc_folder", "fcc_folder_picker_mode"),
    Use.DRAFTS: ("draft_folder", "drafts_folder_picker_mode"),
    Use.ARCHIVE: ("archive_folder", "archives_folder_picker_mode"),
}


@dataclass(frozen=True, slots=True)
class Folders:
    """Preferences of the identity by their last word, and the two that belong to the server."""

    identity: dict[str, str] = field(default_factory=dict)
    trash: str = ""
    junk: str = ""
    unsettable_trash: str = ""
    """A trash mailbox that only the user can choose: Thunderbird 153 does not know a name again that is
    spelled otherwise on the wire when it first sees the mailbox, and then empties the preference."""


def server_uri(username: str, host: str) -> str:
    """`imap://USER@HOST`, every special character of the user name encoded but `*-._`."""
    return f"imap://{quote(username, safe='*').replace('~', '%7E')}@{host}"


def of(account: Account) -> Folders:
    """The mailboxes to tell Thunderbird; none if the server itself says which is which."""
    boxes = account.mailboxes
    if boxes is None or boxes.special_use:
        return Folders()
    uri = server_uri(account.imap.username, account.imap.host)
    paths = {use: path for use, name in boxes.names.items() if (path := _path(name, boxes))}
    identity = {}
    for use, (folder, picker) in _IDENTITY_PREFS.items():
        if use in paths:
            identity[folder] = f"{uri}/{_encoded(paths[use])}"
            identity[picker] = "1"
    junk = f"{uri}/{_encoded(paths[Use.JUNK])}" if Use.JUNK in paths else ""
    trash = paths.get(Use.TRASH, "")
    return (
        Folders(identity, trash, junk) if _on_the_wire(trash) == trash else Folders(identity, "", junk, trash)
    )


def _path(name: str, boxes: Mailboxes) -> str:
    """`name` with `/` between its levels; empty if a level itself has one, which no path can say."""
    if boxes.delimiter == "/":
        return name
    if "/" in name:
        return ""
    return name.replace(boxes.delimiter, "/") if boxes.delimiter else name


def _encoded(path: str) -> str:
    return _on_the_wire(path).replace("%", "%25")


def _on_the_wire(name: str) -> str:
    encoded: bytes = imap_utf7.encode(name)
    return encoded.decode("ascii")


def moved(view: View, account: Account, server: str) -> dict[str, Value | None]:
    """By which changes folders follow a changed user name or server: both are part of their URIs."""
    origin, username = view.imap_login(server)
    old = server_uri(username, origin.removeprefix("imap://"))
    new = server_uri(account.imap.username, account.imap.host)
    if old == new:
        return {}
    return {
        name: new + value.removeprefix(old)
        for name, value in view.values.items()
        if isinstance(value, str)
        and name.startswith("mail.")
        and (value == old or value.startswith(f"{old}/"))
    }
