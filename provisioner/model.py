"""The words of the project as frozen data; no I/O.

A *provider profile* is what is known about a mail provider; an *account* is one address with the servers and
user names that are to be written; a *plan* is the list of changes that make a client have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import msgspec

from provisioner.dated import Dated
from provisioner.items import SecretItem
from provisioner.login_causes import LoginRefused
from provisioner.secret import Secret


class Security(StrEnum):
    """How a connection is encrypted (RFC 8314). There is no unencrypted choice."""

    TLS = "tls"
    STARTTLS = "starttls"


class Service(StrEnum):
    """The two protocols that are checked."""

    IMAP = "imap"
    SMTP = "smtp"


class UserForm(StrEnum):
    """A form of the user name, made from the address."""

    LOCAL_PART = "local-part"
    ADDRESS = "address"


class Use(StrEnum):
    """Special-use mailboxes that clients ask for (RFC 6154, without the backslash)."""

    SENT = "sent"
    TRASH = "trash"
    DRAFTS = "drafts"
    JUNK = "junk"
    ARCHIVE = "archive"


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of everything read from a provider profile."""


class ServerProfile(Strict, frozen=True):
    """A provider's server; `usernames` lists the forms it takes, the most likely first."""

    host: str
    port: int
    security: Security
    usernames: tuple[UserForm, ...]
    connections: int | None = None
    """At most so many at the same time, where the provider counts them."""
    send_id: bool = False
    """The server opens no mailbox unless the client has named itself after the login (RFC 2971)."""
    plain_means_passwords: bool = False
    """The server offers PLAIN for as long as it takes passwords; where it does not, they are over."""


class MailboxNames(Strict, frozen=True):
    """Names seen at the provider, per use, the usual one first."""

    special_use_advertised: bool
    names: dict[Use, tuple[str, ...]]


class PasswordForm(Strict, frozen=True):
    """What an app-specific password looks like: a hint for a warning, never a reason to refuse."""

    pattern: str
    displayed_as: str
    example: str


class AppPassword(Strict, frozen=True):
    term: str
    spaces_are_decoration: bool
    """White space inside a pasted password is only how it is displayed, so it is taken out."""
    form: PasswordForm | None = None
    """None: what it looks like is not known."""
    limit: int | None = None
    revoked_when: tuple[str, ...] = ()

    @property
    def a_term(self) -> str:
        """The term with its article: `an app-specific password`."""
        return f"{'an' if self.term[0].lower() in 'aeiou' else 'a'} {self.term}"


class Steps(Strict, frozen=True):
    url: str
    steps: tuple[str, ...]


class Guide(Strict, frozen=True):
    """How to make and to revoke the password. `{label}` in a step stands for the label to type."""

    conditions: tuple[str, ...]
    create: Steps
    revoke: Steps
    notes: tuple[str, ...] = ()


class Refusal(Strict, frozen=True):
    """Why no password at all can log in there, so that none is asked for."""

    reason: str
    instead: str
    since: str | None = None


class ProviderText(Strict, frozen=True):
    """What a server says when it refuses a login (`match`, in any case), and what it means there."""

    service: Service
    match: str
    code: LoginRefused
    next: str | None = None


class DavServer(Strict, frozen=True):
    """A CalDAV or CardDAV server, always HTTPS."""

    host: str
    port: int
    username: UserForm


class PopServer(Strict, frozen=True):
    """A POP server, for clients that know nothing else; it is never checked."""

    host: str
    port: int
    security: Security
    username: UserForm


class Provider(Strict, frozen=True):
    """A provider profile: facts about one mail provider, each with its source."""

    schema: int
    id: str
    name: str
    domains: tuple[str, ...]
    sources: dict[str, str]
    imap: ServerProfile | None = None
    smtp: ServerProfile | None = None
    """Both, unless there is a refusal."""
    refusal: Refusal | None = None
    warning: str | None = None
    """Said before a password is asked for."""
    texts: tuple[ProviderText, ...] = ()
    mailboxes: MailboxNames | None = None
    app_password: AppPassword | None = None
    guide: Guide | None = None
    caldav: DavServer | None = None
    carddav: DavServer | None = None
    pop: PopServer | None = None


