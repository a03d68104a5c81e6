"""Alpine: what is written, whose passwords are kept, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.clients import alpine
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.journal import new_id, now
from provisioner.model import Account, Plan, Security, Server
from provisioner.plan import diff, prune
from provisioner.receipt import Receipt, ReceiptState
from provisioner.secret import Secret
from provisioner.stores import alpine_passfile
from provisioner.stores.alpine_passfile import Entry
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE as WITH_QUOTES
from tests.test_msmtp import SECRET

JANE = dataclasses.replace(
    WITH_QUOTES, smtp=Server("smtp.example.org", 587, Security.STARTTLS, "jane@example.org")
)
KEY = alpine_passfile.make_key("test")
WORDS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\r\n\0"), max_size=25)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "alpine")


def plan(host: Host, secret: Secret = SECRET, account: Account = JANE) -> Plan:
    return prune(alpine.plan(host, account, secret, Options()))


def put(plan: Plan) -> None:
    for change in plan.changes:
        change.path.parent.mkdir(parents=True, exist_ok=True)
        change.path.write_bytes(change.after) if change.after is not None else change.path.unlink()


def receipt(made: Plan) -> Receipt:
    return Receipt(
        schema=1, id=new_id(), state=ReceiptState.DONE, address=JANE.address, client="alpine",
        where=made.where, provider="", label="", created=now(), updated=now(), account=JANE, files=(),
    )  # fmt: skip


def place(host: Host, name: str) -> Path:
    return host.home / ".config/provisioner/alpine/jane@example.org" / name


def add_foreign(host: Host) -> Entry:
    """A password that alpine was told to keep."""
    key = alpine_passfile.Key(
        place(host, "key/MasterPassword.key").read_bytes(), place(host, "key/MasterPassword.crt").read_bytes()
    )
    file = place(host, "passwords.pkcs7")
    other = Entry(Secret("other"), "me", "imap.example.com:993")
    file.write_bytes(alpine_passfile.write([other, *alpine_passfile.read(file.read_bytes(), key)], key))
    return other


def test_the_settings(host: Host) -> None:
    made = plan(host)
    (settings,) = (change for change in made.changes if change.path == place(host, "settings"))
    server = "{imap.example.org:993/ssl/user=jane}"
    assert (settings.after or b"").decode().splitlines()[1:-1] == [
        'personal-name="Jane"',
        'user-domain="example.org"',
        f'inbox-path="{server}INBOX"',
        'smtp-server="smtp.example.org:587/tls/user=jane@example.org"',
        f'folder-collections="jane@example.org" {server}[]',
        f'default-fcc="{server}Sent"',
        f'postponed-folder="{server}Drafts"',
        "customized-hdrs=From: Jane <Jane@example.org>",
        "last-version-used=99.99",
    ]
    assert {change.mode for change in made.changes} == {0o600, 0o700}


def test_the_password_is_read_back_and_replaced_beside_those_of_others(host: Host) -> None:
    assert alpine.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert alpine.stored_secret(host, JANE, Options()) == SECRET
    other = add_foreign(host)
    assert plan(host).empty
    put(plan(host, Secret("newer")))
    assert alpine.stored_secret(host, JANE, Options()) == Secret("newer")
    files = alpine._files(host, JANE, Options())
    assert other in files.entries(host)


def test_removing_leaves_what_alpine_has_added(host: Host) -> None:
    made = plan(host)
    put(made)
    other = add_foreign(host)
    put(prune(alpine.unplan(host, receipt(made), Options())))
    assert alpine._files(host, JANE, Options()).entries(host) == (other,)
    assert not place(host, "start").exists()
    put(prune(alpine.unplan(host, receipt(made), Options(force=True))))
    assert not [path for path in host.home.rglob("*") if path.is_file()]


@pytest.mark.parametrize("broken", ["passwords.pkcs7", "key/MasterPassword.key"])
def test_what_cannot_be_decrypted_is_refused(host: Host, broken: str) -> None:
    made = plan(host)
    put(made)
    place(host, broken).write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII=\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "store.unreadable"
    assert alpine.unplan(host, receipt(made), Options(force=True)).changes


def test_no_key_is_ever_shown(host: Host) -> None:
    made = plan(host)
    pem = next(change.after for change in made.changes if change.path.suffix == ".key")
    assert pem is not None
    assert not [line for line in pem.decode().splitlines()[1:-1] if line in diff(made)]


@pytest.mark.parametrize("name", ['Jane "J"', "Doe, Jane", "$HOME", "a\\b", "a\nb", "<x>"])
def test_names_that_it_would_read_otherwise_are_refused(host: Host, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, account=dataclasses.replace(JANE, display_name=name))
    assert caught.value.code == "value.unwritable"


@pytest.mark.parametrize("user", ['ja"ne', "ja}ne", "ja/novalidate-cert", "jane x", "$USER", ""])
def test_user_names_that_would_mean_something_else_are_refused(host: Host, user: str) -> None:
    for service in ("imap", "smtp"):
        server = dataclasses.replace(getattr(JANE, service), username=user)
        with pytest.raises(UsageError) as caught:
            plan(host, account=dataclasses.replace(JANE, **{service: server}))
        assert caught.value.code == "value.unwritable"


def test_a_password_that_a_line_cannot_hold_is_refused(host: Host) -> None:
    for password in ("x" * 101, "a\tb", "a\nb"):
        with pytest.raises(UsageError):
            plan(host, Secret(password))


@settings(max_examples=30, deadline=None)
@given(rows=st.lists(st.tuples(WORDS, WORDS, WORDS), max_size=4))
def test_the_file_of_passwords_round_trips(rows: list[tuple[str, str, str]]) -> None:
    entries = tuple(Entry(Secret(password), user, host) for password, user, host in rows)
    assert alpine_passfile.read(alpine_passfile.write(entries, KEY), KEY) == entries


def test_without_alpine(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
