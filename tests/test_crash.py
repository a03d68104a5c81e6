"""Every verb that writes, stopped at every single file operation and every call of the keyring.

Each point is met once: killed outright, with the disk refusing, with the keyring refusing. After the next
command every file is the old one or the new one, the stored password fits, nothing is left behind, and status
says the truth.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest

from provisioner import clients, seals
from provisioner.accounts import Wish
from provisioner.clients.apple_mail import profile
from provisioner.clients.base import Options
from provisioner.errors import ProvisionError
from provisioner.items import UNDO_SERVICE, SecretItem
from provisioner.journal import Journal
from provisioner.model import AppPassword
from provisioner.report import Report, State, StatusRow
from provisioner.seals import Seal
from provisioner.secret import Secret
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context
from provisioner.workflows.export import export
from provisioner.workflows.recovery import recover
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from provisioner.workflows.status import status
from tests import faults
from tests.clients.machines import MACHINES, claws_mail, msmtp, thunderbird
from tests.clients.machines.base import Machine, terminal

pytestmark = pytest.mark.exhaustive

EMAIL = "jane.appleseed@icloud.com"
OLD, NEW = Secret("abcd-efgh-ijkl-mnop"), Secret("qrst-uvwx-yzab-cdef")
STORES = {
    "key4.db",
    "logins.json",
    "passwords.pkcs7",
    "MasterPassword.key",
    "MasterPassword.crt",
    "passwordstorerc",
    "clawsrc",
}
"""Files whose bytes differ in each run; what is in them is compared instead."""
KEYRING = "keyring.json"
LOCK = ".parentlock"
"""Thunderbird's own lock file: empty, made by every start, and nobody's evidence of anything."""

NOT_OURS = {LOCK, KEYRING, "keyring.new"}
IGNORED = STORES | NOT_OURS


class Silent:
    """Nobody is at the terminal."""

    interactive = on_screen = False

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def open(self, target: str) -> None: ...

    def confirm(self, question: str) -> bool:
        raise AssertionError(question)

    def progress(self, total: int) -> contextlib.AbstractContextManager[Callable[[], None]]:
        return contextlib.nullcontext(lambda: None)

    def ask_hidden(self, prompt: str) -> str:
        raise AssertionError(prompt)

    def choose(self, question: str, choices: list[str]) -> list[str]:
        raise AssertionError(question)


class Refusal(StrEnum):
    """How the keyring refuses a call: it does nothing, does it and says no, or is locked from then on."""

    BEFORE = "keyring-before"
    AFTER = "keyring-after"
    LOCKED = "keyring-locked"


class FileStore:
    """A keyring in a file: it outlives a process that is killed, and each call is a point of failure.

    Like the real ones it raises ProvisionError only.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls = 0
        self._refuse_at: int | None = None
        self._how = Refusal.BEFORE

    def refuse(self, call: int | None, how: Refusal = Refusal.BEFORE) -> None:
        """Counts calls from now on and refuses this one; None: no more."""
        self.calls, self._refuse_at, self._how = 0, call, how

    @contextlib.contextmanager
    def _call(self) -> Iterator[None]:
        number, self.calls = self.calls, self.calls + 1
        hit = number == self._refuse_at
        locked = self._refuse_at is not None and number >= self._refuse_at and self._how is Refusal.LOCKED
        no = ProvisionError("The keyring says no.", "Unlock it.", code="keyring.failed")
        if locked or (hit and self._how is Refusal.BEFORE):
            raise no
        try:
            yield
        except OSError:
            raise no from None
        if hit and self._how is Refusal.AFTER:
            raise no

    def _items(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.path.read_text()) if self.path.exists() else {}
        return found

    def _save(self, items: dict[str, str]) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(items))
        new.replace(self.path)

    def get(self, item: SecretItem) -> Secret | None:
        with self._call():
            value = self._items().get(repr(item.attributes))
            return None if value is None else Secret(value)

    def set(self, item: SecretItem, secret: Secret) -> None:
        with self._call():
            self._save({**self._items(), repr(item.attributes): secret.reveal()})

    def delete(self, item: SecretItem) -> None:
        with self._call():
            self._save({key: value for key, value in self._items().items() if key != repr(item.attributes)})

    def vet(self, item: SecretItem) -> None: ...

    def waiting(self) -> list[str]:
        return [key for key in self._items() if UNDO_SERVICE in key]


