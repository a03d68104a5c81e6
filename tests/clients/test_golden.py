"""Golden files: all that a client gets on a fresh machine for an iCloud account, so that a change is seen.

`tests/golden/CLIENT/icloud/` is the home directory afterwards (`gmail` where iCloud lacks the server).
After a change that is meant:
`UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/clients/test_golden.py`, then look at `git diff`.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from provisioner import clients
from tests.clients.machines import MACHINES
from tests.clients.test_contract import Setup, usual

GOLDEN = Path(__file__).parent.parent / "golden"
FRESH = [name for name in MACHINES if name.endswith("-fresh")]


HASH = re.compile(rb"(>>> provisioner \S+) [0-9a-f]{16} >>>")
PEM = re.compile(rb"(-----BEGIN [A-Z0-9 ]+-----\n)[^-]+")
RANDOM = re.compile(rb"(\{AES-256-CBC,50000\}|_salt=)[A-Za-z0-9+/=]{88,}")
PROFILE = re.compile(rb"\b[a-z0-9]{8}(\.default-release)")
LOGIN = re.compile(
    rb'("(?:encrypted[A-Z]\w+|guid)":)"[^"]+"|("time(?:Created|LastUsed|PasswordChanged)":)[0-9]+'
)
"""What is random, or the time, in Thunderbird's names and its logins.json."""


def written(name: str, directory: Path) -> dict[str, bytes]:
    """Path below the home -> content.

    The home is `/home/jane` there, programs are in `/usr/bin`, and a block's hash, which depends on such
    paths, is `HASH`. What is within a key or encrypted is `RANDOM`, and so is the whole of a key database.
    """
    client_id, make = MACHINES[name]
    setup = Setup(clients.get(client_id), make(directory), usual(name))
    setup.apply(setup.plan())
    home, programs = str(setup.host.home).encode(), str(directory / "bin").encode()

    def neutral(data: bytes) -> bytes:
        data = PEM.sub(rb"\1RANDOM\n", data.replace(home, b"/home/jane").replace(programs, b"/usr/bin"))
        data = LOGIN.sub(rb"\1\2RANDOM", PROFILE.sub(rb"RANDOM\1", data))
        return RANDOM.sub(rb"\1RANDOM", HASH.sub(rb"\1 HASH >>>", data))

    def content(path: Path) -> bytes:
        return b"RANDOM\n" if path.name == "key4.db" else neutral(path.read_bytes())

    return {
        neutral(str(path.relative_to(setup.host.home)).encode()).decode(): content(path)
        for path in sorted(setup.host.home.rglob("*"))
        if path.is_file() and setup.host.state_dir not in path.parents
    }


def expected(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def renew(directory: Path, files: dict[str, bytes]) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    for name, data in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)


@pytest.mark.parametrize("name", FRESH)
def test_what_is_written_is_as_the_golden_files_say(name: str, tmp_path: Path) -> None:
    now = written(name, tmp_path)
    directory = GOLDEN / name.removesuffix("-fresh") / usual(name).id
    if os.environ.get("UPDATE_GOLDEN"):
        renew(directory, now)
    assert now == expected(directory), "if that is meant: UPDATE_GOLDEN=1, then look at git diff"
