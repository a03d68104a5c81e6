"""check --send-test between the submission server and the real Dovecot."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.live.dovecot import Flavour
from tests.live.world import JANE, JANE_LOCAL, PASSWORD, SUBJECTS, World
from tests.schema import validate

pytestmark = pytest.mark.live


def send_test(world: World, expect: int = 0) -> dict[str, Any]:
    """The row of the test mail."""
    command = ("check", JANE, "--send-test", "--password-stdin", "--json", "-v")
    document = json.loads(world.run(*command, stdin=PASSWORD + "\n", expect=expect))
    validate(document)
    imap, smtp, row = document["results"]
    assert (imap["code"], smtp["code"], row["service"]) == ("ok", "ok", "send")
    assert len(world.imap.logins()) == len(world.smtp.logins) == 1
    assert isinstance(row, dict)
    return row


@pytest.mark.parametrize("flavour", [Flavour.ICLOUD, Flavour.SPECIAL_USE])
@pytest.mark.parametrize("saves", [False, True])
def test_a_mail_goes_round_and_leaves_no_trace(world: World, flavour: Flavour, saves: bool) -> None:
    def deliver(recipient: str, mail: bytes) -> None:
        assert recipient == JANE
        world.imap.deliver(JANE_LOCAL, "Came together")
        world.imap.save(JANE_LOCAL, mail)
        if saves:
            world.imap.save(JANE_LOCAL, mail, flavour.sent)

    world.smtp.deliver = deliver
    row = send_test(world)
    assert (row["ok"], row["code"], row["saves_sent"]) == (True, "send.arrived", saves), row
    assert row["message"].endswith("it is deleted again.")
    assert [note["code"] for note in row["notes"]] == ["send.saves_sent" if saves else "send.saves_none"]
    assert 0 < row["round_trip"] <= row["seconds"]
    assert len(world.smtp.mails) == 1
    assert world.imap.subjects(JANE_LOCAL, "INBOX") == [*SUBJECTS, "Came together"]
    assert world.imap.subjects(JANE_LOCAL, flavour.sent) == []
    assert world.imap.unseen(JANE_LOCAL) == len(SUBJECTS) + 1
    assert not any("Came together" in line or JANE in line for line in row["transcript"])


def test_a_mail_that_was_filed_as_junk(world: World) -> None:
    world.smtp.deliver = lambda _, mail: world.imap.save(JANE_LOCAL, mail, "Junk")
    row = send_test(world)
    assert [note["code"] for note in row["notes"]] == ["send.in_junk", "send.saves_none"]
    assert world.imap.subjects(JANE_LOCAL, "Junk") == []