@dataclass(frozen=True)
class Signature:
    """All that matters of a home: files (stores apart), the stored password, whether there is a receipt."""

    files: frozenset[tuple[str, bytes, int]]
    items: frozenset[str]
    """Which items the keyring has."""
    passwords: frozenset[str | None]
    """What the clients would log in with."""
    labels: frozenset[tuple[str, str, bool, str]]
    """What is known of each password: whose, its label, whether it is a second one, and that of the first."""
    kept: frozenset[bytes]
    """Copies of what was overwritten."""

    @property
    def receipts(self) -> int:
        return len(self.labels)


class Scene:
    def __init__(self, machine: str, directory: Path) -> None:
        client_id, self.make = (TOGETHER | SHARING | ALIASED | SEVERAL).get(machine) or MACHINES[machine]
        self.wishes = [Wish(EMAIL)]
        if machine in ALIASED | SEVERAL:
            self.wishes += [Wish("jane@example.org", provider="icloud", login=EMAIL)]
        self.client_ids, self.directory = client_id.split(), directory
        self.first = self.client_ids[:1] if machine in SHARING else []
        self.reset()

    def reset(self) -> None:
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()
        host = self.make(self.directory).host
        self.store = FileStore(host.home / KEYRING)
        self.host = dataclasses.replace(host, secrets=self.store)
        self.journal = Journal(self.host.state_dir)

    def context(self) -> Context:
        return Context(self.host, self.journal, Silent(), Report("test"))

    def prepare(self, verb: str) -> None:
        """The state before the verb. Made once, then copied: all paths are the same again."""
        saved = self.directory.with_name("saved")
        if saved.exists():
            shutil.rmtree(self.directory)
            shutil.copytree(saved, self.directory, symlinks=True)
        else:
            self.reset()
            if verb not in ("setup", "export", "export_again"):
                self.setup()
            if verb == "overwrite":
                self.edit()
            if verb == "export_again":
                self.export()
            shutil.copytree(self.directory, saved, symlinks=True)
        self.store.refuse(None)

    def setup(self) -> None:
        for wish in self.wishes:
            context = self.context()
            setup(context, wish, self.client_ids, ask(OLD), SetupOptions(check=False))
            if not context.report.ok:
                raise RuntimeError(context.report)

    def rotate(self) -> None:
        context = self.context()
        rotation.rotate(context, Wish(EMAIL), self.first, ask(NEW), Options())
        if not context.report.ok:
            raise RuntimeError(context.report)
        self.said = context.report.next

    def renew(self) -> None:
        """Another password by `setup`, for one client of those that share it."""
        context = self.context()
        setup(context, Wish(EMAIL), self.first, ask(NEW), SetupOptions(check=False))
        if not context.report.ok:
            raise RuntimeError(context.report)

    def remove(self) -> None:
        context = self.context()
        remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
        if not context.report.ok:
            raise RuntimeError(context.report)

    def edit(self) -> None:
        """A line of someone else's in the middle of ours."""
        (path,) = {Path(record.path) for one in self.journal.receipts() for record in one.files}
        before, marker, after = path.read_bytes().partition(b"\nport ")
        assert marker
        path.write_bytes(before + b"\n# mine: hunter2" + marker + after)

    def overwrite(self) -> None:
        context = self.context()
        remove(context, EMAIL, [], Options(), dry_run=False, wait=False, force=True)
        if not context.report.ok:
            raise RuntimeError(context.report)

    def export(self, secret: Secret = OLD, *, force: bool = False) -> None:
        target = str(self.host.home / "mail.mobileconfig")
        export(self.context(), Wish(EMAIL), "apple-mail", target, ask(secret), Options(), force=force)

    def export_again(self) -> None:
        self.export(NEW, force=True)

    def signature(self) -> Signature:
        receipts = self.journal.receipts()
        names = ("receipts", "backups", "commits", "drafts", "kept", "lock")
        own = {self.host.state_dir / name for name in names}
        files = set()
        for path in self.host.home.rglob("*"):
            if path.is_file() and path.name not in IGNORED and not own & {path, *path.parents}:
                files.add((str(path), path.read_bytes(), path.stat().st_mode & 0o777))
        stored = (
            clients.get(one.client).stored_secret(self.host, one.account, Options()) for one in receipts
        )
        return Signature(
            frozenset(files),
            frozenset(self.store._items()),
            frozenset(secret.reveal() if secret else None for secret in stored),
            frozenset(
                (f"{one.client} {one.address}", one.label, bool(one.rotated), one.previous)
                for one in receipts
            ),
            frozenset(path.read_bytes() for path in self.journal.kept()),
        )

    def unsealed(self) -> list[str]:
        """Items of the keyring whose seal is gone or of another password."""
        return [
            record.item.label
            for receipt in self.journal.receipts()
            for record in receipt.secrets
            if not record.item.is_seal and seals.state(record.item, self.store) is not Seal.WHOLE
        ]

    def leftovers(self) -> list[str]:
        """Temporary files, backups that no receipt names or that are gone, passwords that were put aside.

        In our own directory nothing else is but receipts, their backups and copies that were asked for."""
        receipts, state = self.journal.receipts(), self.journal.directory
        backups = {
            self.journal.backup_directory(one) / record.backup
            for one in receipts
            for record in one.files
            if record.backup
        }
        needed = {state / "lock", *backups, *self.journal.kept()}
        needed |= {state / "receipts" / f"{one.id}.json" for one in receipts}
        needed |= {Path(record.path) for one in receipts for record in one.files}
        found = {path for path in state.rglob("*") if path.is_file()}
        empty = [path for path in state.glob("*/*/") if path.is_dir() and not any(path.iterdir())]
        stray = [*self.host.home.rglob(".*.tmp"), *(found - needed), *(backups - found), *empty]
        return [str(path) for path in stray] + self.store.waiting()

    def drafts(self) -> list[str]:
        """Files that an export has left half-way."""
        return [draft.path for draft in self.journal.drafts() if os.path.lexists(draft.path)]

    def rows(self) -> list[StatusRow]:
        context = self.context()
        status(context, None, Options(), login=False)
        return [row for row in context.report.rows if isinstance(row, StatusRow)]

    def states(self) -> list[State]:
        return [row.state for row in self.rows()]


