"""Provider profiles are read strictly, and the shipped ones hold what they should."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from provisioner import resources
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Use
from provisioner.providers import load_all, load_file

SHIPPED = sorted(resources.data_dir("profiles").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_profiles_load_and_are_named_by_their_id(path: Path) -> None:
    assert load_file(path).id == path.stem


def test_icloud() -> None:
    icloud = load_file(resources.data_dir("profiles") / "icloud.yaml")
    assert icloud.domains == ("icloud.com", "me.com", "mac.com")
    assert icloud.app_password is not None
    assert icloud.app_password.limit == 25
    assert re.fullmatch(icloud.app_password.pattern, icloud.app_password.example)
    assert icloud.guide is not None
    assert any("{label}" in step for step in icloud.guide.create.steps)
    assert any("{label}" in step for step in icloud.guide.revoke.steps)
    assert icloud.mailboxes is not None
    assert icloud.mailboxes.names[Use.SENT] == ("Sent Messages", "Sent Items")
    assert set(icloud.mailboxes.names) == set(Use)
    assert icloud.caldav is not None
    assert icloud.carddav is not None


def write(directory: Path, **changes: object) -> Path:
    raw = yaml.safe_load((resources.data_dir("profiles") / "icloud.yaml").read_text("utf-8"))
    for key, value in changes.items():
        if value is None:
            del raw[key]
        else:
            raw[key] = value
    path = directory / "own.yaml"
    path.write_text(yaml.safe_dump(raw), "utf-8")
    return path


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    imap = {"host": 5, "port": "993", "security": "ssl", "usernames": ["nick"], "hots": "x"}
    path = write(tmp_path, name=None, colour="red", imap=imap, guide={"create": 3})
    with pytest.raises(UsageError) as caught:
        load_file(path)
    text = caught.value.message
    assert str(path) in text
    for key in (
        "name: missing",
        "colour: unknown key",
        "imap.hots: unknown key",
        "imap.host: ",
        "imap.port: ",
        "imap.security: ",
        "imap.usernames: ",
        "guide.create: must be a mapping",
        "guide.revoke: missing",
        "guide.conditions: missing",
    ):
        assert key in text, key


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"schema": 2}, "schema: 2"),
        ({"id": "My Cloud"}, "id: "),
        ({"domains": ["ICLOUD.com"]}, "domains[0]"),
        ({"imap": {"host": "a b", "port": 0, "security": "tls", "usernames": []}}, "imap.host"),
        ({"imap": {"host": "a.b", "port": 0, "security": "tls", "usernames": []}}, "imap.port"),
        ({"imap": {"host": "a.b", "port": 1, "security": "tls", "usernames": []}}, "imap.usernames"),
        ({"sources": {"imap": "x"}}, "sources.smtp: missing"),
        ({"mailboxes": {"special_use_advertised": True, "names": {"sent": []}}}, "mailboxes.names.sent"),
    ],
)
def test_problems_of_meaning(tmp_path: Path, changes: dict[str, object], where: str) -> None:
    with pytest.raises(UsageError, match=re.escape(where)):
        load_file(write(tmp_path, **changes))


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe",
        b"a: [",
        b"- 1",
        b"",
        b"just text",
        b"a: &x [*x]",
        b"!!python/object:os.system {}",
        b"? [1]: 2",
    ],
)
def test_what_is_no_profile_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert caught.value.code == "profile.invalid"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_file(tmp_path / "none.yaml")
    assert caught.value.code == "profile.unreadable"


def test_the_users_own_directory_adds_and_replaces(tmp_path: Path) -> None:
    own = tmp_path / ".config/provisioner/profiles"
    own.mkdir(parents=True)
    write(own, id="mine", domains=["example.org"]).rename(own / "mine.yaml")
    write(own, name="My iCloud").rename(own / "icloud.yaml")
    found = load_all(Host(home=tmp_path))
    assert found["mine"].domains == ("example.org",)
    assert found["icloud"].name == "My iCloud"
