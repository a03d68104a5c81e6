"""Whatever the display name, the real programs send from the account's address, to the server as well."""

from __future__ import annotations

import dataclasses
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Sequence
from email import message_from_bytes
from email.header import decode_header, make_header
from email.utils import getaddresses
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from provisioner import clients
from provisioner.clients.base import Options
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.model import Account, Security, Server
from provisioner.secret import Secret
from tests.memory_store import MemoryStore
from tests.needs import need

pytestmark = pytest.mark.live

ADDRESS, FRIEND = "jane@example.org", "friend@example.net"
SERVER = Server("mail.example.org", 465, Security.TLS, ADDRESS)
JANE = Account(ADDRESS, "", "", "Mail", imap=SERVER, smtp=SERVER)
PATCH = f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: Joe <joe@example.net>\nSubject: x\n\nA patch.\n"
NAMES = st.text(
    st.sampled_from("<>@,;:\\\"().[]=?'` ax") | st.characters(exclude_categories=["C", "Z"]), max_size=40
)
LONG = st.text(st.sampled_from("ab é, "), min_size=80, max_size=200)
Sent = tuple[str, str, str]
"""The sender that the server is told, and address and name in the header."""


def run(home: Path, command: Sequence[str | Path], text: str = "") -> bytes:
    done = subprocess.run(
        command,
        input=text.encode(),
        capture_output=True,
        cwd=home,
        check=False,
        env={"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8", "MAILRC": f"{home}/.mailrc"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def header(mail: bytes) -> tuple[str, str]:
    """The one address of the only sender, and the name; the white space between words is not compared."""
    (value,) = message_from_bytes(mail).get_all("From", [])
    ((name, address),) = getaddresses([re.sub(r"\s+", " ", value)])
    return address, str(make_header(decode_header(name)))


def bare(name: str) -> str:
    """Without white space, and what Emacs and s-nail put into encoded words with the rest."""
    return re.sub(r'[\s"\\]', "", name)


def by_git(home: Path) -> Sent:
    (home / "a.patch").write_text(PATCH)
    (home / ".gitconfig").open("a").write("[user]\nname = Joe\nemail = joe@example.net\n")
    command = ["git", "send-email", "--dry-run", "--confirm=never", f"--to={FRIEND}", "a.patch"]
    said = run(home, command)
    (envelope,) = re.findall(rb"^MAIL FROM:<(.*)>$", said, re.M)
    mail = said[said.index(b"\nFrom: ") + 1 :]
    return envelope.decode(), *header(mail)


def by_a_program(home: Path, start: Callable[[Path], Sequence[str]]) -> Sent:
    """By what sends instead of the account's server: it keeps its arguments, and the mail."""
    program = home / "program"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > arguments\ncat > mail\n')
    program.chmod(0o700)
    run(home, start(program), "Hello.\n")
    arguments = (home / "arguments").read_text().splitlines()
    return arguments[arguments.index("-f") + 1], *header((home / "mail").read_bytes())


def by_mutt(home: Path) -> Sent:
    return by_a_program(home, lambda program: muttering("mutt", program))


def by_neomutt(home: Path) -> Sent:
    return by_a_program(home, lambda program: muttering("neomutt", program))


def muttering(name: str, program: Path) -> Sequence[str]:
    instead = f"unset smtp_url; unset record; set use_envelope_from; set sendmail = {program}"
    return [name, "-e", f'send-hook . "{instead}"', "-s", "x", FRIEND]


def by_s_nail(home: Path) -> Sent:
    """As its manual says, it names the sender only if it is told to (`r-option-implicit`)."""

    def start(program: Path) -> Sequence[str]:
        script = f"account {ADDRESS}\nunset record\nset mta=file://{program} r-option-implicit\n"
        (program.parent / "script").write_text(script)
        root = f"mount --bind {shlex.quote(str(program.parent))} /root; cd; exec"
        nail = f"{root} s-nail -:u -Sv15-compat -X 'source script' -s x {FRIEND}"
        return ["unshare", "-m", "sh", "-c", nail]

    return by_a_program(home, start)


def by_emacs(home: Path) -> Sent:
    init = home / ".emacs.d/init.el"
    forms = f"""(require 'message) (load "{init}" nil t)
      (set-buffer-multibyte t) (insert "From: " (message-make-from) "\\n")
      (let ((envelope (cadr (mail-extract-address-components (message-make-from)))))
        (mail-encode-encoded-word-buffer) (princ envelope) (princ "\\n") (princ (buffer-string)))"""
    said = run(home, ["emacs", "-Q", "--batch", "--eval", f"(with-temp-buffer {forms})"])
    envelope, _, mail = said.partition(b"\n")
    return envelope.decode(), *header(mail)


WAYS = {
    "git-send-email": (by_git, "git", 20),
    "mutt": (by_mutt, "mutt", 25),
    "neomutt": (by_neomutt, "neomutt", 25),
    "s-nail": (by_s_nail, "s-nail", 60),
    "emacs": (by_emacs, "emacs", 5),
}


@pytest.mark.parametrize("client_id", WAYS)
def test_whatever_the_name_the_address_is_the_accounts(client_id: str) -> None:
    sends, program, many = WAYS[client_id]
    need(shutil.which(program), f"{program} is not installed")

    @settings(max_examples=many, deadline=None)
    @given(name=(NAMES | LONG).map(str.strip).filter(bool))
    @example(name="a,b <c@evil.example>")
    @example(name="<c@evil.example>")
    @example(name='"')
    @example(name='J "x" <y')
    @example(name='Jané, "Dr" <x@y>')
    @example(name="c@evil.example")
    @example(name="Jané Q. Public")
    @example(name="=?utf-8?q?x?=")
    def check(name: str) -> None:
        with TemporaryDirectory() as directory:
            home = Path(directory)
            account = dataclasses.replace(JANE, display_name=name)
            host = Host(home=home, env=dict(os.environ), secrets=MemoryStore())
            try:
                plan = clients.get(client_id).plan(host, account, Secret("x"), Options())
            except UsageError:
                if client_id != "s-nail":
                    raise
                return
            for change in plan.changes:
                change.path.parent.mkdir(parents=True, exist_ok=True)
                change.path.write_bytes(change.after or b"")
            envelope, address, shown = sends(home)
            assert (envelope, address) == (ADDRESS, ADDRESS)
            assert bare(shown) == bare(name)

    check()
