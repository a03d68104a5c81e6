"""accountrc and folderlist.xml, in which Claws Mail and Sylpheed keep accounts and their mailboxes.

Both programs read the files at their start and write them when they like, so they must not run; what we add
is a section `[Account: NUMBER]` and a `<folder>` with the same number, and only those are taken out.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provisioner.clients.base import Found, Options
from provisioner.edits import folderlist
from provisioner.edits.ini import Ini
from provisioner.errors import Conflict, UsageError
from provisioner.host import Host
from provisioner.model import Account, FileChange, Mailboxes, Use
from provisioner.render import render

_SECTION = re.compile(r"Account: (\d{1,9})")
_LOGIN = (
    *("address", "protocol", "receive_server", "user_id", "smtp_server", "use_smtp_auth", "smtp_user_id"),
    *("ssl_imap", "ssl_smtp", "set_imapport", "imap_port", "set_smtpport", "smtp_port"),
)
"""What an account that is there already must have; all else in it is left as the person has it."""
_TYPES = {Use.SENT: "outbox", Use.DRAFTS: "draft", Use.TRASH: "trash"}
LOCAL = "local"
"""The directory beside the files in which a new installation keeps mail that waits to be sent."""


@dataclass(frozen=True)
class Dialect:
    """What the two programs do differently. `name` is their directory in templates."""

    name: str
    title: str
    imap: str
    """The number of IMAP as a protocol (RecvProtocol in prefs_account.h)."""
    asks: bool = False
    """It asks for passwords: only once, if no second user name is given (send_message.c)."""


@dataclass(frozen=True)
class User:
    """An account that logs in at the wanted server. `account` is None if it is not with the same servers and
    address, so that only the person should change it."""

    name: str
    account: Account | None
    saved: bool
    """A password is in accountrc, as plain text."""


class Tree:
    """Both files as they are; the methods change what `changes` then gives. Raises Conflict (`ini.broken`,
    `folderlist.broken`) for files that the programs cannot have written."""

    def __init__(self, host: Host, directory: Path, dialect: Dialect) -> None:
        self.directory, self._home, self._dialect = directory, host.home, dialect
        self._accounts, self._folders = directory / "accountrc", directory / "folderlist.xml"
        self._before = {path: host.read(path) for path in (self._accounts, self._folders)}
        self._ini = Ini(self._before[self._accounts] or b"", self._accounts)
        self._list = self._before[self._folders]

    def find(self, account: Account) -> str:
        """The number of the account that has its address and logs in where it does, empty if there is none.

        Raises Conflict (`account.exists`) for another one of this name or address.
        """
        for number, settings in self._sections():
            if settings.get("address", "").lower() == account.key and self._logs_in(settings, account):
                return number
        for _, settings in self._sections():
            names = {settings.get("address", "").lower(), settings.get("account_name", "").lower()}
            if {account.key, _name(account).lower()} & names:
                raise Conflict(
                    f"{self._dialect.title} has an account for {account.address} already, "
                    f"on {settings.get('receive_server') or 'no server'}.",
                    f"Change or delete that account in {self._dialect.title}, then run the command again.",
                    code="account.exists",
                )
        return ""

    def put(self, account: Account, number: str, *, rename: bool = False) -> str:
        """Adds the account, or mends its login if `number` is one; the number that it has then."""
        there = bool(number)
        number = number or str(max((int(one) for one, _ in self._sections()), default=0) + 1)
        section = f"Account: {number}"
        boxes = account.mailboxes or Mailboxes({})
        text = render(
            f"{self._dialect.name}/account.j2",
            account=account,
            name=_name(account),
            imap=self._dialect.imap,
            sender=""
            if self._dialect.asks and account.smtp.username == account.imap.username
            else account.smtp.username,
            first=not self._ini.sections(),
            starttls=_starttls(account),
            boxes={use: _path(name, boxes) for use, name in boxes.names.items()},
            Use=Use,
        )
        for key, value in Ini(f"[x]\n{text}".encode(), self._accounts).section("x").items():
            if not there or key in _LOGIN or (rename and key == "name"):
                self._ini.set(section, key, value)
        if self._list is None:
            self._list = render("sylpheed/folderlist.j2", local=self._local()).encode()
        if not any(one.account == number for one in self._trees()):
            lines = render("sylpheed/folder.j2", name=_name(account), number=int(number), rows=_rows(boxes))
            self._list = folderlist.add(self._list, lines, self._folders)
        return number

    def drop(self, number: str) -> None:
        """Takes the account out; a file that we began and in which nothing else is goes with it."""
        self._ini.remove(f"Account: {number}")
        if self._list is not None:
            self._list = folderlist.remove(self._list, number, self._folders)
            begun = render("sylpheed/folderlist.j2", local=self._local()).encode()
            self._list = None if self._list == begun else self._list

    @property
    def empty(self) -> bool:
        """There is no account."""
        return next(self._sections(), None) is None

    @property
    def changes(self) -> tuple[FileChange, ...]:
        after = {self._accounts: self._ini.data or None, self._folders: self._list}
        return tuple(
            FileChange(path, before, after[path])
            for path, before in self._before.items()
            if before != after[path]
        )

    def users(self, account: Account) -> Iterator[User]:
        """All that log in where the account does."""
        for _, settings in self._sections():
            if self._logs_in(settings, account):
                same = (
                    settings.get("address", "").lower() == account.key
                    and settings.get("smtp_server", "").lower() == account.smtp.host.lower()
                )
                imap = dataclasses.replace(account.imap, username=settings.get("user_id", ""))
                name = settings.get("account_name") or settings.get("address", "")
                saved = bool(settings.get("password") or settings.get("smtp_password"))
                yield User(name, dataclasses.replace(account, imap=imap) if same else None, saved)

    def _logs_in(self, settings: Mapping[str, str], account: Account) -> bool:
        users = {account.imap.username.lower(), account.local_part.lower(), account.key}
        return (
            settings.get("protocol") == self._dialect.imap
            and settings.get("receive_server", "").lower() == account.imap.host.lower()
            and settings.get("user_id", "").lower() in users
        )

    def _sections(self) -> Iterator[tuple[str, dict[str, str]]]:
        for name in self._ini.sections():
            if match := _SECTION.fullmatch(name):
                yield match[1], self._ini.section(name)

    def _trees(self) -> tuple[folderlist.Folder, ...]:
        return folderlist.folders(self._list, self._folders) if self._list is not None else ()

    def _local(self) -> str:
        """Relative to the home, as the programs take it, so that a home can move."""
        local = self.directory / LOCAL
        return str(local.relative_to(self._home) if local.is_relative_to(self._home) else local)


def choose(options: Options, usual: Path, title: str) -> Path:
    """The directory of the files. Raises UsageError (`profile.unknown`) for a name that is no directory."""
    if options.profile is None:
        return usual
    path = Path(options.profile).expanduser()
    if path == usual or (path.is_absolute() and path.is_dir()):
        return path
    raise UsageError(
        f"{title} has no configuration directory {options.profile}.",
        "Name an existing directory by its whole path, or leave --client-profile away.",
        code="profile.unknown",
    )


def by_hand(title: str, name: str, account: Account, where: Path) -> Found:
    """An account that is not ours to change."""
    return Found(
        str(where),
        advice=f"{title} has the account {name} at {account.imap.host} with settings of its own: change its "
        "password there before you revoke the old one.",
        name=name,
    )


def _starttls(account: Account) -> dict[str, bool]:
    return {name: getattr(account, name).security == "starttls" for name in ("imap", "smtp")}


def _name(account: Account) -> str:
    """What the account and its tree are called; a slash would end the name (folder.c,
    folder_find_item_from_identifier)."""
    return account.address.replace("/", "_")


def _path(name: str, boxes: Mailboxes) -> str:
    """A mailbox as the programs write it: with slashes, whatever the server has (imap.c,
    imap_get_real_path)."""
    return name if boxes.delimiter == "/" else name.replace("/", "_").replace(boxes.delimiter, "/")


def _rows(boxes: Mailboxes) -> list[tuple[str, str, str]]:
    """The mailboxes that we know, each inside the one that holds it: path, name and type, which is empty for
    one that only holds others. A row with an empty path ends a mailbox."""
    types = {_path(name, boxes): _TYPES.get(use, "normal") for use, name in boxes.names.items()}
    types["INBOX"] = "inbox"
    children: dict[str, set[str]] = {}
    for path in types:
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            children.setdefault("/".join(parts[: end - 1]), set()).add("/".join(parts[:end]))

    def below(parent: str) -> Iterator[tuple[str, str, str]]:
        for path in sorted(children.get(parent, ()), key=lambda one: (one != "INBOX", one)):
            yield path, path.rpartition("/")[2], types.get(path, "")
            yield from below(path)
            yield "", "", ""

    return list(below(""))
