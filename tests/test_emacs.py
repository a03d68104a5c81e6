"""Emacs: which init file, the values in our Lisp, what is refused. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import emacs
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Mailboxes, Plan, Security, Server, Use
from provisioner.quoting.lisp import lisp
from provisioner.secret import Secret
from tests.clients.machines.base import terminal

SECRET = Secret("abcd-efgh-ijkl-mnop")
JANE = Account(
    address="Jane@example.org",
    display_name='Jäne "J" 🍏',
    provider="",
    title="Mail",
    imap=Server("imap.example.org", 993, Security.TLS, "ja\\ne"),
    smtp=Server("smtp.example.org", 587, Security.STARTTLS, "jane@example.org"),
    mailboxes=Mailboxes({Use.SENT: "Sent", Use.ARCHIVE: "All", Use.JUNK: "Junk"}),
)
OWN = ".config/provisioner/emacs/jane@example.org.el"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "emacs", "secret-tool")


def plan(host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    return emacs.plan(host, account, SECRET, Options(profile=str(profile) if profile else None))


def put(plan: Plan) -> None:
    for change in plan.changes:
        assert change.after is not None
        change.path.parent.mkdir(parents=True, exist_ok=True)
        change.path.write_bytes(change.after)


def text(plan: Plan, name: str) -> str:
    (data,) = [change.after or b"" for change in plan.changes if str(change.path).endswith(name)]
    return data.decode("ascii")


def test_the_account(host: Host) -> None:
    made = plan(host)
    shown = text(made, OWN)
    for line in (
        ':imap ("imap.example.org" 993 "ja\\\\ne" tls "imaps" "imap")',
        ':smtp ("smtp.example.org" 587 "jane@example.org" starttls "submission" "smtps" "smtp")',
        ':command ("secret-tool" "lookup" "service" "provisioner" "username" "jane@example.org" )',
        '(setq user-full-name "J\\u00e4ne \\"J\\" \\U0001f34f")',
        '(setq user-mail-address "Jane@example.org")',
        "(nnimap-stream tls)",
        '(mu4e-sent-folder . "/jane@example.org/Sent")',
        '(mu4e-refile-folder . "/jane@example.org/All")',
    ):
        assert line in shown
    assert "Junk" not in shown
    assert f'\n(load "~/{OWN}" t t t)\n' in text(made, ".emacs.d/init.el")
    assert made.secrets[0].item == SecretItem.shared("jane@example.org")


def test_the_other_kinds_of_tls_and_nothing_known(host: Host) -> None:
    imap = Server("imap.example.org", 143, Security.STARTTLS, "jane")
    smtp = Server("smtp.example.org", 465, Security.TLS, "jane")
    account = dataclasses.replace(JANE, imap=imap, smtp=smtp, mailboxes=None, display_name="")
    shown = text(plan(host, account), OWN)
    assert "(nnimap-stream starttls)" in shown
    assert ':smtp ("smtp.example.org" 465 "jane" tls' in shown
    assert "user-full-name" not in shown
    assert "-folder" not in shown


def test_the_init_file_is_the_one_that_emacs_reads(host: Host, tmp_path: Path) -> None:
    home = host.home
    assert plan(host).where == str(home / ".emacs.d/init.el")
    (home / ".config/emacs").mkdir(parents=True)
    assert plan(host).where == str(home / ".config/emacs/init.el")
    xdg = dataclasses.replace(host, env={**host.env, "XDG_CONFIG_HOME": str(tmp_path / "a$b")})
    (tmp_path / "a$b/emacs").mkdir(parents=True)
    assert plan(xdg).where == str(tmp_path / "a$b/emacs/init.el")
    assert f'(load "{tmp_path}/a$$b/provisioner/emacs/jane@example.org.el" t t t)' in text(
        plan(xdg), "init.el"
    )
    (home / ".emacs.d").mkdir()
    assert plan(host).where == str(home / ".emacs.d/init.el")
    (home / ".emacs").write_text("")
    assert emacs.detect(host)[0].where == str(home / ".emacs")
    (home / ".emacs.el").write_text("")
    assert plan(host).where == str(home / ".emacs.el")
    other = tmp_path / "init.el"
    other.write_text("")
    assert plan(host, profile=other).where == str(other)


def test_on_windows(host: Host, tmp_path: Path) -> None:
    keyring = Path(host.env["PATH"], "keyring")
    keyring.write_text("#!/bin/sh\n")
    keyring.chmod(0o755)
    windows = dataclasses.replace(host, platform="win32", env={**host.env, "APPDATA": str(tmp_path / "app")})
    assert plan(windows).where == str(tmp_path / "app/.emacs.d/init.el")


@pytest.mark.parametrize("name", [OWN, ".emacs.d/init.el"])
def test_an_edited_file_is_not_overwritten(host: Host, name: str) -> None:
    put(plan(host))
    path = host.home / name
    path.write_text(path.read_text().replace("\n", "\n;\n", 1))
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "block.edited"


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "\udc80"])
def test_values_that_the_file_cannot_hold_are_refused(value: str) -> None:
    with pytest.raises(UsageError) as caught:
        lisp(value)
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared("jane@example.org"), SECRET)
    assert emacs.stored_secret(host, JANE, Options()) is None
    assert emacs.find(host, JANE, Options()) == ()
    put(plan(host))
    assert emacs.stored_secret(host, JANE, Options()) == SECRET
    assert [found.item for found in emacs.find(host, JANE, Options())] == [SecretItem.shared(JANE.key)]


@pytest.mark.parametrize(
    ("version", "old"), [("26.3", True), ("27.1", False), ("30.0.50", False), ("", False)]
)
def test_the_version(host: Host, version: str, old: bool) -> None:
    Path(host.env["PATH"], "emacs").write_text(f"#!/bin/sh\necho GNU Emacs {version}\n")
    if not old:
        assert plan(host).changes
        return
    with pytest.raises(ProvisionError) as caught:
        plan(host)
    assert caught.value.code == "client.old"


def test_without_emacs(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ('(setq gnus-secondary-select-methods \'((nnimap "JANE@example.org")))\n', True),
        ('(make-mu4e-context :name "jane@example.org")\n', True),
        (';; (nnimap "jane@example.org")\n', False),
        ('(nnimap "joe@example.org")\n', False),
    ],
)
def test_a_server_of_the_users_own_with_this_name_is_refused(host: Host, line: str, taken: bool) -> None:
    (host.home / ".emacs").write_text(f"(setq x 1)\n{line}")
    if not taken:
        assert plan(host).changes
        return
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"
