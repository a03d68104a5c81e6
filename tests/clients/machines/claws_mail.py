"""Claws Mail."""

from __future__ import annotations

from pathlib import Path

from provisioner.secret import Secret
from provisioner.stores.claws import BUILT_IN, Vault
from tests.clients.machines.base import Machine, terminal

TREE = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<folderlist config_version="4">\n'
    b'    <folder type="mh" name="Mailbox" path="Mail" collapsed="0" sort="0">\n'
    b'        <folderitem type="inbox" name="inbox" path="inbox" mtime="0" total="0" />\n    </folder>\n'
    b"    <folder type='imap' name='W&amp;rk &gt; home' account_id='7'/>\n</folderlist>\n"
)
ACCOUNTS = (
    "[Account: 7]\naccount_name=W&rk > home\nis_default=1\nname=Mé\naddress=me@example.com\nprotocol={imap}\n"
    "receive_server=imap.example.com\nuser_id=me\nsignature_path=~/.signature\n"
)


def with_account(machine: Machine, directory: str, imap: int) -> Machine:
    """An account of the user's own, as Claws Mail and Sylpheed write it."""
    place = machine.host.home / directory
    place.mkdir(mode=0o700)
    (place / "folderlist.xml").write_bytes(TREE)
    (place / "accountrc").write_text(ACCOUNTS.format(imap=imap))
    (place / "accountrc").chmod(0o640)
    return Machine(machine.host, (place / "accountrc", place / "folderlist.xml"))


def fresh(directory: Path) -> Machine:
    """Claws Mail 4.1.1 installed, never started."""
    host = terminal(directory, "claws-mail")
    (directory / "bin/claws-mail").write_text("#!/bin/sh\necho Claws Mail version 4.1.1\n")
    return Machine(host)


def used(directory: Path) -> Machine:
    """An account of the user's own, its password in the store."""
    machine = with_account(fresh(directory), ".claws-mail", 1)
    place = machine.host.home / ".claws-mail"
    (place / "clawsrc").write_text(
        "[Common]\nconfig_version=4\nmaster_passphrase_salt=c2FsdA==\nmaster_passphrase_pbkdf2_rounds=50\n\n[x]\n"
    )
    entry = Vault(BUILT_IN, b"salt", 50).encrypt(Secret("of their own"))
    (place / "passwordstorerc").write_text(f"[config_version:4]\n\n[account:7]\nrecv {entry}\n")
    return Machine(machine.host, (*machine.own, place / "clawsrc", place / "passwordstorerc"))
