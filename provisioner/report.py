"""What a verb did, as rows: the same for people (text) and for scripts (JSON). No I/O, no secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from provisioner.errors import Cancelled, ProvisionError
from provisioner.outcome import Note, Quota

CERT_DAYS = 14
"""A certificate that ends within fewer days is worth a remark, if the user says nothing else."""


def days_left(until: str, now: datetime) -> int | None:
    """Whole days from `now` to an ISO 8601 time; negative if it has passed, None if there is none."""
    return (datetime.fromisoformat(until) - now).days if until else None


class State(StrEnum):
    """What became of a client's account (or what it is now, in `status`)."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    PLANNED = "planned"
    REMOVED = "removed"
    FAILED = "failed"
    OK = "ok"
    DRIFTED = "drifted"
    LOCKED = "locked"
    UNKNOWN = "unknown"
    UNFINISHED = "unfinished"
    RUNNING = "running"
    """Another provisioner is changing it now."""
    GONE = "gone"
    """Someone has taken the account out of the client since."""
    BY_HAND = "by-hand"
    """Only the person can change it."""
    LEFT_OUT = "left-out"
    """Nobody named it, and what it needs is not there yet."""


@dataclass(frozen=True, slots=True)
class CheckRow:
    """One login that was tried. `code` is stable; `seconds` is wall time.

    `clients`: whose stored password it was, by their IDs; empty for one that was given.
    `cert_expires`: when the server's verified certificate ends (ISO 8601, UTC); `cert_issuer`: who signed it.
    `transcript`: what went over the connections, masked (transcript.py), where it was asked for.
    `service` is `send` for a test mail; `round_trip` and `saves_sent` are as in outcome.py, for it alone.
    """

    service: str
    ok: bool
    code: str
    message: str
    next: str
    host: str
    port: int
    user: str
    seconds: float
    mailboxes: int = 0
    exit_code: int = 0
    address: str = ""
    clients: tuple[str, ...] = ()
    confidence: str = "certain"
    """`likely` where only words, or the lack of any, lead to the cause."""
    layers: Mapping[str, float] = field(default_factory=dict)
    """Seconds in dns, tcp, tls, greeting, login and mailboxes; of a test mail in send, arrival, deletion."""
    quota: Quota | None = None
    notes: tuple[Note, ...] = ()
    cert_expires: str = ""
    cert_issuer: str = ""
    transcript: tuple[str, ...] = ()
    round_trip: float | None = None
    saves_sent: bool | None = None
    unaccepted: int = 0
    """How often a password was sent and not accepted: several lock an account, whatever the server says."""


class Change(StrEnum):
    """What is new about a login that is watched."""

    FAILS = "fails"
    REVOKED = "revoked"
    """It worked, and now the password is rejected."""
    OTHER = "other-cause"
    WORKS = "works"
    ENDING = "certificate-ends"
    RENEWED = "certificate-renewed"


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """Something new about a watched login. `time` is ISO 8601, UTC; the rest is as in CheckRow."""

    time: str
    change: Change
    service: str
    ok: bool
    code: str
    message: str
    next: str
    host: str
    port: int
    user: str
    address: str
    clients: tuple[str, ...] = ()
    cert_expires: str = ""
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class ClientRow:
    """What became of one client. `path` is the place inside it; `diff` only with --dry-run."""

    client: str
    title: str
    ok: bool
    state: State
    message: str
    next: str = ""
    path: str = ""
    code: str = ""
    notes: tuple[str, ...] = ()
    diff: str = ""
    exit_code: int = 0

    @classmethod
    def failed(cls, client: str, title: str, path: str, error: ProvisionError) -> ClientRow:
        """The row of a client for which it did not work out."""
        return cls(
            client,
            title,
            ok=False,
            state=State.FAILED,
            message=error.message,
            next=error.hint,
            path=path,
            code=error.code,
            exit_code=error.exit_code,
        )


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One account in one client, as it is now. Times are ISO 8601, UTC.

    A receipt that cannot be read has no client here; `path` is then the receipt itself. Of an export that was
    stopped it is the file that was left.
    """

    address: str
    client: str
    title: str
    path: str
    provider: str
    label: str
    created: str
    updated: str
    rotated: str
    state: State
    message: str
    next: str = ""
    ok: bool = True
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A file for another device. `content` is only there when it goes to standard output.

    `drawing`: it is a QR code made of block characters.
    """

    client: str
    path: str
    next: str
    with_password: bool
    content: str = field(default="", repr=False)
    drawing: bool = False
    ok: bool = True
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class GuideRow:
    """How to create and revoke the password at one provider, with the label to type."""

    provider: str
    title: str
    term: str
    label: str
    conditions: tuple[str, ...]
    create_url: str
    create: tuple[str, ...]
    revoke_url: str
    revoke: tuple[str, ...]
    notes: tuple[str, ...]
    ok: bool = True
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class SupportRow:
    """A client that is supported, how far, and where it was found on this machine."""

    client: str
    title: str
    support: str
    found: tuple[str, ...]
    versions: str
    account: str
    stored: str
    proof: str
    proven: str
    exported: bool = False
    """It is made by `export`, for use elsewhere; nothing is looked for here."""
    where: tuple[str, ...] = ()
    """Where accounts stand, or would, in each place of `found`."""
    ok: bool = True
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A provider profile that is known."""

    provider: str
    title: str
    domains: tuple[str, ...]
    imap: str
    smtp: str
    password: str
    ok: bool = True
    exit_code: int = 0


Row = CheckRow | ChangeRow | ClientRow | StatusRow | ExportRow | GuideRow | SupportRow | ProviderRow


WORST = (3, 1, 4, 2, 5)
"""Exit codes of logins, the worst first: a rejected password, a server that does not do its part, one that
cannot be reached, a password that could not be had because of what was typed, because of someone else."""


@dataclass
class Report:
    """The rows of one command. `listener` is told each row as soon as it is known."""

    command: str
    listener: Callable[[Row], None] = lambda row: None
    rows: list[Row] = field(default_factory=list)
    errors: list[ProvisionError] = field(default_factory=list)
    next: str = ""
    """What the person does now; the last line of the text."""

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.listener(row)

    @property
    def ok(self) -> bool:
        return not self.errors and all(row.ok for row in self.rows)

    @property
    def exit_code(self) -> int:
        """0 if all is well, 130 if it was interrupted. Else the code that all failures share; 1 if only some
        of several clients failed or the codes differ. Of logins alone it is the worst: see WORST."""
        codes = {error.exit_code for error in self.errors} | {
            row.exit_code for row in self.rows if not row.ok
        }
        if not codes:
            return 0
        clients = [row for row in self.rows if isinstance(row, ClientRow)]
        if clients and any(row.ok for row in clients):
            return 1
        if Cancelled.exit_code in codes:
            return Cancelled.exit_code
        if len(codes) == 1:
            return codes.pop()
        if not self.errors and all(isinstance(row, CheckRow) for row in self.rows):
            return next((code for code in WORST if code in codes), 1)
        return 1
