"""Accounts in files that the user wrote, read as their programs read them; and what reads our item."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.clients.base import Found, Options
from provisioner.clients.common import hook
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Security, Server
from provisioner.secret import Secret
from tests.clients.machines import MACHINES
from tests.clients.machines.base import terminal

JANE = Account(
    address="Jane@example.org",
    display_name="Jane",
    provider="",
    title="Mail",
    imap=Server("imap.example.org", 993, Security.TLS, "jane"),
    smtp=Server("smtp.example.org", 587, Security.STARTTLS, "jane@example.org"),
)
HOOK = "secret-tool lookup service provisioner username jane@example.org"
FILES = {
    "msmtp": ".msmtprc",
    "mbsync": ".mbsyncrc",
    "getmail": ".getmail/mine",
    "offlineimap": ".offlineimaprc",
}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, *FILES, "secret-tool")


def found(host: Host, client_id: str, text: str) -> tuple[Found, ...]:
    path = host.home / FILES[client_id]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    result = clients.get(client_id).find(host, JANE, Options())
    assert result is not None
    assert {one.where for one in result} <= {str(path)}
    return result


def advised(host: Host, client_id: str, text: str) -> list[int]:
    """The lines that are named to the person; nothing that was found could be changed by us."""
    result = found(host, client_id, text)
    assert all(one.account is None for one in result)
    assert all(one.advice.startswith(f"~/{FILES[client_id]} line ") for one in result)
    return [int(one.advice.split(" line ")[1].split()[0]) for one in result]


MSMTP = {
    "password": ("account a\nhost smtp.example.org\nuser jane\npassword x", [4]),
    "quoted": ('account "a"\nhost "smtp.example.org"\nuser "jane@example.org"\npassword "x"', [4]),
    "other case, tabs, CRLF": ("account a\r\n\thost\tSMTP.example.org\r\n user JANE@example.org\r\n", [1]),
    "from the defaults": ("defaults\nhost smtp.example.org\npassword x\naccount a\nuser jane", [3]),
    "from another account": ("account b\nhost smtp.example.org\npassword x\naccount a : b\nuser jane", [3]),
    "one more name for it": (
        "account b\nhost smtp.example.org\nuser jane\npassword x\naccount default : b",
        [4],
    ),
    "before any account": ("host smtp.example.org\nuser jane", [1]),
    "another host": ("account a\nhost smtp.example.com\nuser jane\npassword x", []),
    "another user": ("account a\nhost smtp.example.org\nuser joe\npassword x", []),
    "comment": ("#account a\n#host smtp.example.org\n#user jane", []),
    "the next account is another": ("account a\nhost smtp.example.org\naccount b\nuser jane", []),
    "a pipe": (f"account a\nhost smtp.example.org\nuser jane\npasswordeval {HOOK} | rev", [4]),
    "a password before our item": (
        f"account a\nhost smtp.example.org\nuser jane\npassword x\npasswordeval {HOOK}",
        [4],
    ),
    "not UTF-8": ("# caf\udce9\naccount a\nhost smtp.example.org\nuser jane\npassword x", [5]),
}
MBSYNC = {
    "password": ("IMAPAccount a\nHost imap.example.org\nUser jane\nPass x\n", [4]),
    "command": ('imapaccount a\nhost "imap.example.org"\nuser "jane"\npasscmd "+pass show mail"\n', [4]),
    "in a store": ("IMAPStore a\nHost imap.example.org\nUser jane@example.org\n", [1]),
    "as it was once written": ("IMAPAccount a\nHost imaps:imap.example.org:993\nUser jane\n", [1]),
    "the section has ended": ("IMAPAccount a\nHost imap.example.org\n\nUser jane\n", []),
    "another section": ("IMAPAccount a\nHost imap.example.org\nIMAPAccount b\nUser jane\n", []),
    "comment": ("# IMAPAccount a\n# Host imap.example.org\n# User jane\n", []),
    "comment inside": ("IMAPAccount a\n# mine\nHost imap.example.org\nUser jane\n", [1]),
}
GETMAIL = {
    "password": ("[retriever]\nserver = imap.example.org\nusername: jane\npassword = x\n", [4]),
    "command": (
        '[retriever]\nserver=imap.example.org\nusername=jane\npassword_command = ("pass", "x")\n',
        [4],
    ),
    "no command": ("[retriever]\nserver=imap.example.org\nusername=jane\npassword_command = 1 +\n", [4]),
    "nothing": ("[retriever]\nserver = imap.example.org\nusername = jane\n", [2]),
    "another": ("[retriever]\nserver = imap.example.org\n[other]\nusername = jane\n", []),
}
OFFLINEIMAP = {
    "password": ("[Repository a]\nremotehost = imap.example.org\nremoteuser = jane\nremotepass = x\n", [4]),
    "code": ('[Repository a]\nremotehost=imap.example.org\nremoteusereval="jane"\nremotepasseval=f()\n', [4]),
    "user by code": ("[Repository a]\nremotehost=imap.example.org\nremoteusereval=f()\n", []),
    "another": ("[Repository a]\nremotehost=imap.example.org\n[Repository b]\nremoteuser=jane\n", []),
}
CASES = {
    f"{client_id}: {name}": (client_id, *case)
    for client_id, cases in (
        ("msmtp", MSMTP),
        ("mbsync", MBSYNC),
        ("getmail", GETMAIL),
        ("offlineimap", OFFLINEIMAP),
    )
    for name, case in cases.items()
}


@pytest.mark.parametrize("case", CASES)
def test_accounts_written_by_hand(host: Host, case: str) -> None:
    client_id, text, lines = CASES[case]
    assert advised(host, client_id, text) == lines


@pytest.mark.parametrize(
    ("client_id", "text"),
    [
        ("msmtp", f'account a\nhost smtp.example.org\nuser jane\npasswordeval "{HOOK}"'),
        ("mbsync", f'IMAPAccount a\nHost imap.example.org\nUser jane\nPassCmd "{HOOK}"\n'),
        (
            "getmail",
            f"[retriever]\nserver=imap.example.org\nusername=jane\npassword_command={tuple(HOOK.split())}\n",
        ),
    ],
)
def test_one_that_reads_our_item_has_the_new_password(host: Host, client_id: str, text: str) -> None:
    (one,) = found(host, client_id, text)
    assert (one.item, one.account, one.advice) == (SecretItem.shared("jane@example.org"), JANE, "")


@pytest.mark.parametrize("client_id", FILES)
def test_our_own_block_is_no_account_by_hand(tmp_path: Path, client_id: str) -> None:
    client, host = clients.get(client_id), MACHINES[f"{client_id}-fresh"][1](tmp_path).host
    joe = dataclasses.replace(JANE, address="joe@example.org")  # the same login, another block
    for account in (joe, JANE):
        for change in client.plan(host, account, Secret("x"), Options()).changes:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_bytes(change.after or b"")
    (one,) = client.find(host, JANE, Options()) or ()
    assert one.item == SecretItem.shared("jane@example.org")
    path = Path(one.where)
    path.write_text(path.read_text() + "# mine\n")
    assert client.find(host, JANE, Options()) == (one,)


def test_the_line_is_counted_below_our_block(host: Host) -> None:
    (change,) = clients.get("msmtp").plan(host, JANE, Secret("x"), Options()).changes
    ours = (change.after or b"").decode()
    assert advised(host, "msmtp", "account a\nhost smtp.example.org\nuser jane\npassword x\n") == [4]
    both = found(host, "msmtp", ours + "account a\nhost smtp.example.org\nuser jane\npassword x\n")
    assert [bool(one.item) for one in both] == [True, False]
    assert f"line {ours.count(chr(10)) + 4} has" in both[1].advice


def test_a_broken_file_is_advice_unless_it_is_the_one_that_is_meant(host: Host) -> None:
    text = "# >>> provisioner jane@example.org 0123456789abcdef >>>\n"
    path = host.home / ".msmtprc"
    path.write_text(text)
    (one,) = clients.get("msmtp").find(host, JANE, Options()) or ()
    assert one.account is None
    assert "look there before you revoke" in one.advice
    with pytest.raises(Conflict):
        clients.get("msmtp").find(host, JANE, Options(profile=str(path)))


@pytest.mark.parametrize("platform", ["linux", "darwin"])
def test_our_own_command_is_known_again(host: Host, platform: str) -> None:
    command = hook.command(dataclasses.replace(host, platform=platform), JANE)
    assert hook.reads(command, JANE)
    assert not hook.reads(command, dataclasses.replace(JANE, address="joe@example.org"))


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ("/usr/bin/secret-tool lookup username jane@example.org service provisioner", True),
        ("'/home/a b/keyring' get provisioner jane@example.org", True),
        ("secret-tool lookup service provisioner", False),
        (f"{HOOK}; true", False),
        (f"{HOOK} | head -1", False),
        ("echo 'open", False),
        ("", False),
    ],
)
def test_commands(command: str, ours: bool) -> None:
    assert hook.reads(command, JANE) == ours
