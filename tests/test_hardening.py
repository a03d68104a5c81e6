"""While a password may be in memory, nothing can dump or read that memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import resource, sys
from provisioner.hardening import protect_memory
protect_memory()
import ctypes
print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))  # PR_GET_DUMPABLE
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl and /proc are Linux's")
def test_no_core_and_not_dumpable() -> None:
    shown = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    assert shown == "(0, 0) 0\n"


def test_every_verb_is_protected(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from provisioner.cli import cli

    called: list[bool] = []
    monkeypatch.setattr("provisioner.hardening.protect_memory", lambda: called.append(True))
    for verb in (["clients"], ["providers"], ["status"], ["remove", "a@icloud.com"], ["check", "bad"]):
        called.clear()
        CliRunner().invoke(cli, verb)
        assert called == [True]
