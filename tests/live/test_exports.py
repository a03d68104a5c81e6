"""Exports, taken by the real programs: Thunderbird reads its policies and autoconfig, a scanner the code."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioner.clients.base import Options
from provisioner.exports import autoconfig, thunderbird_android
from provisioner.model import Account, Security, Server
from provisioner.secret import Secret
from tests.live.lab import Lab, clean_environment
from tests.live.world import BOB, BOB_HOST, ICLOUD_HOST, JANE, JANE_LOCAL, PASSWORD, World
from tests.needs import need

pytestmark = pytest.mark.live

JANE_ACCOUNT = f"{JANE_LOCAL}@{ICLOUD_HOST}"
KNOWN_RIGHTS = {"mail.rights.version": {"Value": 1, "Status": "default"}}
"""Without it every new profile shows a bar about Thunderbird's licence."""


@contextmanager
def policies(lab: Lab, document: str) -> Iterator[None]:
    """The machine's policies together with these."""
    path = lab.directory / "thunderbird/policies/policies.json"
    before = path.read_text()
    ours = json.loads(document)["policies"]
    ours["Preferences"] |= KNOWN_RIGHTS
    path.write_text(json.dumps({"policies": json.loads(before)["policies"] | ours}))
    try:
        yield
    finally:
        path.write_text(before)


def exported(world: World, what: str, *more: str) -> str:
    """The export as it is on standard output."""
    process = world.command("export", JANE, what, "--json", *more)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    content: str = json.loads(output)["results"][0]["content"]
    return content


OWN_CODE = """
const { QRExport } = ChromeUtils.importESModule("moz-src:///comm/mail/modules/QRExport.sys.mjs");
const account = MailServices.accounts.accounts.find(account => account.incomingServer.type == "imap");
return QRExport.getQRData(await QRExport.getAccountData(account.key, true), 1, 1);
"""


def test_policies_bring_the_account(world: World, lab: Lab) -> None:
    """Asked once for receiving and once for sending, then never again."""
    with policies(lab, exported(world, "thunderbird-policies", "--name", "Jane Appleseed")):
        with world.thunderbird(asked_for=PASSWORD) as thunderbird:
            assert thunderbird.accounts() == [JANE_ACCOUNT]
            world.assert_shows_inbox(thunderbird)
            world.assert_sends(thunderbird, asked_for=PASSWORD)
            assert world.smtp.mails[-1]["From"] == f"Jane Appleseed <{JANE}>"
        with world.thunderbird() as thunderbird:
            world.assert_works(thunderbird, by_itself=False)
            # What Thunderbird's own "Export for Mobile" would put into the code.
            theirs = thunderbird.async_script(OWN_CODE)
    icloud = Account(
        JANE,
        "Jane Appleseed",
        "",
        "",
        Server(ICLOUD_HOST, 993, Security.TLS, JANE_LOCAL),
        Server("smtp.mail.me.com", 587, Security.STARTTLS, JANE),
    )
    assert json.loads(thunderbird_android.payload(icloud, Secret(PASSWORD))) == theirs


def test_policies_and_a_user_with_an_account(world: World, lab: Lab) -> None:
    """Both are there and receive; the user's own stays the default and sends, the other cannot: that is said.

    Nothing of one account's goes out through the other's server.
    """
    world.thunderbird_with_bob()
    with (
        policies(lab, exported(world, "thunderbird-policies")),
        world.thunderbird(asked_for=PASSWORD) as thunderbird,
    ):
        assert set(thunderbird.accounts()) == {JANE_ACCOUNT, f"bob@{BOB_HOST}"}
        assert thunderbird.default_account() == f"bob@{BOB_HOST}"
        world.assert_shows_inbox(thunderbird, host=BOB_HOST)
        world.assert_sends(thunderbird, sender=BOB)
        world.assert_shows_inbox(thunderbird)
        # The dialog is seen as soon as it opens, with or without its title "Send Message Error".
        with pytest.raises(AssertionError, match=r"stopped by .*(commonDialog|Send Message Error)"):
            thunderbird.send("friend@example.org", "From the policy's account", JANE)
        assert len(world.smtp.mails) == 1
        thunderbird.kill()


