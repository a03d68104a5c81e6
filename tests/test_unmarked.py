"""remove where somebody has deleted the lines that mark ours, and nothing else: what is said is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner import clients
from provisioner.edits import block
from provisioner.report import State
from tests.clients.machines import MACHINES
from tests.clients.test_contract import PROVIDERS, Setup
from tests.test_remove import only, run


def marked(setup: Setup) -> list[Path]:
    """Files with a block of the account."""
    (receipt,) = setup.journal.receipts()
    paths = [Path(record.path) for record in receipt.files]
    return [path for path in paths if any(True for _ in block._markers(path.read_bytes()))]


def unmark(path: Path) -> None:
    data = path.read_bytes()
    for marker in reversed(list(block._markers(data))):
        data = data[: marker.start] + data[marker.end :]
    path.write_bytes(data)


MARKED = ("msmtp-used", "mbsync-used", "mutt-used", "offlineimap-used", "git-send-email-used", "emacs-fresh")
"""A block alone, one beside those that accounts share, and blocks that name a file of ours."""


@pytest.fixture(params=MARKED)
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> Setup:
    client_id, make = MACHINES[request.param]
    made = Setup(clients.get(client_id), make(tmp_path), PROVIDERS["icloud"])
    made.apply(made.plan())
    return made


def test_our_lines_without_their_marks_are_named_and_left(setup: Setup) -> None:
    paths = marked(setup)
    assert paths
    for path in paths:
        unmark(path)
    before = {path: path.read_bytes() for path in paths}
    row = only(run(setup))
    assert row.state is State.REMOVED
    assert "forgotten here, but still named in its files" in row.message
    (note,) = [note for note in row.notes if "without provisioner's marks" in note]
    assert any(str(path) in note for path in paths)
    assert "delete them by hand" in note
    assert {path: path.read_bytes() for path in paths} == before


# Not OfflineIMAP: its list of accounts, which is not ours alone, still names it.
@pytest.mark.parametrize("setup", [name for name in MARKED if "offlineimap" not in name], indirect=True)
def test_lines_that_are_gone_with_their_marks_are_not_spoken_of(setup: Setup) -> None:
    for path in marked(setup):
        data = path.read_bytes()
        for one in block.blocks(data, path):
            data = block.remove(data, one.name, path)
        path.write_bytes(data)
    row = only(run(setup))
    assert "any more" in row.message
    assert not any("marks" in note for note in row.notes)
