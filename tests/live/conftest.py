"""The laboratory for tests with the real Thunderbird and real servers; see lab.py.

LIVE_SHOW=1 shows Thunderbird on your own screen; LIVE_KEEP=1 keeps it open after a failure, with its
servers, until you close it (add --timeout 0); a picture of the screen is kept after every failure.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live.display import Display
from tests.live.dovecot import Dovecot, Flavour
from tests.live.lab import Lab, missing, private_network
from tests.live.submission import Submission
from tests.live.thunderbird import machine_defaults
from tests.live.world import BOB, BOB_PASSWORD, JANE, JANE_LOCAL, PASSWORD, SUBJECTS, World
from tests.needs import need


@pytest.fixture(scope="package")
def lab() -> Iterator[Lab]:
    need(not missing(), missing())
    # Not in pytest's directory, which is closed to the servers' own users.
    with (
        tempfile.TemporaryDirectory(prefix="provisioner-live-") as directory,
        private_network(Path(directory)) as lab,
    ):
        machine_defaults(lab)
        yield lab


@pytest.fixture(scope="package")
def display(lab: Lab) -> Iterator[Display]:
    with Display(lab.directory) as display:
        yield display


@pytest.fixture
def flavour() -> Flavour:
    """The IMAP server's mailboxes; a test may choose another with parametrize."""
    return Flavour.ICLOUD


@pytest.fixture
def world(lab: Lab, display: Display, flavour: Flavour, tmp_path: Path) -> Iterator[World]:
    (tmp_path / "home").mkdir()
    (tmp_path / "thunderbird.log").touch()
    passwords = {JANE: PASSWORD, BOB: BOB_PASSWORD}
    imap = Dovecot(
        lab, tmp_path / "dovecot.log", flavour, passwords={JANE_LOCAL: PASSWORD, "bob": BOB_PASSWORD}
    )
    with imap, Submission(lab, passwords) as smtp:
        for user in imap.passwords:
            imap.deliver(user, *SUBJECTS)
        yield World(tmp_path, imap, smtp, display, passwords)
        # pytest shows it when a test has failed.
        print(imap.log(), "\n".join(smtp.log), (tmp_path / "thunderbird.log").read_text(), sep="\n")
