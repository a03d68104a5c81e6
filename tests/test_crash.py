"""setup, rotate and remove, stopped at every single file operation, for Thunderbird and a file client.

Each point is met once: killed outright, and with the disk refusing. After the next command every file is
the old one or the new one, the stored password fits, nothing is left behind, and status says the truth.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.accounts import Wish
from provisioner.clients.base import Options
from provisioner.items import UNDO_SERVICE, SecretItem
from provisioner.journal import Journal
from provisioner.model import AppPassword
from provisioner.report import Report, State, StatusRow
from provisioner.secret import Secret
from provisioner.workflows import rotate as rotation
from provisioner.workflows.context import Context, recover
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from provisioner.workflows.status import status
from tests import faults
from tests.clients.machines import MACHINES

pytestmark = pytest.mark.exhaustive

EMAIL = "jane.appleseed@icloud.com"
OLD, NEW = Secret("abcd-efgh-ijkl-mnop"), Secret("qrst-uvwx-yzab-cdef")
STORES = {"key4.db", "logins.json"}
"""Files whose bytes differ in each run; what is in them is compared instead."""
KEYRING = "keyring.json"
LOCK = ".parentlock"
"""Thunderbird's own lock file: empty, made by every start, and nobody's evidence of anything."""

IGNORED = STORES | {LOCK, KEYRING, "keyring.new"}


class Silent:
    """Nobody is at the terminal."""

    interactive = False

    def say(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def open(self, target: str) -> None: ...

    def confirm(self, question: str) -> bool:
        raise AssertionError(question)

    def ask_hidden(self, prompt: str) -> str:
        raise AssertionError(prompt)

    def choose(self, question: str, choices: list[str]) -> list[str]:
        raise AssertionError(question)


class FileStore:
    """A keyring in a file: it outlives a process that is killed, and each write is a point of failure."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _items(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self.path.read_text()) if self.path.exists() else {}
        return found

    def _save(self, items: dict[str, str]) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(json.dumps(items))
        new.replace(self.path)

    def get(self, item: SecretItem) -> Secret | None:
        value = self._items().get(repr(item.attributes))
        return None if value is None else Secret(value)

    def set(self, item: SecretItem, secret: Secret) -> None:
        self._save({**self._items(), repr(item.attributes): secret.reveal()})

    def delete(self, item: SecretItem) -> None:
        self._save({key: value for key, value in self._items().items() if key != repr(item.attributes)})

    def waiting(self) -> list[str]:
        return [key for key in self._items() if UNDO_SERVICE in key]


@dataclass(frozen=True)
class Signature:
    """All that matters of a home: files (stores apart), the stored password, whether there is a receipt."""

    files: frozenset[tuple[str, bytes, int]]
    items: frozenset[str]
    """Which items the keyring has."""
    password: str | None
    receipts: int


class Scene:
    def __init__(self, machine: str, directory: Path) -> None:
        client_id, make = MACHINES[machine]
        self.client, self.make, self.directory = clients.get(client_id), make, directory
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

    def setup(self) -> None:
        context = self.context()
        setup(context, Wish(EMAIL), [self.client.ID], ask(OLD), SetupOptions(check=False))
        if not context.report.ok:
            raise RuntimeError(context.report)

    def rotate(self) -> None:
        context = self.context()
        rotation.rotate(context, Wish(EMAIL), [], ask(NEW), Options())
        if not context.report.ok:
            raise RuntimeError(context.report)

    def remove(self) -> None:
        context = self.context()
        remove(context, EMAIL, [], Options(), dry_run=False, wait=False)
        if not context.report.ok:
            raise RuntimeError(context.report)

    def signature(self) -> Signature:
        receipts = self.journal.receipts()
        own = {self.host.state_dir / name for name in ("receipts", "backups", "commits", "kept", "lock")}
        files = set()
        for path in self.host.home.rglob("*"):
            if path.is_file() and path.name not in IGNORED and not own & {path, *path.parents}:
                files.add((str(path), path.read_bytes(), path.stat().st_mode & 0o777))
        secret = None
        if receipts:
            secret = self.client.stored_secret(self.host, receipts[0].account, Options())
        return Signature(
            frozenset(files),
            frozenset(self.store._items()),
            secret.reveal() if secret else None,
            len(receipts),
        )

    def leftovers(self) -> list[str]:
        owned = {receipt.id for receipt in self.journal.receipts()}
        stray = list(self.host.home.rglob(".*.tmp"))
        for kind in ("backups", "commits"):
            directory = self.journal.directory / kind
            stray += [
                path for path in (directory.iterdir() if directory.is_dir() else ()) if path.name not in owned
            ]
        return [str(path) for path in stray] + self.store.waiting()

    def states(self) -> list[State]:
        context = self.context()
        status(context, None, Options(), login=False)
        return [row.state for row in context.report.rows if isinstance(row, StatusRow)]


def ask(secret: Secret) -> Callable[[str, AppPassword | None], Secret]:
    return lambda prompt, rule: secret


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    monkeypatch.setattr(rotation, "_works", lambda *rest: True)


KILL: list[tuple[str, str, int | None]] = [
    (machine, verb, None) for machine in MACHINES for verb in ("setup", "rotate", "remove")
]
REFUSE: list[tuple[str, str, int | None]] = [
    ("thunderbird-used", verb, error) for verb in ("setup", "rotate", "remove") for error in faults.ERRORS
]


@pytest.mark.parametrize(
    ("machine", "verb", "error"),
    KILL + REFUSE,
    ids=lambda value: errno.errorcode[value] if isinstance(value, int) else str(value or "kill"),
)
def test_stopped_at_every_point(tmp_path: Path, machine: str, verb: str, error: int | None) -> None:
    scene = Scene(machine, tmp_path / "world")

    def prepare() -> None:
        scene.reset()
        if verb != "setup":
            scene.setup()

    act: Callable[[], None] = getattr(scene, verb)
    prepare()
    old = scene.signature()
    act()
    new = scene.signature()
    assert old != new
    seen = set()
    for point, outcome in faults.points(act, scene.host.home, prepare, error):
        unfinished = bool(scene.journal.unfinished())
        assert (State.UNFINISHED in scene.states()) == unfinished, point
        recover(scene.context())
        found = scene.signature()
        assert found in (old, new), (point, outcome)
        assert scene.leftovers() == [], point
        assert scene.states() == [State.OK] * found.receipts, point
        seen.add(found == new)
        if error is not None:
            assert outcome in (faults.REFUSED, faults.DONE), point
        act_again(scene, verb, found == new)
        assert scene.signature() == new, point
    assert seen == {True, False}


def act_again(scene: Scene, verb: str, done: bool) -> None:
    """The same command once more: does it now, or finds nothing to do."""
    if verb == "rotate" or not done or verb == "setup":
        getattr(scene, verb)()
