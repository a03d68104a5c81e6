"""notmuch: which file, whose address is the first, whose database. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.accounts import Wish
from provisioner.clients import notmuch
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.journal import Journal
from provisioner.model import Account, Plan
from provisioner.report import Report
from provisioner.workflows.context import Context
from provisioner.workflows.rotate import rotate
from tests.clients.machines.base import terminal
from tests.test_crash import Silent
from tests.test_msmtp import JANE, JOE, SECRET, put, write


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "notmuch")


def plan(host: Host, account: Account = JANE) -> Plan:
    return notmuch.plan(host, account, SECRET, Options())


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_a_database_over_all_mail_and_the_second_address_beside_the_first(host: Host) -> None:
    config = host.home / ".notmuch-config"
    put(plan(host))
    ignored = "ignore=.provisioner;.mbsyncstate;.uidvalidity;.isyncuidmap.db;"
    database = ["[database]", f"path={host.home}/Mail", "[user]", "name=Jane"]
    assert lines(config) == [*database, "primary_email=Jane@example.org", "[new]", ignored]
    assert not plan(host).changes
    put(plan(host, JOE))
    assert lines(config) == [
        *database,
        "primary_email=Jane@example.org",
        "other_email=joe@example.org;",
        "[new]",
        ignored,
    ]
    assert not plan(host).changes


def test_what_the_user_has_set_stays_and_a_list_of_addresses_grows(host: Host) -> None:
    own = (
        "[database]\npath=.\n[user]\nname=Me\nprimary_email=joe@example.org\nother_email=i@example.org;\n"
        "[new]\nignore=x\n"
    )
    config = write(host.home / ".notmuch-config", own)
    put(plan(host))
    put(plan(host, JOE))
    assert config.read_text().startswith(own)
    assert lines(config)[len(own.splitlines()) :] == ["[user]", "other_email=i@example.org;Jane@example.org;"]


@pytest.mark.parametrize("elsewhere", ["config", "default", "xdg", "variable"])
def test_a_second_database_is_never_made(host: Host, elsewhere: str) -> None:
    if elsewhere == "config":
        write(host.home / ".notmuch-config", "[database]\npath=/srv/mail\n")
    elif elsewhere == "default":
        (host.home / "mail/.notmuch").mkdir(parents=True)
    elif elsewhere == "xdg":
        (host.home / ".local/share/notmuch/default").mkdir(parents=True)
    else:
        host = dataclasses.replace(host, env={**host.env, "MAILDIR": "/srv/mail"})
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "mail.elsewhere"


def test_a_database_that_a_link_leads_to(host: Host) -> None:
    (host.home / "Mail").mkdir()
    (host.home / "mail").symlink_to("Mail")
    write(host.home / ".notmuch-config", "[database]\nmail_root=mail\n")
    assert "path=" not in "\n".join(lines(host.home / ".notmuch-config"))
    assert plan(host).changes


def test_the_file(host: Host, tmp_path: Path) -> None:
    assert plan(host).where == str(host.home / ".notmuch-config")
    work = dataclasses.replace(host, env={**host.env, "NOTMUCH_PROFILE": "work"})
    assert plan(work).where == str(host.home / ".notmuch-config.work")
    xdg = write(host.home / ".config/notmuch/default/config", "")
    assert plan(host).where == str(xdg)
    assert plan(host).next.endswith("notmuch new")
    other = dataclasses.replace(host, env={**host.env, "NOTMUCH_CONFIG": str(tmp_path / "c")})
    assert plan(other).where == str(tmp_path / "c")
    named = notmuch.plan(host, JANE, SECRET, Options(profile=str(write(tmp_path / "own", ""))))
    assert named.next.endswith(f"notmuch --config={tmp_path}/own new")


def test_it_has_no_password_to_be_replaced(host: Host) -> None:
    context = Context(host, Journal(host.state_dir), Silent(), Report("rotate"))
    with pytest.raises(UsageError) as caught:
        rotate(context, Wish(JANE.address), ["notmuch"], lambda prompt, rule: SECRET, Options())
    assert caught.value.code == "client.no_password"


@pytest.mark.parametrize("name", ["Jane; Doe", "\udc80"])
def test_names_that_it_would_read_otherwise_are_refused(host: Host, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, dataclasses.replace(JANE, display_name=name))
    assert caught.value.code == "value.unwritable"


def test_an_edited_block_is_left_alone(host: Host) -> None:
    put(plan(host))
    config = host.home / ".notmuch-config"
    config.write_text(config.read_text().replace("name=Jane", "name=J"))
    with pytest.raises(Conflict) as caught:
        plan(host, JOE)
    assert caught.value.code == "block.edited"


def test_without_notmuch(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
