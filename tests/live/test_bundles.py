"""The mutt stack, for real: mbsync fetches, NeoMutt reads and files what msmtp sends, mbsync uploads it."""

from __future__ import annotations

import pytest

from tests.live.terminal import terminal_with
from tests.live.world import JANE, JANE_LOCAL, NEW_PASSWORD, PASSWORD, SUBJECTS, World

pytestmark = pytest.mark.live


def test_the_mutt_stack_works_together(world: World) -> None:
    with terminal_with(world, "mbsync", "msmtp", "neomutt", "notmuch") as terminal:
        before = terminal.snapshot()
        said = terminal.setup("mutt-stack")
        assert f"mbsync {JANE}" in said
        with terminal.screen("neomutt") as screen:  # before anything was fetched: empty, and no error
            seen = screen.shows("NeoMutt", "Msgs:0")
            assert not [word for word in ("rror", "Press any key", "No such") if word in seen], seen
            screen.type("q")
        terminal.run("mbsync", JANE)
        terminal.run("notmuch", "new")
        assert SUBJECTS[0] in terminal.run("notmuch", "search", "*")
        world.imap.forget()
        with terminal.screen("neomutt") as screen:
            screen.shows(*SUBJECTS)
            screen.type("q")
        logins = len(world.smtp.logins)
        terminal.run("neomutt", "-s", "From the stack", "friend@example.org", text="Hello.\n")
        assert world.imap.logins() == []  # it was mbsync that logged in
        assert [mail["Subject"] for mail in world.smtp.mails] == ["From the stack"]
        assert world.smtp.logins[logins:] == [JANE]
        terminal.run("mbsync", JANE)
        assert world.imap.subjects(JANE_LOCAL, world.imap.flavour.sent) == ["From the stack"]
        assert world.files_with(PASSWORD) == []

        world.set_password(NEW_PASSWORD)
        terminal.provisioner("rotate", JANE, "--client", "mutt-stack", "--password-stdin", text=NEW_PASSWORD)
        terminal.run("mbsync", JANE)
        terminal.run("neomutt", "-s", "Again", "friend@example.org", text="Hello.\n")
        assert len(world.smtp.mails) == 2
        assert world.smtp.failures == world.imap.failures() == []

        # What NeoMutt leaves behind, mbsync goes on with: a Maildir is whole, or is none.
        terminal.provisioner("remove", JANE, "neomutt")
        terminal.run("mbsync", "-a")
        terminal.provisioner("remove", JANE, "mutt-stack")
        mail = {name for name in terminal.snapshot() if name.startswith("Mail")}
        after = terminal.snapshot()
        assert {name: what for name, what in after.items() if name not in mail} == before