def ask(secret: Secret) -> Callable[[str, AppPassword | None], Secret]:
    return lambda prompt, rule: secret


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(rotation, "_works", lambda *rest: True)
    monkeypatch.setattr(profile, "new_salt", lambda: "0" * 32)  # the same bytes in each run


def both(directory: Path) -> Machine:
    """Thunderbird and msmtp, both in use: one rotate changes files, a store of its own, and the keyring."""
    (directory / "other").mkdir()
    terminal = msmtp.used(directory / "other").host
    machine = thunderbird.thunderbird_used(directory)
    return dataclasses.replace(machine, host=dataclasses.replace(machine.host, env=terminal.env))


def sharing(directory: Path) -> Machine:
    """msmtp and mbsync read one item of the keyring: who changes it for one changes it for both."""
    return Machine(terminal(directory, "msmtp", "mbsync", "secret-tool"))


VERBS = ("setup", "rotate", "remove")
TOGETHER = {"thunderbird-and-msmtp": ("thunderbird msmtp", both)}
"""Only `rotate` changes several clients at once; the other verbs finish one after the other."""
SHARING = {"msmtp-beside-mbsync": ("msmtp mbsync", sharing)}
"""`rotate` and `renew` are about the first client alone; what is known of the others changes with it."""
ALIASED = {"claws-mail-of-two": ("claws-mail", claws_mail.used)}
"""Two addresses of one login in the same files: `rotate` changes both at once."""
SEVERAL = {"thunderbird-and-msmtp-of-two": ("thunderbird msmtp", both)}
"""The most that one `rotate` changes: two addresses in the same store and of one item each."""
ENUMERATED = ("thunderbird-used", "msmtp-used", "mbsync-used")
"""With the disk or the keyring refusing, which meets the same code in every way of writing."""
WAYS = (
    "thunderbird-fresh",  # makes a profile, and with it directories, and announces it in files of others
    "thunderbird-used",  # changes one: preferences and a store of passwords in files
    "apple-mail",  # a file to be handed over, which holds the password
    "msmtp-fresh",  # a block in a file that it makes, an item of the keyring
    "msmtp-used",  # a block in a file of the user's, an item of the keyring
    "mbsync-fresh",  # and directories beside it that the program would not make
    "mbsync-used",
    "git-send-email-used",  # a file of its own, and a block in the user's that includes it
    "offlineimap-used",  # a block, one that accounts share, and a value in a list of the user's
    "curl-fresh",  # a file that is wholly ours, and its directories
    "alpine-fresh",  # a directory with an encrypted store of its own
    "gnome-online-accounts-used",  # a section among others, items of the keyring where others look for them
)
"""Every way of writing once, not every client: the rest of them write by the same modules."""
WRITES = ("thunderbird-used", "msmtp-used")
"""Where each single write is a point, too: whole files are written in one way only."""
WITHOUT_RECEIPT = ("export", "export_again")
"""A file with the password for the user: new, and in place of one that is there."""
How = int | Refusal | None
"""The disk says this errno, the keyring refuses, or (None) the process is killed."""
CASES: list[tuple[str, str, How]] = [
    *((machine, verb, None) for machine in WAYS for verb in VERBS),
    *((machine, "rotate", how) for machine in TOGETHER for how in (None, *Refusal)),
    *((machine, "rotate", how) for machine in ALIASED for how in (None, errno.EIO)),
    *((machine, verb, None) for machine in SHARING for verb in ("rotate", "renew")),
    *((machine, "rotate", errno.EIO) for machine in SHARING),
    *(
        ("msmtp-used", verb, error)
        for verb in ("overwrite", *WITHOUT_RECEIPT)
        for error in (None, *faults.ERRORS)
    ),
    *((machine, verb, error) for machine in ENUMERATED for verb in VERBS for error in faults.ERRORS),
    *((machine, verb, how) for machine in ENUMERATED[1:] for verb in VERBS for how in Refusal),
]


