"""Several deeds in one process, one of which is stopped at any point: those after it know of it.

A command for two clients makes one deed after the other, and each may write down anew what is known of the
other client. Whatever is refused on the way, in the end each account is known exactly once, as it is.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioner.clients.base import Options
from provisioner.report import State
from provisioner.workflows.recovery import recover
from provisioner.workflows.remove import remove
from provisioner.workflows.setup import SetupOptions, setup
from tests import faults, test_crash
from tests.test_crash import EMAIL, NEW, OLD, How, Refusal, Scene, ask, keyring_points, name_of

pytestmark = pytest.mark.exhaustive
quick = test_crash.quick
FIRST, SECOND = "msmtp", "mbsync"
"""They read one item of the keyring: a new password for the first is one for the second, too."""


class Both(Scene):
    def setup_again(self) -> None:
        """Another password, while the second client's file is gone: what is known of that client changes
        with the first deed, which replaces the password, and with the second, which writes the file."""
        self.of_second().unlink(missing_ok=True)
        context = self.context()
        setup(context, self.wishes[0], [FIRST, SECOND], ask(NEW), SetupOptions(check=False, label="new"))

    def of_second(self) -> Path:
        return self.host.home / ".mbsyncrc"

    def files(self) -> dict[str, bytes]:
        return {name: data for name, data, _ in self.signature().files}

    def take_out(self, client_id: str) -> str:
        """Removes it; what is said of its password."""
        context = self.context()
        remove(context, EMAIL, [client_id], Options(), dry_run=False, wait=False)
        assert context.report.ok, context.report
        return context.report.next


CASES: list[tuple[str, How]] = [
    *(("setup_again", how) for how in (None, errno.EIO, *Refusal)),
    *((verb, how) for verb in ("setup", "remove") for how in (errno.EIO, Refusal.LOCKED)),
]


@pytest.mark.parametrize(("verb", "how"), CASES, ids=name_of)
def test_each_account_is_known_once(tmp_path: Path, verb: str, how: How) -> None:
    scene = Both("msmtp-beside-mbsync", tmp_path / "world")
    act: Callable[[], None] = getattr(scene, verb)

    def prepare() -> None:
        scene.prepare(verb)

    prepare()
    old = scene.files()
    (first_label,) = {one.label for one in scene.journal.receipts()} or {""}
    act()
    new = scene.files()
    labels = {NEW.reveal(): "new", OLD.reveal(): first_label}
    stops = (
        keyring_points(scene, act, prepare, how)
        if isinstance(how, Refusal)
        else faults.points(act, scene.host.home, prepare, how)
    )
    for point, _ in stops:
        recover(scene.context())
        assert scene.leftovers() == [], point
        assert scene.unsealed() == [], point
        for name, data in scene.files().items():
            assert data in (old.get(name), new.get(name)), (point, name)
        rows = scene.rows()
        assert len({row.client for row in rows}) == len(rows), (point, rows)
        gone = {SECOND} if verb == "setup_again" and not scene.of_second().exists() else set()
        assert {row.client for row in rows if row.state is State.DRIFTED} == gone, (point, rows)
        assert {row.state for row in rows} <= {State.OK, State.DRIFTED}, (point, rows)
        passwords = scene.signature().passwords - {None}
        if verb == "setup_again":
            assert [[row.label] for row in rows] == [[labels[str(one)] for one in passwords]] * 2, point
        left = [row.client for row in rows]
        for client_id in (FIRST, SECOND):
            if client_id in left:
                left.remove(client_id)
                said, (row, *_) = scene.take_out(client_id), rows
                assert f'"{row.label}"' in said, (point, said)
                assert f"still used by {' '.join(left)}" in said if left else "revoke" in said, (point, said)
                assert bool(left) == ("still used" in said), (point, said)
        assert scene.rows() == [], point
        assert scene.leftovers() == [], point
