"""Provider profiles are read strictly, and the shipped ones hold what they should."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from provisioner import resources
from provisioner.check.causes import CAUSES
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Use
from provisioner.providers import load_all, load_file
from provisioner.strict import MAX_DEPTH, PROFILE

SHIPPED = sorted(resources.data_dir("profiles").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_profiles_load_and_are_named_by_their_id(path: Path) -> None:
    assert load_file(path).id == path.stem


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_profiles_are_complete(path: Path) -> None:
    provider = load_file(path)
    assert {text.code for text in provider.texts} <= CAUSES.keys()
    assert provider.refusal or (provider.imap and provider.smtp)
    assert bool(provider.app_password) is bool(provider.guide)


def test_icloud() -> None:
    icloud = load_file(resources.data_dir("profiles") / "icloud.yaml")
    assert icloud.domains == ("icloud.com", "me.com", "mac.com")
    assert icloud.app_password is not None
    assert icloud.app_password.limit == 25
    assert icloud.app_password.form is not None
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
    mailboxes = {"special_use_advertised": "no", "names": {"sentt": ["Sent"], "junk": "Junk", "trash": [1]}}
    smtp = {"host": "a b", "port": 0, "security": "tls", "usernames": []}
    path = write(
        tmp_path,
        name=None,
        colour="red",
        imap=imap,
        smtp=smtp,
        mailboxes=mailboxes,
        guide={"create": 3},
        domains=["ICLOUD.com"],
        sources={"imap": "x", 5: "y"},
    )
    with pytest.raises(UsageError) as caught:
        load_file(path)
    text = caught.value.message
    assert str(path) in text
    for problem in (
        "name: missing",
        "colour: unknown key",
        "imap.hots: unknown key",
        "imap.host: must be text, not 5",
        "imap.port: must be a whole number, not '993'",
        "imap.security: 'ssl' is not known; tls or starttls",
        "imap.usernames[0]: 'nick' is not known; local-part or address",
        "mailboxes.special_use_advertised: must be true or false, not 'no'",
        "mailboxes.names.sentt: unknown use (sent, trash, drafts, junk, archive)",
        "mailboxes.names.junk: must be a list",
        "mailboxes.names.trash[0]: must be text",
        "guide.create: must be a mapping",
        "guide.revoke: missing",
        "guide.conditions: missing",
        "sources.5: the key must be text",
        # what the types allow is reported together with what they do not
        "smtp.host: 'a b' is not a host name",
        "smtp.port: must be from 1 to 65535",
        "smtp.usernames: at least one form",
        "domains[0]: 'ICLOUD.com'",
    ):
        assert f"  {problem}" in text, problem
    assert len(text.splitlines()) == 1 + 19


@pytest.mark.parametrize(
    "code", ["auth.nope", "ok", "greet.slow", "net.dns", "auth.not_tried", "auth.username"]
)
def test_a_text_names_a_cause_of_a_refused_login(tmp_path: Path, code: str) -> None:
    text = {"service": "imap", "match": "Invalid credentials", "code": code}
    with pytest.raises(UsageError) as caught:
        load_file(write(tmp_path, texts=[text], colour="red"))
    assert caught.value.code == "profile.invalid"
    assert f"texts[0].code: '{code}' is not known; auth.bad_credentials or auth." in caught.value.message
    assert "colour: unknown key" in caught.value.message


def test_a_missing_source_is_reported_beside_other_faults(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_file(write(tmp_path, imap=5, sources={"smtp": "x"}))
    assert "imap: must be a mapping" in caught.value.message
    assert "sources.imap: missing" in caught.value.message


def test_a_key_that_stands_twice_is_refused_with_its_lines(tmp_path: Path) -> None:
    path = write(tmp_path)
    text = path.read_text("utf-8") + "smtp:\n  port: 1\n  port: 2\n"
    first = text.splitlines().index("smtp:") + 1
    second = len(text.splitlines()) - 2
    path.write_text(text, "utf-8")
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert f"smtp: stands twice (lines {first} and {second})" in caught.value.message
    assert f"smtp.port: stands twice (lines {second + 1} and {second + 2})" in caught.value.message


def guide(**changes: object) -> dict[str, object]:
    create = {"url": "https://a.example/b?c=d#e", "steps": ["Type {label}"]} | changes
    return {
        "conditions": [],
        "create": create,
        "revoke": {"url": "https://a.example", "steps": ["Remove {label}"]},
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://a.example/",
        "https://",
        "https:///path",
        "https://a.example/a b",
        "https://a.example/\x1b[31m",
        "https://a.example/\nx",
        "https://icloud.com@evil.example/",
        "https://evil.example\\@icloud.com/",
        "https://a.example:99999/",
        "https://[::1/",
        "https://аpple.com/",
        "file:///etc/passwd",
        "javascript:alert(1)",
    ],
)
def test_a_guides_address_is_a_plain_web_page(tmp_path: Path, url: str) -> None:
    load_file(write(tmp_path, guide=guide()))
    with pytest.raises(UsageError) as caught:
        load_file(write(tmp_path, guide=guide(url=url)))
    assert "guide.create.url: " in caught.value.message
    assert caught.value.message.replace("\n", "").isprintable()


@pytest.mark.parametrize("step", ["{lable}", "{ label }", "{{label}}", "{", "{label}}", "{label.__class__}"])
def test_only_the_label_stands_in_braces(tmp_path: Path, step: str) -> None:
    with pytest.raises(UsageError, match=re.escape("guide.create.steps[1]: braces are only for {label}")):
        load_file(write(tmp_path, guide=guide(steps=["good {label}", step])))


@pytest.mark.parametrize("pattern", ["(", "(" * 150, "a{99999999999}"])
def test_a_pattern_that_does_not_compile(tmp_path: Path, pattern: str) -> None:
    raw = yaml.safe_load((resources.data_dir("profiles") / "icloud.yaml").read_text("utf-8"))
    with pytest.raises(UsageError, match=r"app_password\.form\.pattern: not a regular expression"):
        load_file(
            write(
                tmp_path,
                app_password=raw["app_password"]
                | {"form": raw["app_password"]["form"] | {"pattern": pattern}},
            )
        )


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
        b"schema: 2001-99-99",
        b"schema: " + b"1" * 5000,
        b"[" * 100_000,
        b"- " * 100_000,
        b"{a: " * 50_000,
        b"? " * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b"".join(b" " * level + b"a:\n" for level in range(MAX_DEPTH + 1)),
        b"a: &x 1",
        b"\n".join(
            [b"a0: &a0 [x]", *(b"a%d: &a%d [*a%d, *a%d]" % (n, n, n - 1, n - 1) for n in range(1, 99))]
        ),
        b"#" * (PROFILE.max_size + 1),
        b'"\\e[31m\\n": 1',
        b"name: !!binary aGVsbG8=",
        b"name: 2001-01-01",
        b"sources: !!set {imap, smtp}",
        b"\xef\xbb\xbf",
    ],
)
def test_what_is_no_profile_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        load_file(path)
    assert caught.value.code == "profile.invalid"
    assert len(caught.value.message) < 2000
    assert caught.value.message.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"a:\n- [[[[[[[[[[[[[[[[[", "is nested too deeply (line 2)"),
        (b"a: 1\nb: &x 1", "uses an anchor or alias (line 2)"),
        (b"a: 1\nb: *x", "uses an anchor or alias (line 2)"),
        (b"#" * (PROFILE.max_size + 1), "is larger than 256 KiB"),
        (b"a: 1\n: [", "is not valid YAML (line 2)"),
    ],
)
def test_hostile_yaml_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=re.escape(says)):
        load_file(path)


def test_a_pipe_is_read_and_one_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    content = (resources.data_dir("profiles") / "icloud.yaml").read_bytes()
    os.write(writing, content)
    os.close(writing)
    assert load_file(Path(f"/dev/fd/{reading}")).id == "icloud"
    os.close(reading)
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(UsageError):
        load_file(tmp_path / "pipe.yaml")


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


def test_a_directory_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError) as caught:
        load_all(Host(home=tmp_path / ("x" * 300)))
    assert caught.value.code == "profile.unreadable"

    (tmp_path / ".config/provisioner").mkdir(parents=True)
    (tmp_path / ".config").chmod(0)
    if os.geteuid() == 0:  # root may read everything
        iterdir = Path.iterdir
        monkeypatch.setattr(
            Path, "iterdir", lambda path: _denied(path) if tmp_path in path.parents else iterdir(path)
        )
    try:
        with pytest.raises(UsageError) as caught:
            load_all(Host(home=tmp_path))
    finally:
        (tmp_path / ".config").chmod(0o700)
    assert caught.value.code == "profile.unreadable"
    assert "cannot be read: Permission denied." in caught.value.message


def _denied(path: Path) -> object:
    raise PermissionError(13, "Permission denied", str(path))


def test_other_files_beside_the_users_profiles_do_not_matter(tmp_path: Path) -> None:
    own = tmp_path / ".config/provisioner/profiles"
    own.mkdir(parents=True)
    (own / ".#mine.yaml").symlink_to("jane@host.1")
    (own / "mine.yaml~").write_text("[")
    assert set(load_all(Host(home=tmp_path))) == {path.stem for path in SHIPPED}


@pytest.mark.parametrize("pattern", ["([a-z-]+)+[0-9]", "(a|a)*b", "(a{1,9}){1,9}", "x" * 201, "(", "[0-9]+"])
def test_patterns_that_are_wrong_or_could_take_for_ever(tmp_path: Path, pattern: str) -> None:
    raw = yaml.safe_load((resources.data_dir("profiles") / "icloud.yaml").read_text("utf-8"))
    with pytest.raises(UsageError, match=r"app_password\.(pattern|example)"):
        load_file(write(tmp_path, app_password={**raw["app_password"], "pattern": pattern}))


def test_two_profiles_for_one_domain(tmp_path: Path) -> None:
    own = tmp_path / ".config/provisioner/profiles"
    own.mkdir(parents=True)
    write(own, id="mine").rename(own / "mine.yaml")
    with pytest.raises(UsageError, match=r"icloud\.com: icloud and mine"):
        load_all(Host(home=tmp_path))
