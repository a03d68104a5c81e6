"""Programs that fetch mail into a Maildir of the account's own: `~/Mail/CLIENT/ADDRESS`."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from provisioner.clients.base import Options
from provisioner.clients.common import blockfile, keeper
from provisioner.clients.common.included import file_name
from provisioner.host import Host
from provisioner.model import Account, FileChange, Plan
from provisioner.receipt import Receipt


def make(host: Host, client_id: str, account: Account) -> tuple[FileChange, ...]:
    """What makes the Maildir, where it is not there yet."""
    return keeper.keep(*keeper.maildir(_directory(host, client_id, account)))


def unplan(host: Host, receipt: Receipt, title: str, options: Options) -> Plan:
    """Takes the account's block out of its files; fetched mail stays. Raises Conflict (`block.*`)."""
    directory = _directory(host, receipt.client, receipt.account)
    plan = blockfile.unplan(host, receipt, title, left=(directory,), force=options.force)
    return dataclasses.replace(
        plan, changes=(*plan.changes, *keeper.unkeep(host, *keeper.maildir(directory)))
    )


def _directory(host: Host, client_id: str, account: Account) -> Path:
    return host.home / "Mail" / client_id / file_name(account)