def keyring_points(
    scene: Scene, act: Callable[[], None], prepare: Callable[[], None], how: Refusal
) -> Iterator[tuple[int, int]]:
    """(call, outcome) for every call of the keyring that `act` makes; see faults.points."""
    prepare()
    act()
    for call in range(scene.store.calls):
        prepare()
        scene.store.refuse(call, how)
        outcome = faults.DONE
        try:
            act()
        except Exception:
            outcome = faults.REFUSED
        scene.store.refuse(None)
        yield call, outcome


def name_of(value: object) -> str:
    return errno.errorcode[value] if isinstance(value, int) else str(value or "kill")


@pytest.mark.parametrize(("machine", "verb", "how"), CASES, ids=name_of)
def test_stopped_at_every_point(tmp_path: Path, machine: str, verb: str, how: How) -> None:
    scene = Scene(machine, tmp_path / "world")
    act: Callable[[], None] = getattr(scene, verb)

    def prepare() -> None:
        scene.prepare(verb)

    prepare()
    old = scene.signature()
    act()
    new = scene.signature()
    assert old != new
    assert bool(new.kept) == (verb == "overwrite")
    usual = State.DRIFTED if verb == "overwrite" else State.OK
    if machine in SHARING:  # one password has one label, and it is known which one it took the place of
        before, after = ({label for _, label, *_ in one.labels} for one in (old, new))
        assert len(before) == len(after) == 1
        assert before != after
        assert {(rotated, previous) for *_, rotated, previous in new.labels} == {(True, *before)}
    seen = set()
    stops = (
        keyring_points(scene, act, prepare, how)
        if isinstance(how, Refusal)
        else faults.points(act, scene.host.home, prepare, how, writes=machine in WRITES)
    )
    for point, outcome in stops:
        unfinished = bool(scene.journal.unfinished() or scene.drafts())
        rows = scene.rows()
        assert {row.state for row in rows} <= {usual, State.UNFINISHED}, (point, rows)
        told = {row.next for row in rows if row.state is State.UNFINISHED}
        assert len(told) == unfinished, (point, told)
        recover(scene.context())
        found = scene.signature()
        assert found in (old, new), (point, outcome)
        if told and verb not in WITHOUT_RECEIPT:  # what status said is what the next command did
            assert ("They stay" in told.pop()) == (found == new), point
        assert scene.unsealed() == [], point
        assert scene.leftovers() == [], point
        assert scene.states() == [usual] * found.receipts, point
        seen.add(found == new)
        if how is not None:  # nothing was changed, as it said, or all of it
            assert outcome == (faults.DONE if found == new else faults.REFUSED), point
        act_again(scene, verb, found == new)
        if verb == "rotate":  # whatever had been done: it names the label to revoke
            assert all(f'revoke "{label}"' in scene.said for _, label, *_ in old.labels), (point, scene.said)
        assert scene.signature() == new, point
        assert scene.unsealed() == [], point
    # A keyring that refuses stops everything before the commit, but for what is forgotten after it.
    assert seen == {True, False} or (isinstance(how, Refusal) and False in seen)


