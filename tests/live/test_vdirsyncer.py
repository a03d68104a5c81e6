"""vdirsyncer, the real one, with a Radicale that plays iCloud's calendars and contacts."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.quoting.json import json as quoted
from provisioner.quoting.vdirsyncer import vdirname
from tests.live.lab import Lab
from tests.live.radicale import Radicale, radicale
from tests.live.terminal import Terminal, terminal_with
from tests.live.world import JANE, NEW_PASSWORD, PASSWORD, World
from tests.needs import need

pytestmark = pytest.mark.live

EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//test//EN
BEGIN:VEVENT
UID:{0}
DTSTAMP:20261123T000000Z
DTSTART:20261124T100000Z
DTEND:20261124T110000Z
SUMMARY:{0}
END:VEVENT
END:VCALENDAR
"""
CARD = "BEGIN:VCARD\nVERSION:3.0\nUID:friend\nFN:A Friend\nN:Friend;A;;;\nEND:VCARD\n"
CALENDARS, CONTACTS = f".calendars/{JANE}", f".contacts/{JANE}"


@pytest.fixture
def server(lab: Lab, world: World) -> Iterator[Radicale]:
    with radicale(lab, world.directory / "radicale", {JANE: PASSWORD}) as server:
        server.add(JANE, "home", "lunch.ics", EVENT.format("Lunch"), "VCALENDAR")
        server.add(JANE, "card", "friend.vcf", CARD, "VADDRESSBOOK")
        yield server


@pytest.fixture
def terminal(world: World, server: Radicale) -> Iterator[Terminal]:
    with terminal_with(world, "vdirsyncer") as terminal:
        yield terminal


def steps(output: str) -> list[str]:
    """The commands that the report says to run."""
    return re.findall(r"(vdirsyncer (?:discover|sync)[^\n]*)", output)


def test_one_command_and_calendars_and_contacts_are_here(terminal: Terminal, server: Radicale) -> None:
    before = terminal.snapshot()
    discover, sync = steps(terminal.setup("vdirsyncer"))
    terminal.run("sh", "-c", f"yes | {discover}")
    terminal.run("sh", "-c", sync)
    assert "SUMMARY:Lunch" in next((terminal.home / CALENDARS / "home").glob("*.ics")).read_text()
    assert "FN:A Friend" in next((terminal.home / CONTACTS / "card").glob("*.vcf")).read_text()
    (terminal.home / CALENDARS / "home/dinner.ics").write_text(EVENT.format("Dinner"))
    terminal.run("sh", "-c", sync)
    stored = [
        path.read_text() for path in (server.directory / "data/collection-root" / JANE / "home").glob("*.ics")
    ]
    assert len([text for text in stored if "SUMMARY:Dinner" in text]) == 1
    assert server.logged_in() == {JANE}
    assert terminal.world.files_with(PASSWORD) == []
    terminal.provisioner("status", "--check")
    terminal.provisioner("remove", JANE)
    assert terminal.desktop.search() == ""
    assert (terminal.home / CALENDARS / "home/dinner.ics").exists()
    for name in (".calendars", ".contacts"):
        shutil.rmtree(terminal.home / name)
    assert terminal.snapshot() == before


def test_khal_shows_what_was_fetched(terminal: Terminal) -> None:
    need(shutil.which("khal"), "khal is not installed")
    discover, sync = steps(terminal.setup("vdirsyncer", "khal"))
    terminal.run("sh", "-c", f"yes | {discover}")
    terminal.run("sh", "-c", sync)
    assert terminal.run("khal", "printcalendars").split() == ["home"]
    assert "Lunch" in terminal.run("khal", "search", "Lunch")
    terminal.provisioner("status")
    terminal.provisioner("remove", JANE)
    assert not (terminal.home / ".config/khal").exists()


