"""mbsync: which file, the Maildir, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import mbsync
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Plan, Security, Server
from provisioner.plan import prune
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE, SECRET, put, write

KEEPER = "Mail/jane@example.org/.provisioner"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "mbsync", "secret-tool")


def plan(host: Host, profile: Path | None = None, **changes: object) -> Plan:
    account = dataclasses.replace(JANE, **changes)  # type: ignore[arg-type]
    return prune(mbsync.plan(host, account, SECRET, Options(profile=str(profile) if profile else None)))


def text(plan: Plan) -> str:
    return (plan.changes[-1].after or b"").decode()


def test_the_account(host: Host) -> None:
    made = plan(host, imap=Server("imap.example.org", 993, Security.TLS, 'ja"ne\\'))
    assert [change.path for change in made.changes] == [host.home / KEEPER, host.home / ".mbsyncrc"]
    assert made.changes[-1].mode == 0o600
    assert text(made).splitlines()[1:-1] == [
        "",
        'IMAPAccount "jane@example.org"',
        'Host "imap.example.org"',
        'Port "993"',
        "TLSType IMAPS",
        "AuthMechs LOGIN PLAIN",
        r'User "ja\"ne\\"',
        'PassCmd "secret-tool lookup service provisioner username jane@example.org"',
        "",
        'IMAPStore "jane@example.org-remote"',
        'Account "jane@example.org"',
        "",
        'MaildirStore "jane@example.org-local"',
        'Path "~/Mail/jane@example.org/"',
        'Inbox "~/Mail/jane@example.org/INBOX"',
        "SubFolders Verbatim",
        "",
        'Channel "jane@example.org"',
        'Far ":jane@example.org-remote:"',
        'Near ":jane@example.org-local:"',
        "Patterns *",
        "Create Near",
        "Expunge None",
        "SyncState *",
        "",
    ]
    (change,) = made.secrets
    assert (change.item, change.before, change.after) == (SecretItem.shared(JANE.key), None, SECRET)


def test_starttls(host: Host) -> None:
    made = plan(host, imap=Server("imap.example.org", 143, Security.STARTTLS, "jane"))
    assert "\nTLSType STARTTLS\n" in text(made)


def test_the_file(host: Host, tmp_path: Path) -> None:
    assert plan(host).next.endswith("mbsync jane@example.org")
    xdg = write(host.home / ".config/isyncrc", "")
    assert plan(host).where == str(xdg)
    assert plan(host).next.endswith(f"mbsync -c {xdg} jane@example.org")
    own = write(tmp_path / "own.conf", "")
    assert plan(host, own).where == str(own)
    assert mbsync.detect(host)[0].where == str(xdg)


def test_the_section_before_ends_before_ours(host: Host) -> None:
    write(host.home / ".mbsyncrc", "IMAPAccount work\nHost h")
    lines = text(plan(host)).splitlines()
    assert lines[1] == "Host h"
    assert lines[3] == ""
    assert lines[-2] == ""


def test_a_maildir_that_is_there_gets_no_file(host: Host) -> None:
    (host.home / KEEPER).parent.mkdir(parents=True)
    assert [change.path.name for change in plan(host).changes] == [".mbsyncrc"]


@pytest.mark.parametrize(
    ("own", "clash"),
    [
        ("IMAPAccount jane@example.org\n", True),
        ('  imapaccount "jane@example.org" # mine\r\n', True),
        ("MaildirStore jane@example.org-remote\n", True),
        ("IMAPStore jane@example.org-\\local\n", True),
        ("Group jane@example.org work\n", True),
        ("Channel jane@example.org\n", True),
        ("IMAPStore jane@example.org\n", False),
        ("Channel jane@example.org-remote\n", False),
        ("#Channel jane@example.org\n", False),
        ("Channel jane\n", False),
    ],
)
def test_names_of_the_users_own(host: Host, own: str, clash: bool) -> None:
    write(host.home / ".mbsyncrc", own)
    if not clash:
        assert plan(host).changes
        return
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_an_address_is_never_a_path(host: Host) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, address="/etc/x@example.org")
    assert caught.value.code == "value.unwritable"


@pytest.mark.parametrize("user", ["x" * 901, "\\" * 451, "a\nb", "a\0b", "\udc80"])
def test_values_that_the_file_cannot_hold_are_refused(host: Host, user: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, imap=dataclasses.replace(JANE.imap, username=user))
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared(JANE.key), SECRET)
    assert mbsync.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert mbsync.stored_secret(host, JANE, Options()) == SECRET


def test_without_mbsync(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"


def says(host: Host, version: str) -> None:
    program = Path(host.env["PATH"]) / "mbsync"
    program.write_text(f"#!/bin/sh\necho 'isync {version}'\n")


@pytest.mark.parametrize(
    ("version", "words", "note"),
    [
        ("1.3.0", ("Master", "Slave", "SSLType"), False),
        ("1.4.4", ("Far", "Near", "SSLType"), False),
        ("1.5.0", ("Far", "Near", "TLSType"), False),
        ("1.5.1", ("Far", "Near", "TLSType"), False),
        ("1.6.0", ("Far", "Near", "TLSType"), True),
        ("2.0", ("Far", "Near", "TLSType"), True),
        ("", ("Far", "Near", "TLSType"), True),
    ],
)
def test_each_version_gets_its_own_words(
    host: Host, version: str, words: tuple[str, str, str], note: bool
) -> None:
    says(host, version)
    made = plan(host)
    lines = text(made).splitlines()
    far, near, tls = words
    assert [line.split()[0] for line in lines if line.startswith((far, near))] == [far, near]
    assert f"Create {near}" in lines
    assert f"{tls} IMAPS" in lines
    assert any("mbsync" in one and "report that" in one for one in made.notes) is note


def test_an_upgrade_of_mbsync_is_no_change_and_a_downgrade_is_one(host: Host) -> None:
    says(host, "1.4.4")
    put(plan(host))
    says(host, "1.5.1")
    assert not prune(plan(host)).changes
    says(host, "1.3.0")
    assert "Master" in text(plan(host))


def test_a_version_that_is_too_old_is_refused(host: Host) -> None:
    says(host, "1.2.1")
    with pytest.raises(ProvisionError, match=r"mbsync 1\.2\.1 is too old") as caught:
        plan(host)
    assert caught.value.code == "client.old"


def test_mu_is_told_how_to_find_the_mail(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    without = plan(terminal(tmp_path / "a", "mbsync", "secret-tool")).notes
    with_mu = plan(terminal(tmp_path, "mbsync", "secret-tool", "mu")).notes
    (note,) = set(with_mu) - set(without)
    assert note == "To find this mail with mu:\n  provisioner setup Jane@example.org mu"
