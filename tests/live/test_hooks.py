"""The keyring library's own program as the command for the password, where there is no secret-tool."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from provisioner.items import SecretItem
from provisioner.secret import Secret
from tests.live.terminal import MAIL, terminal_with
from tests.live.world import JANE, NEW_PASSWORD, PASSWORD, World
from tests.needs import need

pytestmark = pytest.mark.live
ITEM = SecretItem.shared(JANE)


def test_a_keyring_program_that_reads_another_keyring_is_noticed(world: World) -> None:
    keyring = Path(sys.executable).with_name("keyring")
    need(keyring.exists(), "the keyring library's program is not installed")
    given = ("--password-stdin",)
    with terminal_with(world, "msmtp") as terminal:
        programs = world.directory / "bin"
        programs.mkdir(exist_ok=True)
        for program in (keyring, shutil.which("msmtp"), shutil.which("tmux"), "/bin/sh"):
            (programs / Path(str(program)).name).symlink_to(str(program))
        terminal.desktop.env["PATH"] = str(programs)
        terminal.setup("msmtp")
        assert f"{keyring.name} get provisioner" in (world.home / ".config/msmtp/config").read_text()
        terminal.run("msmtp", "friend@example.org", text=MAIL)

        # As keyrings.alt's is, and as an administrator may have set it.
        chosen = world.home / ".config/python_keyring/keyringrc.cfg"
        chosen.parent.mkdir(parents=True)
        chosen.write_text("[backend]\ndefault-keyring=keyring.backends.null.Keyring\n")
        assert "cannot read output" in terminal.run("msmtp", "friend@example.org", text=MAIL, expect=78)
        said = terminal.provisioner("status", "--check", expect=1)
        assert "failed with exit code 1" in " ".join(said.split())
        before = terminal.snapshot()
        world.set_password(NEW_PASSWORD)
        said = terminal.provisioner("rotate", JANE, *given, text=NEW_PASSWORD, expect=1)
        assert "Every client has the old password again" in " ".join(said.split())
        assert (terminal.snapshot(), terminal.desktop.store.get(ITEM)) == (before, Secret(PASSWORD))
        terminal.provisioner("remove", JANE)
        terminal.provisioner("setup", JANE, "msmtp", *given, text=NEW_PASSWORD, expect=1)
        assert terminal.desktop.store.get(ITEM) is None
        assert not (world.home / ".config/msmtp").exists()
