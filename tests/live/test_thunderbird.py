"""The whole job with the real Thunderbird: the command, then the inbox, no question, and mail can be sent.

The provider profile and the command are as shipped; only the network is the laboratory's.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.live.dovecot import Flavour
from tests.live.lab import until
from tests.live.world import (
    BOB,
    BOB_HOST,
    BOB_PASSWORD,
    ICLOUD_HOST,
    JANE,
    JANE_LOCAL,
    NEW_PASSWORD,
    PASSWORD,
    SUBJECTS,
    World,
)

pytestmark = pytest.mark.live

PRIMARY = "correct horse battery"
JANE_ACCOUNT = f"{JANE_LOCAL}@{ICLOUD_HOST}"
BOB_ACCOUNT = f"bob@{BOB_HOST}"


@pytest.mark.parametrize("flavour", list(Flavour))
def test_fresh_machine(world: World, flavour: Flavour) -> None:
    """No profile at all; and whatever the server calls its mailboxes, those are used and none is made."""
    world.setup()
    world.imap.forget()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird)
        thunderbird.delete_message(SUBJECTS[0])
        trash = flavour.mailboxes["Trash"]
        until("the deleted message", lambda: world.imap.subjects(JANE_LOCAL, trash) == [SUBJECTS[0]])
        thunderbird.save_draft("A draft", JANE)
        until("the draft", lambda: "A draft" in world.imap.subjects(JANE_LOCAL, flavour.mailboxes["Drafts"]))
        assert world.imap.mailboxes(JANE_LOCAL) == {"INBOX", *flavour.mailboxes.values()}
        assert thunderbird.accounts() == [JANE_ACCOUNT]
    assert world.files_with(PASSWORD) == []

    before = world.files()
    world.setup()
    changed = {path for path, content in world.files().items() if before.get(path) != content}
    assert not {path for path in changed if path.parts[0] == ".thunderbird"}, "a second setup changes nothing"


def test_server_that_takes_only_the_local_part(world: World) -> None:
    world.imap.restart(local_part_only=True)
    world.setup()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird)


def test_beside_another_account_and_gone_again(world: World) -> None:
    world.thunderbird_with_bob()
    world.setup()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird, by_itself=False)
        world.assert_shows_inbox(thunderbird, host=BOB_HOST)
        assert thunderbird.saved_passwords()[f"imap://{BOB_HOST}"] == f"bob {BOB_PASSWORD}"
        assert thunderbird.accounts() == [BOB_ACCOUNT, JANE_ACCOUNT]
        assert thunderbird.default_account() == BOB_ACCOUNT
        thunderbird.send_by_the_default(BOB, JANE)
    assert world.files_with(PASSWORD) == []

    output = world.run("remove", JANE, "thunderbird")
    assert f"now it sends by smtp.example.net ({BOB})" in " ".join(output.split())
    world.imap.forget()
    with world.thunderbird() as thunderbird:
        world.assert_shows_inbox(thunderbird, host=BOB_HOST)
        world.assert_sends(thunderbird, sender=BOB)
        assert thunderbird.accounts() == [BOB_ACCOUNT]
        assert set(thunderbird.saved_passwords()) == {f"imap://{BOB_HOST}", "smtp://smtp.example.net"}
        assert thunderbird.default_account() == BOB_ACCOUNT
    assert world.users_logged_in() == {"bob"}


def test_removed_as_the_only_account(world: World) -> None:
    world.setup()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird)
    world.run("remove", JANE, "thunderbird")
    world.imap.forget()
    with world.thunderbird() as thunderbird:
        assert thunderbird.accounts() == []
        assert thunderbird.saved_passwords() == {}
    assert world.imap.logins() == []


def test_primary_password(world: World, tmp_path: Path) -> None:
    world.thunderbird_with_bob(primary_password=PRIMARY)
    before = world.files()
    (tmp_path / "primary").write_text("wrong\n")
    command = ("--primary-password-command", f"cat {shlex.quote(str(tmp_path / 'primary'))}")
    output = world.setup(*command, expect=2)
    assert "Primary Password" in output
    assert {path: world.files().get(path) for path in before} == before

    (tmp_path / "primary").write_text(PRIMARY + "\n")
    output = world.setup(*command)
    assert PRIMARY not in output
    world.imap.forget()
    with world.thunderbird(primary_password=PRIMARY) as thunderbird:
        world.assert_works(thunderbird, by_itself=False)
        world.assert_shows_inbox(thunderbird, host=BOB_HOST)
    assert world.files_with(PASSWORD) == []
    assert world.files_with(PRIMARY) == []


def test_new_password_by_a_second_setup(world: World) -> None:
    world.setup()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird)
    world.set_password(NEW_PASSWORD)
    world.setup(password=NEW_PASSWORD)
    world.imap.forget()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird, password=NEW_PASSWORD)
        assert thunderbird.accounts() == [JANE_ACCOUNT]
    assert world.files_with(PASSWORD) == []
    assert world.files_with(NEW_PASSWORD) == []


def test_rotate_reaches_an_account_made_by_hand_in_another_profile(world: World) -> None:
    world.setup()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird)
    root = world.home / ".thunderbird"
    other = root / "other"
    other.mkdir()
    with (root / "profiles.ini").open("a") as file:
        file.write("\n[Profile1]\nName=other\nIsRelative=1\nPath=other\n")
    with world.thunderbird(profile=other):
        pass
    known = set(receipts(world))
    world.setup("--client-profile", str(other))
    for path in set(receipts(world)) - known:
        path.unlink()  # as if it had been typed there
    world.set_password(NEW_PASSWORD)
    output = world.run("rotate", JANE, "--password-stdin", stdin=NEW_PASSWORD)
    assert output.count("password replaced in profile") == 2
    for profile in (None, other):
        world.imap.forget()
        with world.thunderbird(profile=profile) as thunderbird:
            world.assert_works(thunderbird, password=NEW_PASSWORD, by_itself=profile is None)


def receipts(world: World) -> list[Path]:
    return list((world.home / ".local/state/provisioner/receipts").iterdir())


def test_wrong_password_writes_nothing(world: World) -> None:
    world.setup(password=NEW_PASSWORD, expect=3)
    assert [path for path in world.files() if ".thunderbird" in path.parts] == []
    # Each form of the user name once: more would lock people out.
    assert len(world.imap.failures()) <= 2


def test_running_thunderbird_is_left_alone(world: World) -> None:
    world.thunderbird_with_bob()
    with world.thunderbird() as thunderbird:
        world.assert_shows_inbox(thunderbird, host=BOB_HOST)
        output = world.setup(expect=5)
        assert "Thunderbird" in output
        assert str(thunderbird.pid) in output
        assert thunderbird.accounts() == [BOB_ACCOUNT]

        checked = len(world.smtp.logins)
        waiting = world.command("setup", JANE, "thunderbird", "--password-stdin", "--wait")
        assert waiting.stdin is not None
        waiting.stdin.write(PASSWORD + "\n")
        waiting.stdin.close()
        waiting.stdin = None
        # It has checked the login, so all that is left to do is to wait.
        until("the login check", lambda: len(world.smtp.logins) > checked)
        assert waiting.poll() is None
        thunderbird.quit()
        output, _ = waiting.communicate(timeout=30)
        assert waiting.returncode == 0, output
    world.imap.forget()
    with world.thunderbird() as thunderbird:
        world.assert_works(thunderbird, by_itself=False)


def test_profile_named_by_the_user(world: World, tmp_path: Path) -> None:
    """`--client-profile` takes a profile that Thunderbird would not start by itself."""
    other = tmp_path / "mail profile"
    other.mkdir()
    world.thunderbird_with_bob()
    with world.thunderbird(profile=other):
        pass
    untouched = {path: content for path, content in world.files().items() if ".thunderbird" in path.parts}
    world.setup("--client-profile", str(other))
    assert {path: world.files()[path] for path in untouched} == untouched
    with world.thunderbird(profile=other) as thunderbird:
        world.assert_works(thunderbird, by_itself=False)
