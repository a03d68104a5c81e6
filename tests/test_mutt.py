"""mutt and NeoMutt: which files, who is the default, what is refused. The real programs: tests/live."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from types import ModuleType

import pytest

from provisioner.clients import mutt, neomutt
from provisioner.clients.base import Options
from provisioner.clients.common import muttmail
from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.host import Host
from provisioner.items import SecretItem
from provisioner.model import Account, Mailboxes, Plan, Security, Server, Use
from provisioner.plan import prune
from provisioner.render import render
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE as NO_BOXES
from tests.test_msmtp import SECRET, put, write

BOXES = Mailboxes({Use.SENT: "Sent Messages", Use.TRASH: "Bin", Use.ARCHIVE: "Archive"})
JANE = dataclasses.replace(NO_BOXES, mailboxes=BOXES)
JOE = dataclasses.replace(
    JANE, address="joe@example.org", imap=dataclasses.replace(JANE.imap, username="joe")
)
RC = {mutt: ".config/mutt/muttrc", neomutt: ".config/neomutt/neomuttrc"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "mutt", "neomutt", "secret-tool")


@pytest.fixture(params=[mutt, neomutt], ids=["mutt", "neomutt"])
def client(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def plan(client: ModuleType, host: Host, account: Account = JANE, profile: Path | None = None) -> Plan:
    made: Plan = client.plan(host, account, SECRET, Options(profile=str(profile) if profile else None))
    return prune(made)


def text(plan: Plan, suffix: str) -> str:
    (change,) = (change for change in plan.changes if change.path.name.endswith(suffix))
    return (change.after or b"").decode()


def test_the_account(client: ModuleType, host: Host) -> None:
    made = plan(client, host)
    own = host.home / RC[client]
    directory = own.parent / "provisioner"
    assert [change.path for change in made.changes] == [
        directory / "jane@example.org.settings",
        directory / "jane@example.org.hooks",
        own,
    ]
    assert text(made, ".settings").splitlines()[1:-1] == [
        'set from = "Jane@example.org"',
        'set realname = "Jane"',
        'set folder = "imaps://jane@imap.example.org:993/"',
        'set spoolfile = "+INBOX"',
        'set record = "+Sent Messages"',
        "unset postponed",
        'set trash = "+Bin"',
        'set smtp_url = "smtp://ja%22ne%5C@smtp.example.org:587/"',
    ]
    place = f'"~/{directory.relative_to(host.home)}/jane@example.org'
    assert text(made, "rc").splitlines()[1:-1] == [f'source {place}.hooks"', f'source {place}.settings"']
    hooks = text(made, ".hooks")
    assert '= "`secret-tool lookup service provisioner username jane@example.org`"\n' in hooks
    assert "imaps://jane@imap.example.org:993/Archive" in hooks
    assert "my_provisioner_from" not in hooks
    assert [change.item for change in made.secrets] == [SecretItem.shared("jane@example.org")]
    assert made.next == f"Read your mail with:\n  {client.ID}"


@pytest.mark.parametrize(
    ("security", "urls"),
    [
        (Security.TLS, ["imaps://jane@imap.example.org:143/", "smtps://jane@smtp.example.org:26/"]),
        (Security.STARTTLS, ["imap://jane@imap.example.org:143/", "smtp://jane@smtp.example.org:26/"]),
    ],
)
def test_encryption_is_in_the_url_and_demanded(host: Host, security: Security, urls: list[str]) -> None:
    imap = Server("imap.example.org", 143, security, "jane")
    smtp = Server("smtp.example.org", 26, security, "jane")
    made = plan(mutt, host, dataclasses.replace(JANE, imap=imap, smtp=smtp))
    for url in urls:
        assert f'"{url}"' in text(made, ".settings")
    assert (
        text(made, ".hooks").count("ssl_force_tls = yes; set ssl_starttls = yes; set ssl_verify_host = yes")
        == 2
    )


@pytest.mark.parametrize(
    ("user", "url", "same"),
    [
        ("jane", "imaps://jane@imap.example.org/INBOX", True),
        ("jane", "imap://jane@imap.example.org:993", True),
        ("jane", "imaps://janet@imap.example.org/INBOX", False),
        ("jane", "imaps://jane@imap.example.org:1993/INBOX", False),
        ("jane", "imaps://jane@imap.example.org.evil.example/", False),
        ("jane", "imaps://jane@imapxexample.org/", False),
        ("j.d@x.org", "imaps://j.d@x.org@imap.example.org/", True),
        ("j.d@x.org", "imaps://j.d%40x.org@imap.example.org/", True),
        ("j.d@x.org", "imaps://j-d@x.org@imap.example.org/", False),
        ("ja[ne", "imaps://ja%5Bne@imap.example.org/", True),
    ],
)
def test_only_the_accounts_own_servers_get_its_password(user: str, url: str, same: bool) -> None:
    imap = dataclasses.replace(JANE.imap, username=user)
    mail = muttmail.over_imap(dataclasses.replace(JANE, imap=imap))
    assert bool(re.search(mail.pattern, url)) is same
    assert mail.servers[0].pattern == mail.pattern


def test_the_file_is_the_first_one_that_the_program_reads(host: Host) -> None:
    order = (".mutt/muttrc", ".muttrc")
    for name in (".config/mutt/muttrc", *order):
        write(host.home / name, "")
        assert plan(mutt, host).where == str(host.home / name)
    for name in (".config/mutt/neomuttrc", ".config/neomutt/neomuttrc"):
        write(host.home / name, "")
        assert plan(neomutt, host).where == str(host.home / name)
    assert neomutt.detect(host)[0].where == str(host.home / ".config/neomutt/neomuttrc")
    other = write(host.home / "it's", "")
    assert "mutt -F '" in plan(mutt, host, profile=other).next


def test_where_both_read_one_file_they_share_the_account(host: Host) -> None:
    write(host.home / ".muttrc", "set sort = threads\n")
    put(plan(mutt, host))
    assert plan(neomutt, host).empty is False  # the password
    assert not plan(neomutt, host).changes


@pytest.mark.parametrize(
    ("own", "default", "kept"),
    [
        ("", True, "imap_pass"),
        ("set sort = threads use_from = yes\n# set from = x\n", True, "imap_pass"),
        ("source ~/more\nset nobeep\n", True, "imap_pass"),
        ('set realname = "X" from = "x@example.com"\n', False, "from imap_pass"),
        ("  mailboxes ~/Mail\n", False, "from imap_pass"),
        ("set beep \\\n  spool_file = ~/Mail\n", False, "from imap_pass"),
        ("source 'own'\n", False, "from imap_pass"),
        ("source ~/own\naccount-hook . 'unset imap_pass'\n", False, "from"),
        ("folder-hook work 'set from = x@example.com'\n", False, "imap_pass"),
    ],
)
def test_an_account_of_the_users_own_stays_the_default(
    client: ModuleType, host: Host, own: str, default: bool, kept: str
) -> None:
    """`kept`: its settings are put back; not where the user's own hooks do that."""
    write(host.home / "more", "color normal white black\nsource ~/more\n")
    write(host.home / "own", "set folder = ~/Mail\n")
    write(host.home / RC[client], own)
    made = plan(client, host)
    assert (".settings" in text(made, "rc")) is default
    assert any("is the default" in note for note in made.notes) is not default
    assert ("-f imaps://jane@imap.example.org:993/INBOX" in made.next) is not default
    for name in ("from", "imap_pass"):
        assert (f"my_provisioner_{name}" in text(made, ".hooks")) is (name in kept)
    assert any("account-hooks" in note for note in made.notes) is ("account-hook" in own)


