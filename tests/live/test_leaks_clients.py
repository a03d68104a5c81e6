"""The leak audit of every client that can be here: each one's plan is given the password."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.archive import Archive
from provisioner.host import Host
from provisioner.secret import Secret
from tests import nss
from tests.live.audit import EMAIL, PROGRAMS, Bench, Fickle, lines_with, missing
from tests.live.test_keyring import UNLOCK, session
from tests.live.test_leaks import CANARY, GIVEN, NEWER, assert_clean, assert_keeps_to_itself
from tests.needs import need

pytestmark = pytest.mark.live

PRIMARY = "pzxm-vrwk-qnjr-zbxw"
NAMES = {"git-send-email": "git", "mblaze": "mscan"}
"""Programs that are not called as their client is."""
ELSEWHERE = {"apple-mail", "gnome-online-accounts"}
"""For a Mac; not beside Evolution, so set up after it."""
PRETENDED = {"himalaya": "", "meli": "", "goimapnotify": "", "kmail": "kmail2 6.1.0"}
"""Programs that need not be here to be written for, and the version that they say they are: this KMail looks
into the Secret Service alone."""
POP = """
pop:
  host: localhost
  port: 1
  security: tls
  username: local-part
sources:
  pop: none, it is never asked
"""
"""For mpop, as iCloud has none."""
ALONE = "gnome-online-accounts"
HELPERS = ("git", "perl", "sh", "sed")
TOGETHER = tuple(name for name in clients.CLIENT_IDS if name not in ELSEWHERE)


def program(client_id: str) -> str:
    return NAMES.get(client_id, client_id)


def installed() -> tuple[str, ...]:
    here = {"thunderbird", *PRETENDED}
    return tuple(name for name in TOGETHER if name in here or shutil.which(program(name)))


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    need(not missing(), missing())
    need(shutil.which("secret-tool"), "secret-tool is not installed")
    server = Fickle(EMAIL, Secret(CANARY), tmp_path)
    with server:
        bench = Bench(tmp_path, server, sorted({*PROGRAMS, *map(program, TOGETHER), *HELPERS} - {*PRETENDED}))
        for name, said in PRETENDED.items():
            pretended = bench.directory / "bin" / name
            pretended.write_text(f"#!/bin/sh\necho '{said}'\n")
            pretended.chmod(0o755)
        bench.env["XDG_CURRENT_DESKTOP"] = "GNOME"
        profile = bench.home / ".config/provisioner/profiles/icloud.yaml"
        profile.write_text(profile.read_text().replace("\nsources:\n", POP))
        with session(bench.home, UNLOCK) as desktop:
            bench.use(desktop)
            yield bench


def own(bench: Bench) -> set[str]:
    """What may be started: the clients are asked for their version, git and perl for what they have."""
    programs = {Path(sys.executable).name}
    for link in (bench.directory / "bin").iterdir():
        programs |= {link.name, link.resolve().name}
    return programs


def set_up(bench: Bench) -> list[str]:
    """The clients that have the account, by the receipts."""
    return sorted(receipt.client for receipt in Archive(bench.home / ".local/state/provisioner").receipts())


def test_no_client_gives_the_password_away(bench: Bench) -> None:
    names = installed()
    need(len(names) > 12, f"of the clients only {', '.join(names)} are installed")
    need((nss.THUNDERBIRD / "libnss3.so").exists(), f"Thunderbird's NSS is not in {nss.THUNDERBIRD}")
    run, server = bench.run, bench.server
    (profile,) = (bench.home / ".thunderbird").glob("*.default-release")
    nss.run(profile, ("change", "", PRIMARY) if (profile / "key4.db").exists() else ("init", PRIMARY))
    (bench.home / "primary").write_text(PRIMARY)
    own_muttrc = bench.home / ".config/neomutt/neomuttrc"  # else it shares mutt's
    own_muttrc.parent.mkdir(parents=True)
    own_muttrc.touch()
    (bench.home / ".contacts" / EMAIL / "card").mkdir(parents=True)  # else khard has nothing to show
    unlock = ("--primary-password-command", f"cat {bench.home / 'primary'}")

    assert run("setup", EMAIL, *names, GIVEN, *unlock, "-v", secret=CANARY) == 0, bench.outputs.decode()
    assert set_up(bench) == sorted(names), bench.outputs.decode()
    server.change_password(Secret(NEWER))
    assert run("rotate", EMAIL, GIVEN, "--wait", *unlock, secret=NEWER) == 0, bench.outputs.decode()
    assert run("status", "--check", "--json", *unlock) == 0, bench.outputs.decode()
    edited = bench.home / ".config/msmtp/config"
    edited.write_text(edited.read_text().replace("tls on", "tls on\n# mine"))
    assert run("remove", EMAIL, "--wait", "--force") == 0, bench.outputs.decode()
    assert set_up(bench) == []
    if ALONE in {one.client for one in clients.get(ALONE).detect(Host(home=bench.home))}:
        server.change_password(Secret(CANARY))
        assert run("setup", EMAIL, ALONE, GIVEN, secret=CANARY) == 0, bench.outputs.decode()
        server.change_password(Secret(NEWER))
        assert run("rotate", EMAIL, GIVEN, secret=NEWER) == 0, bench.outputs.decode()
        assert run("remove", EMAIL) == 0, bench.outputs.decode()

    assert_clean(bench)
    for trace in bench.traces:
        shown = lines_with(trace, PRIMARY)
        printing = {line.split()[0] for line in trace.splitlines() if 'execve("' in line and '["cat"' in line}
        assert {line.split()[0] for line in shown} <= printing
    assert any(lines_with(trace, PRIMARY) for trace in bench.traces)
    assert lines_with(bench.outputs.decode(), PRIMARY) == []
    assert bench.files_with(PRIMARY) == [bench.home / "primary"]
    assert_keeps_to_itself(bench, *(bench.programs() & own(bench)))
