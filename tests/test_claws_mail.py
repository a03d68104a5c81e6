"""Claws Mail: its store of passwords, its files, what is refused. The real program: tests/live."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner import clients, locks
from provisioner.clients import claws_mail
from provisioner.clients.base import Options
from provisioner.edits import folderlist
from provisioner.edits.ini import Ini
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Account, Mailboxes, Plan, Use
from provisioner.plan import diff
from provisioner.secret import Secret
from provisioner.stores.claws import BUILT_IN, PasswordStore, Unreadable, Vault
from tests.clients.machines.base import terminal
from tests.clients.machines.claws_mail import TREE, fresh, used
from tests.test_msmtp import JANE, SECRET, put

PATH = Path("file")
VAULT = Vault(BUILT_IN, b"salt", 10)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return fresh(tmp_path).host


def plan(host: Host, account: Account = JANE, options: Options | None = None) -> Plan:
    return claws_mail.plan(host, account, SECRET, options or Options())


def accounts(host: Host) -> Ini:
    path = host.home / ".claws-mail/accountrc"
    return Ini(path.read_bytes(), path)


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300))
def test_any_password_is_decrypted_as_it_was(password: str) -> None:
    entry = VAULT.encrypt(Secret(password))
    assert VAULT.decrypt(entry) == Secret(password)
    assert VAULT.encrypt(Secret(password)) != entry


def test_entries_of_another_kind_or_key_are_told_apart() -> None:
    other = Vault(Secret("another"), b"salt", 10)
    with pytest.raises(Unreadable):
        other.decrypt(VAULT.encrypt(SECRET))
    for entry in ("!b2xk", "{AES-256-CBC,10}AAAA", "{AES-256-CBC,0}" + "A" * 64, ""):
        with pytest.raises(Unreadable):
            VAULT.decrypt(entry)


def test_the_store_keeps_what_others_wrote() -> None:
    begun = b"[config_version:4]\n\n[account:7]\nrecv x\n\n[plugin:rss]\na b"
    store = PasswordStore(begun, 4)
    store.put("1", "recv", "y")
    store.put("1", "send", "z")
    store.put("7", "send", "w")
    assert (
        store.data == begun.replace(b"recv x\n", b"recv x\nsend w\n") + b"\n\n[account:1]\nrecv y\nsend z\n"
    )
    assert store.entries("1") == {"recv": "y", "send": "z"}
    store.drop("1")
    assert store.data == begun.replace(b"recv x\n", b"recv x\nsend w\n") + b"\n"
    store.drop("7")
    assert store.entries("7") == {}
    new = PasswordStore(None, 4)
    new.put("1", "recv", "y")
    assert new.data == b"[config_version:4]\n\n[account:1]\nrecv y\n"
    new.drop("1")
    assert new.data is None


def test_folders_come_and_go_and_all_else_stays() -> None:
    added = folderlist.add(TREE, '    <folder account_id="1">\n    </folder>\n', PATH)
    assert [one.account for one in folderlist.folders(added, PATH)] == ["", "7", "1"]
    assert folderlist.remove(added, "1", PATH) == TREE
    without = folderlist.remove(TREE, "7", PATH)
    assert b"account_id" not in without
    assert without.count(b"\n") == TREE.count(b"\n") - 1
    one_line = b"<folderlist><folder account_id='2'></folder></folderlist>"
    assert folderlist.remove(one_line, "2", PATH) == b"<folderlist></folderlist>"
    assert len(folderlist.folders(folderlist.add(one_line, "<folder/>\n", PATH), PATH)) == 2


@pytest.mark.parametrize(
    "data",
    [b"", b"<folderlist>", b"<other></other>", b"<folderlist/>", b"<?xml version='1.0' encoding='x'?>"],
)
def test_a_damaged_list_is_refused(data: bytes) -> None:
    with pytest.raises(Conflict) as caught:
        folderlist.folders(data, PATH)
    assert caught.value.code == "folderlist.broken"


def test_mailboxes_below_others(host: Host) -> None:
    boxes = Mailboxes({Use.SENT: "INBOX.Sent", Use.TRASH: "[x].Bin & <co>"}, delimiter=".")
    put(plan(host, dataclasses.replace(JANE, mailboxes=boxes)))
    assert accounts(host).get("Account: 1", "sent_folder") == f"#imap/{JANE.address}/INBOX/Sent"
    text = (host.home / ".claws-mail/folderlist.xml").read_text()
    lines = [line.strip() for line in text.splitlines() if "folderitem" in line]
    assert lines == [
        '<folderitem type="inbox" name="INBOX" path="INBOX">',
        '<folderitem type="outbox" name="Sent" path="INBOX/Sent">',
        "</folderitem>",
        "</folderitem>",
        '<folderitem type="normal" name="[x]" path="[x]" no_select="1">',
        '<folderitem type="trash" name="Bin &amp; &lt;co&gt;" path="[x]/Bin &amp; &lt;co&gt;">',
        "</folderitem>",
        "</folderitem>",
    ]


@pytest.mark.parametrize(
    ("said", "version"), [("4.3.1", 5), ("4.1.1", 4), ("3.17.8", 3), ("3.16.0", 2), ("", 4)]
)
def test_no_version_is_written_that_the_program_does_not_know(host: Host, said: str, version: int) -> None:
    program = Path(host.env["PATH"]) / "claws-mail"
    program.write_text(f"#!/bin/sh\necho Claws Mail version {said}\n")
    put(plan(host))
    common = Ini((host.home / ".claws-mail/clawsrc").read_bytes(), PATH)
    assert common.get("Common", "config_version") == str(version)


def test_it_says_that_the_store_does_not_protect(host: Host) -> None:
    assert "does not protect" in plan(host).notes[0]
    assert "obfuscation" in claws_mail.ABOUT.stored


def test_a_diff_shows_no_password_not_even_an_encrypted_one(host: Host) -> None:
    made = plan(host)
    entry = next(change.after or b"" for change in made.changes if change.path.name == "passwordstorerc")
    for line in entry.decode().splitlines()[3:]:
        assert line.split()[1] not in diff(made)
    assert "[account:1]" in diff(made)


def test_an_account_of_the_same_name_elsewhere_is_not_touched(tmp_path: Path) -> None:
    host = used(tmp_path).host
    path = host.home / ".claws-mail/accountrc"
    path.write_text(path.read_text().replace("me@example.com", JANE.address.upper()))
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"
    assert claws_mail.stored_secret(host, JANE, Options()) is None


def test_an_account_of_the_users_own_with_this_login_is_adopted(host: Host) -> None:
    put(plan(host))
    path = host.home / ".claws-mail/accountrc"
    path.write_text(path.read_text().replace("ssl_certs_auto_accept=1", "ssl_certs_auto_accept=0"))
    made = plan(host)
    assert made.adopted
    assert not made.changes
    mended = path.read_text().replace("imap_port=993", "imap_port=143")
    path.write_text(mended)
    put(plan(host))
    assert accounts(host).get("Account: 1", "imap_port") == "993"
    assert accounts(host).get("Account: 1", "ssl_certs_auto_accept") == "0"


def test_another_account_with_the_login_is_left_to_the_person(host: Host) -> None:
    put(plan(host))
    path = host.home / ".claws-mail/accountrc"
    path.write_text(path.read_text().replace("smtp_server=smtp.example.org", "smtp_server=other.example"))
    (found,) = claws_mail.find(host, JANE, Options())
    assert found.account is None
    assert JANE.imap.host in found.advice


def protected(host: Host, passphrase: str) -> None:
    derived = hashlib.pbkdf2_hmac("sha1", passphrase.encode(), b"salt", 10, 64)
    (host.home / ".claws-mail").mkdir()
    (host.home / ".claws-mail/clawsrc").write_text(
        "[Common]\nuse_master_passphrase=1\nmaster_passphrase_salt=c2FsdA==\n"
        f"master_passphrase={{PBKDF2-HMAC-SHA1,10}}{base64.b64encode(derived).decode()}\n"
    )


def test_a_primary_passphrase(host: Host) -> None:
    protected(host, "right")
    right = Options(unlock=lambda _: Secret("right"))
    for options, code in (
        (Options(), "store.primary_password_needed"),
        (Options(unlock=lambda _: Secret("wrong")), "store.primary_password_wrong"),
    ):
        with pytest.raises(UsageError) as caught:
            plan(host, options=options)
        assert caught.value.code == code
    made = plan(host, options=right)
    assert "does not protect" not in " ".join(made.notes)
    put(made)
    assert claws_mail.stored_secret(host, JANE, right) == SECRET
    assert claws_mail.stored_seal(host, JANE, Options()) == made.seal  # asks nobody


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("clawsrc", "[Common]\nmaster_passphrase_salt=c2FsdA==\nmaster_passphrase_pbkdf2_rounds=0\n"),
        ("clawsrc", "[Common]\nuse_master_passphrase=1\nmaster_passphrase={SCRYPT,1}x\n"),
        ("passwordstorerc", f"[account:7]\nrecv {VAULT.encrypt(SECRET)}\n"),
    ],
)
def test_a_store_that_is_otherwise_is_refused(host: Host, name: str, text: str) -> None:
    (host.home / ".claws-mail").mkdir()
    (host.home / ".claws-mail" / name).write_text(text)
    with pytest.raises(Conflict) as caught:
        plan(host, options=Options(unlock=lambda _: SECRET))
    assert caught.value.code == "store.unrecognised"


def test_a_client_that_listens_must_be_closed(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with locks.hold([path], "Claws Mail"), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        with locks.hold([path], "Claws Mail"):
            pass  # nobody listens: a leftover
        listener.listen()
        with pytest.raises(Conflict) as caught, locks.hold([path], "Claws Mail"):
            pass
        assert caught.value.code == "client.running"
        assert locks._answers(path)
    assert not locks._answers(path)


def test_where_it_listens(host: Host) -> None:
    session = dataclasses.replace(host, env={**host.env, "XDG_RUNTIME_DIR": "/run/user/7"})
    name = hashlib.md5(str(host.home / ".claws-mail").encode(), usedforsecurity=False).hexdigest()
    assert Path(f"/run/user/7/claws-mail/{name}") in plan(session).locks


def test_windows(host: Host) -> None:
    windows = dataclasses.replace(host, platform="win32")
    assert plan(windows).where == str(host.home / "AppData/Roaming/Claws-mail")
    assert "Close Claws Mail" in plan(windows).notes[-1]


def test_without_claws_mail(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
    assert clients.get("claws-mail") is claws_mail
