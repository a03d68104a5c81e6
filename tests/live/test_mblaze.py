"""mblaze, the real one, over what the real mbsync has fetched; msmtp sends."""

from __future__ import annotations

import shutil

import pytest

from tests.live.terminal import terminal_with
from tests.live.world import BOB, JANE, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live

NAME = "Jane O'Neill 🍏"


def test_mail_is_listed_and_sent_from_each_account(world: World) -> None:
    with terminal_with(world, "mscan", "mbsync", "msmtp") as terminal:
        before = terminal.snapshot()
        stack = ("mbsync", "msmtp", "mblaze")
        terminal.provisioner("setup", JANE, *stack, "--name", NAME, "--password-stdin", text=PASSWORD)
        terminal.setup_bob(*stack)
        terminal.run("mbsync", "-a")
        listed = terminal.run("sh", "-c", f"mlist {terminal.home}/Mail/{JANE}/INBOX | mscan")
        assert [subject for subject in SUBJECTS if subject not in listed] == [], listed
        mail = ("-to", "friend@example.org", "-subject", "From a terminal", "-body", "Hello.", "-send")
        terminal.run("mcom", *mail)
        terminal.run("mcom", *mail, "-from", BOB)
        senders = [mail["From"].addresses[0] for mail in world.smtp.mails[-2:]]
        assert [sender.addr_spec for sender in senders] == [JANE, BOB]
        assert senders[0].display_name == NAME
        assert world.smtp.logins[-2:] == [JANE, BOB]
        terminal.provisioner("status", "--check")
        terminal.provisioner("remove", BOB)
        terminal.provisioner("remove", JANE)
        for made in ("Mail", ".mbsync", ".mblaze"):
            shutil.rmtree(terminal.home / made, ignore_errors=True)
        assert terminal.snapshot() == before
