"""The list of accounts for `check --accounts`: strict, all problems at once, no password shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provisioner import accounts_file
from provisioner.accounts import Wish
from provisioner.errors import UsageError
from provisioner.items import SecretItem
from provisioner.model import AppPassword
from provisioner.secret import Secret
from tests.memory_store import MemoryStore

RULE = AppPassword(term="app password", spaces_are_decoration=True)
SECRET = "abcd-efgh-ijkl-mnop"


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(path: Path) -> UsageError:
    with pytest.raises(UsageError) as caught:
        accounts_file.load(path)
    assert SECRET not in caught.value.message + caught.value.hint
    return caught.value


def test_yaml(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.yaml",
        """
accounts:
  - email: jane@icloud.com
  - email: joe@example.org
    imap: imap.example.org:993
    imap_security: tls
    smtp: smtp.example.org
    smtp_login: joe
    password_command: printf '%s' secret-word
  - email: ann@icloud.com
    provider: icloud
    login: ann2
    keyring: {application: mail, user: ann}
""",
        0o644,
    )
    jane, joe, ann = accounts_file.load(path)
    assert joe.wish == Wish(
        "joe@example.org",
        imap="imap.example.org:993",
        imap_security="tls",
        smtp="smtp.example.org",
        smtp_login="joe",
    )
    assert (ann.wish.provider, ann.wish.login) == ("icloud", "ann2")
    store = MemoryStore()
    store.set(SecretItem.shared("jane@icloud.com"), Secret("one"))
    store.set(
        SecretItem("Mail password of ann@icloud.com", (("application", "mail"), ("user", "ann"))),
        Secret("two"),
    )
    assert [one.password(store, None).reveal() for one in (jane, joe, ann)] == ["one", "secret-word", "two"]


def test_an_item_that_is_not_there_is_said(tmp_path: Path) -> None:
    (jane,) = accounts_file.load(write(tmp_path / "a.yaml", "accounts: [{email: jane@icloud.com}]"))
    with pytest.raises(UsageError, match=r"no password for jane@icloud\.com"):
        jane.password(MemoryStore(), None)


def test_csv(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.CSV",
        "\ufeffEmail,Password,smtp,smtp_security\r\n"
        'jane@icloud.com,"ab,""c d",,\r\n\r\njoe@x.org,abcd efgh,smtp.x.org:587,starttls\r\n',
    )
    jane, joe = accounts_file.load(path)
    assert jane.password(MemoryStore(), None).reveal() == 'ab,"c d'
    assert joe.password(MemoryStore(), RULE).reveal() == "abcdefgh"
    assert joe.wish == Wish("joe@x.org", smtp="smtp.x.org:587", smtp_security="starttls")
    assert jane.wish == Wish("jane@icloud.com")
    assert "abcd" not in repr(joe)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["the file: must be a mapping of keys to values"]),
        ("accounts: []", ["accounts: at least one account"]),
        ("accounts: [{}]", ["accounts[0].email: missing"]),
        (f"accounts: [{{email: a@b.org, password: {SECRET}}}]", ["accounts[0].password: unknown key"]),
        (
            "accounts: [{email: nobody, imap: 'a b', smtp: 'x:y'}, {email: a@b.org, imap_security: none}]",
            ["accounts[1].imap_security: 'none' is not known; tls or starttls"],
        ),
        (
            "accounts: [{email: nobody, imap: 'a b'}]",
            ["accounts[0].email: is not a mail address", "accounts[0].imap: is not a server"],
        ),
        (
            "accounts: [{email: a@b.org, password_command: x, keyring: {a: b}},\n"
            " {email: c@b.org, keyring: {}}]",
            [
                "accounts[0]: password_command and keyring exclude each other",
                "accounts[1].keyring: at least one attribute",
            ],
        ),
    ],
)
def test_yaml_that_is_refused(tmp_path: Path, text: str, problems: list[str]) -> None:
    error = refused(write(tmp_path / "a.yaml", text))
    assert error.code == "accounts.invalid"
    for problem in problems:
        assert f"  {problem}" in error.message


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"jane@icloud.com,{SECRET}\n", "line 1: must name the columns: email,password and any of provider,"),
        ("email,password,email\n", "line 1: names a column twice"),
        ("email,password\n", "no account below the names of the columns"),
        (f"email,password\n{SECRET},jane@x.org\n", "line 2.email: is not a mail address"),
        (f"email,password\na@b.org,x,{SECRET}\n", "line 2: 3 values, not 2"),
        ("email,password\na@b.org,\n", "line 2.password: The password is empty."),
        (f"email,password\na@b.org,{'x' * 131073}\n", "line 2: a value of more than 131072 characters"),
        (f'email,password\na@b.org,"{SECRET}"x\n', "line 2: the quotes are not as CSV has them"),
        (f"email,password,imap_security\na@b.org,{SECRET},none\n", "line 2.imap_security: tls or starttls"),
        ("", "line 1: must name the columns"),
    ],
)
def test_csv_that_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    error = refused(write(tmp_path / "a.csv", text))
    assert error.code == "accounts.invalid"
    assert f"  {problem}" in error.message


@pytest.mark.parametrize(
    ("name", "mode", "safe"),
    [
        ("a.csv", 0o600, True),
        ("a.csv", 0o400, True),
        ("a.csv", 0o640, False),
        ("a.csv", 0o604, False),
        ("a.yaml", 0o644, True),
        ("a.yaml", 0o664, False),
        ("a.yaml", 0o646, False),
    ],
)
def test_who_else_may_read_or_change_it(tmp_path: Path, name: str, mode: int, safe: bool) -> None:
    text = "accounts: [{email: a@b.org}]" if name == "a.yaml" else f"email,password\na@b.org,{SECRET}\n"
    path = write(tmp_path / name, text, mode)
    if safe:
        assert len(accounts_file.load(path)) == 1
    else:
        assert refused(path).code == "accounts.unsafe"


@pytest.mark.parametrize("name", ["a.csv", "a.yaml"])
def test_a_file_of_someone_else(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / name, "email,password\n")
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1 if me else 1)
    if me or name == "a.csv":  # root's own list may be read by others
        assert refused(path).code == "accounts.unsafe"


def test_no_such_file(tmp_path: Path) -> None:
    assert refused(tmp_path / "a.csv").code == "accounts.unreadable"


@pytest.mark.parametrize("name", ["a.yaml", "a.csv"])
def test_of_a_great_many_problems_the_first_are_told(tmp_path: Path, name: str) -> None:
    if name == "a.csv":
        text = "email,password\n" + "nobody,x\n" * 1000
        last, rest = "line 21.email: is not a mail address", "... and 980 more lines, not looked at"
    else:
        text = "accounts:\n" + "  - {email: nobody}\n" * 1000
        last, rest = (
            "accounts[19].email: is not a mail address",
            "... and 980 more of accounts, not looked at",
        )
    error = refused(write(tmp_path / name, text))
    lines = error.message.splitlines()
    assert lines[-2:] == [f"  {last}", f"  {rest}"]
    assert len(lines) == 22


def test_exactly_as_many_problems_as_are_told(tmp_path: Path) -> None:
    error = refused(write(tmp_path / "a.yaml", "accounts:\n" + "  - {email: nobody}\n" * 20))
    assert len(error.message.splitlines()) == 21
    assert "not looked at" not in error.message
    error = refused(write(tmp_path / "a.csv", "email,password\n" + "nobody,x\n" * 20))
    assert "not looked at" not in error.message


@pytest.mark.parametrize(
    "number", ["0x" + "f" * 4000, "9" * 5000, "1:1" * 200, "-0b" + "1" * 20000, "1." + "5" * 999]
)
@pytest.mark.parametrize("entry", ["{email: a@b.org, imap: %s}", "{email: %s}", "{%s: x}", "%s"])
def test_a_number_without_end_is_refused(tmp_path: Path, number: str, entry: str) -> None:
    error = refused(write(tmp_path / "a.yaml", f"accounts:\n - {entry % number}\n"))
    assert error.message.endswith("has a number of hundreds of digits (line 2).")