def act_again(scene: Scene, verb: str, done: bool) -> None:
    """The same command once more: does it now, or finds nothing to do."""
    if not done or verb in ("setup", "rotate", "renew", "export_again"):
        getattr(scene, verb)()


@pytest.mark.parametrize("how", [None, errno.EIO], ids=name_of)
def test_recovery_that_is_stopped_itself(tmp_path: Path, how: int | None) -> None:
    """Killed, or refused by the disk, at each point of putting back what was killed at each point before."""
    scene, half = Scene("msmtp-used", tmp_path / "world"), tmp_path / "half"
    stopped = set()
    for _ in faults.points(scene.remove, scene.host.home, lambda: scene.prepare("remove"), None, writes=True):
        if scene.journal.unfinished():
            stopped |= {outcome for _, outcome in stopped_again(scene, half, how)}
    assert stopped >= {faults.KILLED if how is None else faults.REFUSED}


@pytest.mark.parametrize("how", [None, errno.EIO], ids=name_of)
@pytest.mark.parametrize("machine", [*ALIASED, *SEVERAL])
def test_recovery_of_several_that_is_stopped_itself(tmp_path: Path, machine: str, how: int | None) -> None:
    """The same where most is to be put back: all is written, and not committed. None of them counts as put
    back before all are."""
    scene, half = Scene(machine, tmp_path / "world"), tmp_path / "half"
    last = None
    for point, _ in faults.points(scene.rotate, scene.host.home, lambda: scene.prepare("rotate"), None):
        left = scene.journal.unfinished()
        if left and not scene.journal.committed(left[0]):
            last = point
        elif left:
            break
    assert last is not None
    scene.prepare("rotate")
    faults.run(scene.rotate, scene.host.home, last)
    members = len(scene.journal.unfinished())
    assert members > 1
    for states, _ in stopped_again(scene, half, how):
        assert len(states) == members, states


def stopped_again(scene: Scene, half: Path, how: int | None) -> Iterator[tuple[list[State], int]]:
    """What status says, and the outcome, when recovery of the scene is stopped at each of its points."""

    def again() -> None:
        recover(scene.context())

    def restore() -> None:
        shutil.rmtree(scene.directory)
        shutil.copytree(half, scene.directory, symlinks=True)

    shutil.rmtree(half, ignore_errors=True)
    shutil.copytree(scene.directory, half, symlinks=True)
    again()
    ended = scene.signature()
    for point, outcome in faults.points(again, scene.host.home, restore, how):
        states = scene.states()
        assert set(states) <= {State.OK, State.UNFINISHED}, (point, states)
        again()
        assert scene.signature() == ended, point
        assert scene.leftovers() == [], point
        assert scene.unsealed() == [], point
        yield states, outcome


