"""Clients that build on what others do: none is recommended that is there, or comes in the same run."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.report import ClientRow, Report
from tests.clients.machines.base import certificates, terminal
from tests.test_setup import EMAIL, Desk

CLIENTS = ["emacs", "goimapnotify", "khal", "khard", "mblaze", "mu", "notmuch"]
PROGRAMS = [*CLIENTS, "mbsync", "msmtp", "vdirsyncer"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(certificates(terminal(tmp_path, *PROGRAMS, "mscan", "secret-tool")))


def advice(report: Report) -> dict[str, str]:
    """What each client says is to be set up."""
    rows = [row for row in report.rows if isinstance(row, ClientRow)]
    assert all(row.ok for row in rows)
    return {
        row.client: line.removeprefix(f"  provisioner setup {EMAIL} ")
        for row in rows
        for line in "\n".join(row.notes).splitlines()
        if line.startswith("  provisioner setup ")
    }


def test_what_is_missing_is_said(desk: Desk) -> None:
    assert advice(desk.setup(*CLIENTS[1:])) == {
        "goimapnotify": "mbsync goimapnotify",
        "khal": "vdirsyncer",
        "khard": "vdirsyncer",
        "mblaze": "mbsync msmtp",
        "mu": "mbsync",
        "notmuch": "mbsync",
    }


def test_mu4e_needs_what_fetches_and_what_finds(desk: Desk) -> None:
    assert advice(desk.setup("emacs")) == {"emacs": "mbsync mu"}
    assert advice(desk.setup("mbsync")) == {"mbsync": "mu"}


def test_what_comes_in_the_same_run_is_not_recommended(desk: Desk) -> None:
    assert advice(desk.setup(*PROGRAMS)) == {}
    (config,) = (desk.host.home / ".config/goimapnotify").iterdir()
    assert f"mbsync {EMAIL}" in config.read_text()  # whichever is named first


def test_what_is_there_already_is_not_recommended(desk: Desk) -> None:
    desk.setup("mbsync", "vdirsyncer")
    found = advice(desk.setup(*CLIENTS))
    assert found == {"mblaze": "msmtp"}
    assert advice(desk.setup("msmtp", "emacs", dry_run=True)) == {}
