"""mblaze: whose address is the first, what of the user's stays in force. The real program: tests/live."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner.clients import mblaze
from provisioner.clients.base import Options
from provisioner.errors import ProvisionError, UsageError
from provisioner.host import Host
from provisioner.model import Account, Plan
from tests.clients.machines.base import terminal
from tests.test_msmtp import JANE, JOE, SECRET, put, write

PROFILE = ".mblaze/profile"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return terminal(tmp_path, "mscan")


def plan(host: Host, account: Account = JANE) -> Plan:
    return mblaze.plan(host, account, SECRET, Options())


def lines(host: Host) -> list[str]:
    return [line for line in (host.home / PROFILE).read_text().splitlines() if line[:1] != "#"]


def test_the_first_address_is_the_usual_one(host: Host) -> None:
    put(plan(host))
    sending = ["Sendmail: msmtp", "Sendmail-Args: --read-envelope-from -t"]
    jane, joe = '"Jane" <Jane@example.org>', '"Jane" <joe@example.org>'
    assert lines(host) == [f"Local-Mailbox: {jane}", f"Reply-From: {jane}", *sending]
    put(plan(host, JOE))
    assert lines(host) == [
        f"Local-Mailbox: {jane}",
        "Alternate-Mailboxes: joe@example.org",
        f"Reply-From: {jane}, {joe}",
        *sending,
    ]
    assert not plan(host).changes
    assert not plan(host, JOE).changes


def test_what_the_user_has_stays(host: Host) -> None:
    own = "Local-Mailbox: me@example.org\nReply-From: me@example.org\nSendmail: mine\n\nno: more\n"
    write(host.home / PROFILE, own)
    put(plan(host))
    assert (host.home / PROFILE).read_text().endswith(own)
    ours = lines(host)[: -len(own.splitlines())]
    reply = 'Reply-From: me@example.org, "Jane" <Jane@example.org>'
    assert ours == ["Alternate-Mailboxes: Jane@example.org", reply]


def test_a_name_is_quoted_or_refused(host: Host) -> None:
    put(plan(host, dataclasses.replace(JANE, display_name="Doe, J")))
    assert lines(host)[0] == 'Local-Mailbox: "Doe, J" <Jane@example.org>'
    put(plan(host, dataclasses.replace(JANE, display_name="Jäne")))
    assert lines(host)[0] == "Local-Mailbox: Jäne <Jane@example.org>"
    for name in ("Jäne, J", '"J"', "\\", "a\nb"):
        with pytest.raises(UsageError) as caught:
            plan(host, dataclasses.replace(JANE, display_name=name))
        assert caught.value.code == "value.unwritable"


def test_without_mblaze(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError) as caught:
        plan(terminal(tmp_path, "secret-tool"))
    assert caught.value.code == "client.not_installed"