def test_khard_shows_what_was_fetched(terminal: Terminal) -> None:
    need(shutil.which("khard"), "khard is not installed")
    before = terminal.snapshot()
    said = terminal.provisioner("setup", JANE, "khard", expect=2)
    assert "vdirsyncer" in said
    discover, sync = steps(terminal.setup("vdirsyncer"))
    terminal.run("sh", "-c", f"yes | {discover}")
    terminal.run("sh", "-c", sync)
    own = terminal.home / ".config/khard/khard.conf"
    mine = terminal.home / "mine"
    mine.mkdir()
    own.parent.mkdir(parents=True)
    own.write_text(f"[addressbooks]\n[[mine]]\npath = {mine}\n[general]\neditor = true\n")
    terminal.provisioner("setup", JANE, "khard")
    assert f"{JANE}/card" in terminal.run("khard", "addressbooks")
    assert "A Friend" in terminal.run("khard", "list", "-a", f"{JANE}/card")
    terminal.provisioner("status")
    terminal.provisioner("remove", JANE)
    assert "[[mine]]" in own.read_text()
    assert JANE not in own.read_text()
    for name in (".contacts", ".calendars", "mine", ".config"):
        shutil.rmtree(terminal.home / name)
    assert terminal.snapshot() == before


def test_contacts_alone_and_a_new_password(terminal: Terminal, server: Radicale) -> None:
    command = ("setup", JANE, "vdirsyncer", "--contacts", "--password-stdin")
    discover, sync = steps(terminal.provisioner(*command, text=PASSWORD))
    terminal.run("sh", "-c", f"yes | {discover}")
    (server.directory / "users").write_text(f"{JANE}:{NEW_PASSWORD}\n")
    terminal.world.set_password(NEW_PASSWORD)
    assert terminal.desktop.run("sh", "-c", sync).returncode != 0
    output = terminal.provisioner("rotate", JANE, "--password-stdin", text=NEW_PASSWORD)
    assert "discover" in output
    terminal.run("sh", "-c", f"yes | {discover}")
    terminal.run("sh", "-c", sync)
    assert (terminal.home / CONTACTS / "card").is_dir()
    assert not (terminal.home / CALENDARS).exists()
    terminal.provisioner("status", "--check")


def test_a_certificate_of_somebody_else_is_refused(terminal: Terminal, server: Radicale) -> None:
    discover, _ = steps(terminal.setup("vdirsyncer"))
    config = terminal.home / ".config/vdirsyncer/config"
    config.write_text(re.sub(r"https://[^/]+/", "https://127.0.0.1/", config.read_text()))
    done = terminal.desktop.run("sh", "-c", f"yes | {discover}")
    assert done.returncode != 0
    assert "certificate" in done.stdout + done.stderr
    assert server.logged_in() == set()


READ = """
import io, json, sys
from vdirsyncer.cli.config import Config
found = []
for name, text in json.load(sys.stdin):
    config = Config.from_fileobject(io.StringIO(text))
    found.append([name in config.storages, config.storages[name]["username"]])
print(json.dumps(found))
"""


def test_it_reads_any_value_as_it_is() -> None:
    need(shutil.which("vdirsyncer"), "vdirsyncer is not installed")

    @settings(max_examples=5, deadline=None)
    @given(values=st.lists(st.text(st.characters(blacklist_categories=["Cs"]), min_size=1), min_size=20))
    def check(values: list[str]) -> None:
        general = '[general]\nstatus_path = "/tmp/x"\n'
        texts = [
            (vdirname(value), f"{general}[storage {vdirname(value)}]\nusername = {quoted(value)}\n")
            for value in values
        ]
        done = subprocess.run(
            ["/usr/bin/python3", "-c", READ],
            input=json.dumps(texts),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert json.loads(done.stdout) == [[True, value] for value in values]

    check()


def test_the_servers_own_names_are_not_guessed(tmp_path: Path) -> None:
    assert len({vdirname(name) for name in ("a.b", "a_b", "a-b", "a_2eb", "a@b")}) == 5
