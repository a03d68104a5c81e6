"""KConfig's and QSettings' own parsers give back every value that we write."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provisioner.edits.keyfile import KeyFile
from provisioner.quoting.kde import kconfig, qsettings
from tests.needs import need

pytestmark = pytest.mark.live

LINE = st.text(st.characters(exclude_characters="\0\r\n", exclude_categories=["Cs"]), max_size=60)
SYNTAX = st.text(st.sampled_from("\\\"' ,;@()#%$[]=xsabcf019ü🍏"), max_size=40)
ONCE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
READ = (
    "import json, sys; from PyQt5.QtCore import QSettings; s = QSettings(sys.argv[1], QSettings.IniFormat); "
    "print(json.dumps([s.value(f'Agent/v{n}') for n in range(int(sys.argv[2]))]))"
)


@settings(ONCE, max_examples=60)
@given(value=LINE | SYNTAX)
def test_kconfig(tmp_path: Path, value: str) -> None:
    need(shutil.which("kreadconfig5"), "needs kreadconfig5 (make system)")
    file = tmp_path / "testrc"
    file.write_bytes(f"[Identity #0]\nName={kconfig(value)}\nlast=1\n".encode())
    command = ["kreadconfig5", "--file", str(file), "--group", "Identity #0", "--key", "Name"]
    env = {"LANG": "C.UTF-8", "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, env=env, timeout=30, check=True)
    assert done.stdout.decode() == f"{value}\n"


@settings(ONCE, max_examples=5)
@given(values=st.lists(LINE | SYNTAX, min_size=50, max_size=100))
def test_qsettings(tmp_path: Path, values: list[str]) -> None:
    file = tmp_path / "agent"
    lines = "".join(f"v{number}={qsettings(value)}\n" for number, value in enumerate(values))
    file.write_bytes(f"[Agent]\n{lines}".encode())
    command = ["/usr/bin/python3", "-c", READ, str(file), str(len(values))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    need(done.returncode == 0, "needs python3-pyqt5 (make system)")
    assert json.loads(done.stdout) == values


@given(SYNTAX)
def test_the_key_file_means_the_same(value: str) -> None:
    assert KeyFile.of(f"[a]\nb={kconfig(value)}\n").text("a", "b") == value
