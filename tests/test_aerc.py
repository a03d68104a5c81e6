"""aerc: which file, which form for which version, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import aerc
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Mailboxes, Plan, Security, Server, Use
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE as NO_BOXES
from tests.test_msmtp import SECRET, put, write

CONFIG = ".config/aerc/accounts.conf"
JANE = dataclasses.replace(NO_BOXES, mailboxes=Mailboxes({Use.SENT: "Sent Messages", Use.ARCHIVE: "Old"}))
HOOK = "`secret-tool lookup service provisioner username jane@example.org`"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "aerc", "secret-tool")


def version(host: Host, text: str) -> None:
    program = Path(host.env["PATH"]) / "aerc"
    program.write_text(f"#!/bin/sh\necho 'aerc {text} +notmuch (go1.19.8 amd64 linux)'\n")


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    return aerc.plan(host, account, SECRET, Options(profile=str(profile) if profile else None))


def text(plan: Plan) -> str:
    (change,) = plan.changes
    return (change.after or b"").decode()


def test_the_account(host: Host) -> None:
    version(host, "0.18.2")
    made = plan(host)
    assert made.changes[0].path == host.home / CONFIG
    assert made.changes[0].mode == 0o600
    assert text(made).splitlines()[1:-1] == [
        "[jane@example.org]",
        "source = `imaps://jane@imap.example.org:993`",
        f"source-cred-cmd = {HOOK}",
        "outgoing = `smtp://ja%22ne%5C@smtp.example.org:587`",
        f"outgoing-cred-cmd = {HOOK}",
        "outgoing-cred-cmd-cache = false",
        'from = `"Jane" <Jane@example.org>`',
        "default = INBOX",
        "archive = `Old`",
        "postpone = `Drafts`",
        "copy-to = `Sent Messages`",
    ]
    assert [change.item for change in made.secrets] == [SecretItem.shared(JANE.key)]
    assert not made.notes


@pytest.mark.parametrize(
    ("said", "key", "note"),
    [("0.14.0", True, False), ("0.15.0", False, False), ("1.0", False, True), ("(unknown)", True, True)],
)
def test_never_in_clear_whatever_the_version(host: Host, said: str, key: bool, note: bool) -> None:
    """Up to 0.14 `smtp:` alone is not encrypted, and one that does not say its version may be such."""
    program = Path(host.env["PATH"]) / "aerc"
    program.write_text(f"#!/bin/sh\necho 'aerc {said}'\n")
    made = plan(host)
    assert ("\nsmtp-starttls = yes\n" in text(made)) is key
    assert bool(made.notes) is note
    tls = dataclasses.replace(JANE, smtp=Server("smtp.example.org", 465, Security.TLS, "jane"))
    assert "outgoing = `smtps://jane@smtp.example.org:465`" in text(plan(host, tls))
    assert "smtp-starttls" not in text(plan(host, tls))


def test_imap_with_starttls(host: Host) -> None:
    account = dataclasses.replace(JANE, imap=Server("imap.example.org", 143, Security.STARTTLS, "j@x"))
    assert "source = `imap://j%40x@imap.example.org:143`" in text(plan(host, account))


def test_the_file(host: Host, tmp_path: Path) -> None:
    mac = dataclasses.replace(host, platform="darwin")
    assert aerc.detect(mac)[0].where == str(host.home / "Library/Preferences/aerc/accounts.conf")
    xdg = dataclasses.replace(mac, env={**host.env, "XDG_CONFIG_HOME": str(tmp_path / "xdg")})
    assert aerc.detect(xdg)[0].where == str(tmp_path / "xdg/aerc/accounts.conf")
    other = write(tmp_path / "it's.conf", "")
    assert plan(host, profile=other).next.endswith(f"aerc -A '{tmp_path}/it'\"'\"'s.conf'")


@pytest.mark.parametrize(
    ("name", "sender"),
    [("", "Jane@example.org"), ('J. "x" \\ `y`', '"J. \\"x\\" \\\\ `y`" <Jane@example.org>')],
)
def test_the_sender(host: Host, name: str, sender: str) -> None:
    account = dataclasses.replace(JANE, display_name=name)
    assert f"\nfrom = `{sender}`\n" in text(plan(host, account))


@pytest.mark.parametrize("own", ["[jane@example.org]\n", "a = b\n [Jane@Example.org] \r\nsource = x\n"])
def test_an_account_of_the_users_own_is_not_touched(host: Host, own: str) -> None:
    write(host.home / CONFIG, own)
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_accounts_that_log_in_at_the_same_server(host: Host) -> None:
    write(
        host.home / CONFIG,
        f"[hook]\nsource = imaps://jane@imap.example.org\nsource-cred-cmd = {HOOK.strip('`')}\n"
        "[own]\nsource = imaps://jane:secret@imap.example.org:993\nfrom = x\n"
        "[other]\nsource = imaps://joe@imap.example.org\n[local]\nsource = maildir://~/Mail\n",
    )
    put(plan(host))
    ours, by_hook, own = aerc.find(host, JANE, Options())
    assert ours.item == by_hook.item == SecretItem.shared(JANE.key)
    assert own.item is None
    assert "line 5 has jane" in own.advice
    assert "secret" not in own.advice


@pytest.mark.parametrize(
    "changed",
    [
        {"display_name": "a\nb"},
        {"display_name": "%(source)s"},
        {"mailboxes": Mailboxes({Use.SENT: "Sent, old"})},
    ],
)
def test_values_that_the_file_cannot_hold_are_refused(host: Host, changed: dict[str, object]) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, **changed))  # type: ignore[arg-type]
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared(JANE.key), SECRET)
    assert aerc.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert aerc.stored_secret(host, JANE, Options()) == SECRET


def test_without_aerc(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
