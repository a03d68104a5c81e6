"""Taking out a client leaves whole what another one works on: mail, and the directories for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.clients.base import Options
from provisioner.report import Report
from provisioner.workflows.context import Context
from provisioner.workflows.remove import remove
from provisioner.workflows.status import status
from tests.clients.machines.base import certificates, terminal
from tests.test_crash import Silent
from tests.test_setup import EMAIL, Desk

STACK = "mutt-stack"
PROGRAMS = ["mbsync", "msmtp", "neomutt", "notmuch", "mu", "mblaze", "mscan", "vdirsyncer", "khal", "khard"]
MAIL = Path("Mail") / EMAIL


def pairs() -> Iterator[tuple[str, str]]:
    """Each client that works by another one, with that one."""
    for client_id in clients.CLIENT_IDS:
        for other in clients.get(client_id).ABOUT.works_by:
            yield client_id, other
    yield from (("neomutt", "mbsync"), ("neomutt", "msmtp"), ("goimapnotify", "mbsync"))


PAIRS = [pair for one, other in pairs() for pair in ((one, other), (other, one))]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(certificates(terminal(tmp_path, *PROGRAMS, "goimapnotify", "secret-tool")))


def taken_out(desk: Desk, *names: str) -> None:
    context = Context(desk.host, desk.journal, Silent(), Report("remove"))
    remove(context, EMAIL, names, Options(), dry_run=False, wait=False)
    assert context.report.ok


def set_up(desk: Desk, one: str, other: str) -> None:
    if "neomutt" in (one, other):
        desk.setup(STACK)
    else:
        desk.setup(*sorted((one, other), key=clients.CLIENT_IDS.index))


def fetch(desk: Desk) -> set[Path]:
    """What a first run of the fetchers leaves: boxes, most of them without mail, and their state.

    Returns all directories that they will want to find again.
    """
    root = desk.host.home / MAIL
    boxes = [root / "INBOX", root / "Other", *(path.parent for path in root.rglob("cur"))]
    for box in boxes:
        for part in ("cur", "new", "tmp"):
            (box / part).mkdir(parents=True, exist_ok=True)
        (box / ".mbsyncstate").write_text("FarUidValidity 1\n")
        (box / ".uidvalidity").write_text("1\n1\n")
    (root / "INBOX/cur/1.host,U=1:2,S").write_text("Subject: 1\n\n")
    calendars = desk.host.home / ".local/share/vdirsyncer"
    if calendars.is_dir():
        (calendars / "status").mkdir(exist_ok=True)
    mail = desk.host.home / "Mail"
    return {path for path in mail.rglob("*") if path.is_dir()}


@pytest.mark.parametrize("fetched", [True, False], ids=["fetched", "not-yet"])
@pytest.mark.parametrize(("goes", "stays"), PAIRS, ids=map("-without-".join, PAIRS))
def test_what_stays_finds_what_it_had(desk: Desk, goes: str, stays: str, fetched: bool) -> None:
    set_up(desk, goes, stays)
    wanted = fetch(desk) if fetched else set()
    taken_out(desk, goes)
    assert {path for path in wanted if not path.is_dir()} == set()
    if fetched:
        assert (desk.host.home / MAIL / "INBOX/cur/1.host,U=1:2,S").is_file()
    if "mbsync" in clients_of(desk):
        assert (desk.host.home / MAIL).is_dir()  # mbsync(1): it makes boxes in it, but never itself
    taken_out(desk)  # and all the rest
    assert {path for path in wanted if not path.is_dir()} == set()
    if not fetched:
        assert not (desk.host.home / "Mail").exists()


@pytest.mark.parametrize("fetched", [True, False], ids=["fetched", "not-yet"])
def test_a_directory_of_two_goes_with_the_last(desk: Desk, fetched: bool) -> None:
    """mbsync comes back while NeoMutt keeps its directory; then NeoMutt goes."""
    desk.setup(STACK)
    wanted = fetch(desk) if fetched else {desk.host.home / MAIL}
    taken_out(desk, "mbsync")
    desk.setup("mbsync")
    taken_out(desk, "neomutt")
    assert {path for path in wanted if not path.is_dir()} == set()
    context = Context(desk.host, desk.journal, Silent(), Report("status"))
    status(context, None, Options(), login=False)
    assert context.report.ok, context.report
    taken_out(desk)
    assert (desk.host.home / "Mail").exists() == fetched


def test_all_at_once_leaves_boxes_that_can_be_opened_again(desk: Desk) -> None:
    desk.setup(STACK)
    wanted = fetch(desk)
    taken_out(desk)
    assert {path for path in wanted if not path.is_dir()} == set()
    assert not list((desk.host.home / "Mail").rglob(".provisioner"))


def clients_of(desk: Desk) -> set[str]:
    return {receipt.client for receipt in desk.journal.receipts()}
