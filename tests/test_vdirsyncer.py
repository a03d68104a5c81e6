"""vdirsyncer: what is kept the same, where, which accounts of the user's own are seen. Live: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import vdirsyncer
from provisioner.clients.base import Options
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Plan, Security, Server
from provisioner.plan import prune
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE as MAIL_ONLY
from tests.test_msmtp import SECRET, put, write

JANE = dataclasses.replace(
    MAIL_ONLY,
    caldav=Server("dav.example.org", 443, Security.TLS, 'ja"ne'),
    carddav=Server("dav.example.org", 8443, Security.TLS, 'ja"ne'),
)
CONFIG = ".config/vdirsyncer/config"
NAME = "jane_40example_2eorg_5f"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "vdirsyncer", "secret-tool")


def plan(host: Host, *, calendar: bool = False, contacts: bool = False, **changes: object) -> Plan:
    account = dataclasses.replace(JANE, **changes)  # type: ignore[arg-type]
    return prune(vdirsyncer.plan(host, account, SECRET, Options(calendar=calendar, contacts=contacts)))


def text(plan: Plan) -> str:
    (change,) = plan.changes
    return (change.after or b"").decode()


def test_the_account(host: Host) -> None:
    lines = [line for line in text(plan(host, contacts=True)).splitlines() if not line.startswith("#")]
    assert lines == [
        "[general]",
        'status_path = "~/.local/share/vdirsyncer/status/"',
        f"[pair {NAME}contacts]",
        f'a = "{NAME}contacts_5flocal"',
        f'b = "{NAME}contacts_5fremote"',
        'collections = ["from b"]',
        "",
        f"[storage {NAME}contacts_5flocal]",
        'type = "filesystem"',
        'path = "~/.contacts/jane@example.org"',
        'fileext = ".vcf"',
        "",
        f"[storage {NAME}contacts_5fremote]",
        'type = "carddav"',
        'url = "https://dav.example.org:8443/"',
        'username = "ja\\"ne"',
        'password.fetch = ["command", "secret-tool", "lookup", "service", "provisioner", "username", '
        '"jane@example.org"]',
    ]


def test_both_unless_one_is_asked_for_or_there_already(host: Host) -> None:
    assert text(plan(host)).count("[pair ") == 2
    assert text(plan(host, calendar=True)).count("caldav") == 1
    assert text(plan(host, carddav=None)).count("[pair ") == 1
    put(plan(host, calendar=True))
    assert not plan(host).changes
    assert text(plan(host, calendar=True, contacts=True)).count("[pair ") == 2


def test_the_general_section_stands_once_and_goes_with_the_last(host: Host) -> None:
    put(plan(host))
    put(plan(host, address="joe@example.org"))
    assert (host.home / CONFIG).read_text().count("[general]") == 1
    own = write(host.home / ".vdirsyncer/config", '[general]\nstatus_path = "~/x"\n')
    made = plan(host)
    assert made.where == str(own)
    assert text(made).count("[general]") == 1


def test_accounts_of_the_users_own_are_named_by_line(host: Host) -> None:
    own = (
        '[general]\nstatus_path = "~/x"\n[storage mine]\ntype = "caldav"\nurl = "https://dav.example.org/"\n'
        'username = "jane"\npassword = "x"\n[storage other]\nurl = "https://elsewhere.example.org/"\n'
        '[storage hook]\nurl = "https://dav.example.org/"\nusername = "jane@example.org"\npassword.fetch = '
        '["command", "secret-tool", "lookup", "service", "provisioner", "username", "jane@example.org"]\n'
    )
    write(host.home / CONFIG, own)
    advice, hook = vdirsyncer.find(host, JANE, Options())
    assert "line 7 " in advice.advice
    assert hook.item == SecretItem.shared(JANE.key)


@pytest.mark.parametrize("section", [f"[pair {NAME}calendar]", f"[storage {NAME}contacts_5flocal]"])
def test_names_of_the_users_own(host: Host, section: str) -> None:
    write(host.home / CONFIG, f"{section}\n")
    with pytest.raises(Conflict) as caught:
        plan(host)
    assert caught.value.code == "account.exists"


def test_a_provider_without_such_servers(host: Host) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, caldav=None, carddav=None)
    assert caught.value.code == "server.unknown"


@pytest.mark.parametrize("address", ["a/../b@example.org", "~root@example.org"])
def test_an_address_is_never_a_path(host: Host, address: str) -> None:
    with pytest.raises(UsageError) as caught:
        plan(host, address=address)
    assert caught.value.code == "value.unwritable"


def test_the_stored_password_is_only_that_of_an_account_we_set_up(host: Host) -> None:
    host.secrets.set(SecretItem.shared(JANE.key), SECRET)
    assert vdirsyncer.stored_secret(host, JANE, Options()) is None
    put(plan(host))
    assert vdirsyncer.stored_secret(host, JANE, Options()) == SECRET


def test_without_vdirsyncer(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