@pytest.mark.parametrize("how", [errno.EROFS, Refusal.LOCKED], ids=name_of)
@pytest.mark.parametrize(
    ("machine", "verb"),
    [
        ("thunderbird-and-msmtp-of-two", "rotate"),
        ("thunderbird-and-msmtp", "setup"),
        ("msmtp-used", "remove"),
    ],
)
def test_everything_is_refused_from_then_on(tmp_path: Path, machine: str, verb: str, how: How) -> None:
    """Putting back is refused, too: it is said that the run is half-way, and the next command heals it."""
    scene, said = Scene(machine, tmp_path / "world"), tmp_path / "said"

    def act() -> None:
        try:
            getattr(scene, verb)()
        except ProvisionError as error:
            said.write_text(f"{error.message} {error.hint}")
            raise
        except RuntimeError as error:
            (report,) = error.args
            said.write_text(" ".join(f"{row.message} {row.next}" for row in report.rows if not row.ok))
            raise

    scene.prepare(verb)
    act()
    new = scene.signature()
    stopped = set()

    def prepare() -> None:
        scene.prepare(verb)

    stops = (
        keyring_points(scene, act, prepare, how)
        if isinstance(how, Refusal)
        else faults.points(act, scene.host.home, prepare, how, onward=True)
    )
    for point, outcome in stops:
        left = scene.journal.unfinished()
        halfway = [one for one in left if not scene.journal.committed(one)]
        states = set(scene.states())
        assert states <= {State.OK, State.UNFINISHED}, (point, states)
        assert (State.UNFINISHED in states) == bool(left), point
        assert outcome == faults.REFUSED or not halfway, point
        if outcome == faults.REFUSED:
            text = said.read_text()
            said.unlink()
            assert ("half-way" in text) == bool(halfway), (point, text)
            assert ("takes back what is half done" in text) == bool(halfway), (point, text)
            if halfway and verb != "setup":  # where each client has a line of its own
                assert not any(word in text for word in ("nothing was changed", "put back as it was")), text
            stopped.add(bool(halfway))
        recover(scene.context())
        assert scene.leftovers() == [], point
        assert scene.unsealed() == [], point
        act_again(scene, verb, scene.signature() == new)
        assert scene.signature() == new, point
    assert stopped == {True, False}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says what a descriptor is open for")
@pytest.mark.parametrize("machine", WAYS)
@pytest.mark.parametrize("verb", VERBS)
def test_every_step_is_on_the_disk_before_the_next(tmp_path: Path, machine: str, verb: str) -> None:
    """A power cut leaves what a kill leaves: a file is synced, renamed, its directory is synced, then the
    next. So the receipt is on the disk before the first change and the commit after the last one."""
    scene = Scene(machine, tmp_path / "world")
    scene.prepare(verb)
    done = [
        step
        for step in faults.record(getattr(scene, verb), scene.host.home)
        if not any(Path(name).name in NOT_OURS for name in step[1:])
    ]
    renamed = 0
    for before, step, after in zip([("",), *done], done, [*done[1:], ("",)], strict=False):
        if step[0] == "os.rename":
            assert before == ("fsync", step[1]), step
            renamed += 1
        if step[0] != "fsync":
            assert after == ("fsync", str(Path(step[-1]).parent)), step
    assert renamed >= 3  # the receipt, the commit, the receipt again
    state = scene.journal.directory
    written = [Path(step[-1]) for step in done if step[0] in ("os.rename", "os.remove")]
    places = [path.relative_to(state).parts[0] if state in path.parents else "" for path in written]
    opened, commit = places.index("receipts"), places.index("commits")
    first, last = places[: opened + 1], places[commit:]
    assert set(first[:-1]) <= {"backups"}
    assert set(last) <= {"commits", "receipts", "backups"}
    changes = [place for place in places[opened + 1 : commit] if place != "receipts"]
    assert not {"backups", "commits"} & set(changes)
    assert changes or (verb == "rotate" and scene.store.path.exists())  # the keyring alone has the password