@dataclass(frozen=True, slots=True)
class Server:
    """A server to log in to, and the one user name that is used there."""

    host: str
    port: int
    security: Security
    username: str


@dataclass(frozen=True, slots=True)
class Mailboxes:
    """The special-use mailboxes an account has: `names` maps a use to the mailbox's name (Unicode).

    `special_use`: the server itself says which is which (RFC 6154), so clients need not be told.
    `seen`: the names were read from the server by LIST; otherwise they are the provider's usual ones.
    """

    names: Mapping[Use, str]
    delimiter: str = "/"
    special_use: bool = False
    seen: bool = False


@dataclass(frozen=True, slots=True)
class Account:
    """One address and everything a client must be told, the password apart."""

    address: str
    display_name: str
    provider: str
    title: str
    """What the account is called where a client shows a name for the service, e.g. `iCloud Mail`."""
    imap: Server
    smtp: Server
    mailboxes: Mailboxes | None = None
    caldav: Server | None = None
    carddav: Server | None = None
    pop: Server | None = None
    source: SecretItem | None = None
    """Where clients that run a command for the password get it; None: the system's keyring."""

    @property
    def item(self) -> SecretItem:
        """What such clients read."""
        return self.source or SecretItem.shared(self.key)

    @property
    def local_part(self) -> str:
        return self.address.rpartition("@")[0]

    @property
    def key(self) -> str:
        """The address as identity: case does not matter for finding an account again."""
        return self.address.lower()


class Support(StrEnum):
    """How far provisioner goes for a client."""

    FULL = "full"
    CONFIG = "config"
    IMPORT = "import"
    GUIDE = "guide"


@dataclass(frozen=True, slots=True)
class Installation:
    """A client found on this machine. `where` names the place its accounts live (a profile, a home)."""

    client: str
    title: str
    version: str
    where: str


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file from `before` to `after`; None means that there is no file. `path` is where the user sees it:
    a symlink stays, and its target changes."""

    path: Path
    before: bytes | None = field(repr=False)
    after: bytes | None = field(repr=False)
    mode: int = 0o600
    """Permissions of a file that is new; one that exists keeps its own."""


@dataclass(frozen=True, slots=True)
class SecretChange:
    """A keyring item from `before` to `after` (None: there is none); one that stays shows who needs it."""

    item: SecretItem
    before: Secret | None
    after: Secret | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What must change so that a client has the account. Making one changes nothing."""

    client: str
    title: str
    """As a person calls it, with the version if known: `Thunderbird 153`."""
    where: str
    """The place inside the client (a profile's path); one receipt per account, client and place."""
    changes: tuple[FileChange, ...]
    secrets: tuple[SecretChange, ...] = ()
    locks: tuple[Path, ...] = ()
    """Lock files of Mozilla profiles, held while writing; sockets and names of other clients (locks.py)."""
    done: str = ""
    next: str = ""
    """For the report: one line of what the client has now, and what to do next; commands as steps.py says."""
    notes: tuple[str, ...] = ()
    directories: tuple[Path, ...] = ()
    """Those that the client must find: one that was made for another client stays as long as this one."""
    left: tuple[Path, ...] = ()
    """Directories for what the client fetches: it stays when the account goes. `stays`: the same in words."""
    stays: tuple[str, ...] = ()
    adopted: bool = False
    """The client had the account already, set up by someone else; remove will not take that away."""
    wrote_password: bool = True
    """False: the client had this very password already, so it is not ours to take away."""
    seal: str = ""
    """A mark of the stored password, by which status notices that another one was saved (no hash of it)."""
    tell: tuple[tuple[str, ...], ...] = ()
    """Commands, without secrets, by which running programs read what was written; run when all of it is."""
    open: Path | None = None
    """A file that the desktop opens after it was written (a .mobileconfig on macOS)."""
    works_by: tuple[str, ...] = ()
    """The clients that fetch or send for it; without an item in `secrets`, it holds no password then."""
    dated: Dated | None = None
    secret: Secret | None = field(default=None, repr=False)
    """The password, to be masked wherever the plan is shown."""

    @property
    def empty(self) -> bool:
        return not self.changes and all(change.before == change.after for change in self.secrets)