READ = """
const { readFromXML } = ChromeUtils.importESModule("resource:///modules/accountcreation/readFromXML.sys.mjs");
const { JXON } = ChromeUtils.importESModule("resource:///modules/JXON.sys.mjs");
const xml = new (main().DOMParser)().parseFromString(arguments[0], "text/xml");
const { domains, displayName, incoming, outgoing } = readFromXML(JXON.build(xml), "test");
const server = s => [s.type, s.hostname, s.port, s.socketType, s.auth, s.username];
return [domains, displayName, server(incoming), server(outgoing)];
"""
STARTTLS, TLS, PASSWORD_AUTH = 2, 3, 3
"""nsMsgSocketType and nsMsgAuthMethod, as in the preferences."""


def test_thunderbird_reads_the_autoconfig_file(world: World) -> None:
    icloud = exported(world, "autoconfig")
    account = Account(
        "a@b.example",
        "",
        "",
        "<Mail> & \"more\" 'ü' 🍏",
        Server("i.example", 143, Security.STARTTLS, "a&b"),
        Server("s.example", 465, Security.TLS, "a@b.example"),
    )
    with world.thunderbird() as thunderbird:
        assert thunderbird.script(READ, icloud) == [
            ["icloud.com"],
            "iCloud Mail",
            ["imap", "imap.mail.me.com", 993, TLS, PASSWORD_AUTH, "%EMAILLOCALPART%"],
            ["smtp", "smtp.mail.me.com", 587, STARTTLS, PASSWORD_AUTH, "%EMAILADDRESS%"],
        ]
        other = autoconfig.export(account, None, Options()).content.decode()
        assert thunderbird.script(READ, other) == [
            ["b.example"],
            account.title,
            ["imap", "i.example", 143, STARTTLS, PASSWORD_AUTH, "a&b"],
            ["smtp", "s.example", 465, TLS, PASSWORD_AUTH, "%EMAILADDRESS%"],
        ]


def on_a_terminal(command: list[str], text: str, home: Path) -> str:
    """What the command shows on a terminal of its own, where it can also ask for a password."""
    child, terminal = pty.fork()
    if child == 0:
        os.execve(command[0], command, {**clean_environment(home), "TERM": "xterm", "COLUMNS": "100"})
    shown, asked = b"", False
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        while select.select([screen], [], [], 30)[0]:
            try:
                shown += screen.read(65536)
            except OSError:  # Linux: the other end is closed
                break
            if not asked and b"Password:" in shown:
                asked = True
                screen.write(text.encode() + b"\n")
        else:
            os.kill(child, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, shown.decode()
    return shown.decode()


def picture(shown: str, file: Path) -> None:
    """The block characters as a bitmap (PBM), four pixels a module; white where the terminal would be."""
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip("\r") for line in shown.splitlines()]
    drawn = [line for line in lines if line and set(line) <= set(" ▀▄█")]
    rows = [[char in part for char in line for _ in range(4)] for line in drawn for part in ("▀█", "▄█")]
    bits = "\n".join(" ".join(str(int(bit)) for bit in row) for row in rows for _ in range(4))
    file.write_text(f"P1\n{len(rows[0])} {len(rows) * 4}\n{bits}\n")


def test_a_scanner_reads_the_code_off_the_terminal(tmp_path: Path) -> None:
    need(shutil.which("zbarimg"), "needs zbarimg (make system)")
    home = tmp_path / "home"
    home.mkdir()
    program = str(Path(sys.executable).parent / "provisioner")
    command = [program, "export", JANE, thunderbird_android.ID, "--with-password", "--name", 'Jäne "J" 🍏']
    shown = on_a_terminal(command, PASSWORD, home)
    picture(shown, tmp_path / "code.pbm")
    scanned = subprocess.run(
        ["zbarimg", "--raw", "--quiet", tmp_path / "code.pbm"], capture_output=True, check=True, timeout=60
    )
    (tmp_path / "code.pbm").unlink()
    assert json.loads(scanned.stdout) == [
        1,
        [1, 1],
        [0, "imap.mail.me.com", 993, 3, 1, JANE_LOCAL, JANE, PASSWORD],
        [[[0, "smtp.mail.me.com", 587, 2, 1, JANE, PASSWORD], [JANE, 'Jäne "J" 🍏']]],
    ]
    assert PASSWORD not in shown
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
