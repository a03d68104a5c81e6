"""Ctrl-C at every file operation: what is said of it is what is true."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from provisioner.cli import cli
from provisioner.host import Host
from provisioner.report import State
from provisioner.workflows.recovery import recover
from tests import faults, test_crash
from tests.test_crash import EMAIL, NEW, OLD, Scene

pytestmark = pytest.mark.exhaustive
quick = test_crash.quick
COMMANDS = {
    "setup": (["setup", EMAIL, "msmtp", "mbsync", "--no-check", "--password-stdin"], OLD),
    "rotate": (["rotate", EMAIL, "--password-stdin"], NEW),
    "remove": (["remove", EMAIL], None),
}


@pytest.mark.parametrize("verb", COMMANDS)
def test_what_is_said_at_ctrl_c_is_true(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str) -> None:
    scene = Scene("msmtp-beside-mbsync", tmp_path / "world")
    monkeypatch.setattr(Host, "current", lambda: scene.host)
    said = tmp_path / "said"
    words, secret = COMMANDS[verb]

    def act() -> None:
        result = CliRunner().invoke(cli, [*words, "--json"], input=secret.reveal() if secret else "")
        said.write_text(result.stdout)

    def prepare() -> None:
        scene.prepare(verb)

    prepare()
    old = scene.signature()
    labels = {label for _, label, *_ in old.labels}
    act()  # loads all that the children need
    ends = set()
    for point, _ in faults.points(act, scene.host.home, prepare, faults.INTERRUPT):
        document: dict[str, Any] = json.loads(said.read_text())
        assert len(document["errors"]) <= 1, point
        if not document["errors"]:  # it was all over, or noticed by nobody
            continue
        (error,) = document["errors"]
        assert error["code"] == "cancelled", (point, error)
        stopped, hint = error["message"], error["next"]
        unfinished = {row.client for row in scene.rows() if row.state is State.UNFINISHED}
        assert ("next setup, rotate or remove" in hint) == bool(unfinished), (point, error)
        if "nothing was changed" in stopped:
            assert scene.signature() == old, (point, error)
            assert scene.leftovers() == [], point
        recover(scene.context())
        after = scene.signature()
        assert ("they stay" in stopped) == (after != old), (point, error)
        named = {client for client in scene.client_ids if f"{client} ({EMAIL})" in stopped}
        there = {name.partition(" ")[0] for name, *_ in after.labels}
        if verb == "setup":
            assert named == there, (point, error)
        elif verb == "remove":
            assert named == set(scene.client_ids) - there, (point, error)
        for label in labels if after != old else ():
            used = "still used by" in hint
            assert used == (verb == "remove" and bool(there)), (point, error)
            assert (f'revoke "{label}"' in hint) != used, (point, error)
            assert hint.count(f'"{label}"') == 1, (point, error)
        ends.add(stopped.partition(" ")[2])
    assert any("nothing was changed" in one for one in ends)
    assert any("they stay" in one for one in ends)


def test_a_label_to_revoke_is_named_once_after_a_rotate_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By what finishes the run, or by the command itself if there is nothing to finish."""
    scene = Scene("msmtp-beside-mbsync", tmp_path / "world")
    monkeypatch.setattr(Host, "current", lambda: scene.host)
    words, secret = COMMANDS["rotate"][0], NEW

    def act() -> str:
        return CliRunner().invoke(cli, words, input=secret.reveal()).output

    scene.prepare("rotate")
    ((_, label, *_), *_) = scene.signature().labels
    finished = set()
    for point, _ in faults.points(act, scene.host.home, lambda: scene.prepare("rotate"), None):
        output = " ".join(act().split())
        assert output.count(f'revoke "{label}"') == 1, (point, output)
        finished.add("they stay" in output)
    assert finished == {True, False}
