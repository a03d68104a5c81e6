"""The wheel, installed as a user would, does the same as the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.live.lab import Lab
from tests.live.world import World

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]
CHECKOUT = Path(__file__).parents[2]


@pytest.fixture
def installed(lab: Lab, tmp_path: Path) -> Path:
    """The command in a virtual environment that holds only the wheel and what it requires."""
    venv = tmp_path / "venv"
    wheels = tmp_path / "wheels"
    python = str(venv / "bin/python")
    for command in (
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(wheels), str(CHECKOUT)],
        [sys.executable, "-m", "venv", str(venv)],
    ):
        _run(lab, command)
    (wheel,) = wheels.glob("*.whl")
    _run(lab, [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)])
    return venv / "bin/provisioner"


def _run(lab: Lab, command: list[str]) -> None:
    """On the real network: package indexes are not part of the laboratory."""
    command = lab.outside_command(command)
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ, cwd="/", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_wheel_sets_up_thunderbird(world: World, installed: Path) -> None:
    world = replace(world, program=installed)
    world.setup()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird)