def test_the_first_account_stays_the_default(client: ModuleType, host: Host) -> None:
    put(plan(client, host))
    put(plan(client, host, JOE))
    rc = (host.home / RC[client]).read_text()
    assert rc.count(".settings") == 1
    assert not plan(client, host).changes
    assert not plan(client, host, JOE).changes
    hooks = [path.read_text() for path in (host.home / RC[client]).parent.rglob("*.hooks")]
    variables = [re.findall(r"my_provisioner_[0-9a-f]{12}\b", hook) for hook in hooks]
    assert set(variables[0]).isdisjoint(variables[1])


@pytest.mark.parametrize(
    "own",
    [
        "set from=jane@example.org\n",
        "set realname=J from = 'Jane <JANE@example.org>'\n",
        "set imap_user = jane\n",
        'set folder="imaps://jane@imap.example.org/"\n',
        "source ~/own\n",
    ],
)
def test_settings_of_the_users_own_for_the_address(host: Host, own: str) -> None:
    write(host.home / "own", "set from = jane@example.org")
    write(host.home / ".muttrc", own)
    with pytest.raises(Conflict) as caught:
        plan(mutt, host)
    assert caught.value.code == "account.exists"


def test_a_file_of_the_users_own_in_our_place(host: Host) -> None:
    write(host.home / ".config/mutt/provisioner/jane@example.org.hooks", "mailboxes x\n")
    with pytest.raises(Conflict) as caught:
        plan(mutt, host)
    assert caught.value.code == "account.exists"


@pytest.mark.parametrize(
    "account",
    [
        dataclasses.replace(JANE, address="a`b@example.org"),
        dataclasses.replace(JANE, address="a$b@example.org"),
        dataclasses.replace(JANE, display_name="a\nb"),
        dataclasses.replace(JANE, mailboxes=Mailboxes({Use.SENT: "50%"})),
    ],
)
def test_values_that_the_file_cannot_hold_are_refused(host: Host, account: Account) -> None:
    with pytest.raises(UsageError) as caught:
        plan(mutt, host, account)
    assert caught.value.code == "value.unwritable"


def test_mail_that_lies_here_and_another_program_that_sends() -> None:
    """The same templates serve a Maildir that something else fills: no server, no password."""
    mail = muttmail.Mail(
        "~/Mail/jane", "/Mail/jane", sendmail="msmtp -a jane", mailboxes=("~/Mail/jane/INBOX",)
    )
    settings = render("mutt/settings.j2", mail=mail, address="jane@example.org", name="")
    assert 'unset smtp_url\nset sendmail = "msmtp -a jane"\n' in settings
    assert 'set folder = "~/Mail/jane"\n' in settings
    hooks = render(
        "mutt/hooks.j2", mail=mail, own_folders=False, own_servers=False, settings="~/s", hook="", number="1"
    )
    assert hooks == 'folder-hook "/Mail/jane" "source \\"~/s\\""\nmailboxes "~/Mail/jane/INBOX"\n'


def test_the_stored_password_is_only_that_of_an_account_we_set_up(client: ModuleType, host: Host) -> None:
    host.secrets.set(SecretItem.shared(JANE.key), SECRET)
    assert client.stored_secret(host, JANE, Options()) is None
    put(plan(client, host))
    assert client.stored_secret(host, JANE, Options()) == SECRET


def test_without_the_program(client: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    with pytest.raises(ProvisionError) as caught:
        plan(client, terminal(tmp_path / "bare", "secret-tool"))
    assert caught.value.code == "client.not_installed"
