"""Hostile values through the own parsers of programs that fetch mail: many values in each run."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from provisioner.clients import fetchmail
from provisioner.clients.base import Options
from provisioner.errors import UsageError
from provisioner.quoting.base import Quoted
from provisioner.quoting.getmail import getmail
from provisioner.quoting.lua import lua
from provisioner.quoting.offlineimap import offlineimap
from provisioner.quoting.python import python
from provisioner.secret import Secret
from tests.clients.machines.fetchmail import fresh
from tests.needs import need
from tests.test_msmtp import JANE

pytestmark = pytest.mark.live

MARKS = ['"', "'", "\\", "\\\\", "%", "%(a)s", "#", ";", "$HOME", "`id`", "[a]", "]]", "--", "=", " "]
VALUES = st.lists(
    st.lists(st.text(max_size=9) | st.sampled_from(MARKS), min_size=1, max_size=6).map("".join), max_size=60
)

GETMAIL = """
import configparser, io, json, sys
from getmailcore.retrievers import SimpleIMAPSSLRetriever
def read(text):
    parser = configparser.RawConfigParser()
    parser.read_file(io.StringIO(text, newline=None))
    arguments = dict(parser.items("retriever"))
    conf = SimpleIMAPSSLRetriever(getmaildir="/tmp", configparser=parser, **arguments).conf
    return [conf["username"], list(conf["password_command"])]
found = [read(text) for text in json.load(sys.stdin)]
print("\\n" + json.dumps(found))
"""

OFFLINEIMAP = """
import json, sys
sys.path.insert(0, "/usr/share/offlineimap3")
from offlineimap.CustomConfig import CustomConfigParser
from offlineimap.localeval import LocalEval
def read(text):
    parser = CustomConfigParser()
    parser.read_string(text)
    return [parser.get("a", "host"), LocalEval().eval(parser.get("a", "user"))]
found = [read(text) for text in json.load(sys.stdin)]
print("\\n" + json.dumps(found))
"""


def output(*command: str, text: str) -> str:
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_getmail_reads_any_value_as_it_is() -> None:
    need(shutil.which("getmail"), "getmail is not installed")

    @settings(max_examples=8, deadline=None)
    @given(values=VALUES)
    def check(values: list[str]) -> None:
        writable: list[tuple[str, Quoted]] = []
        for value in values:
            try:
                writable.append((value, getmail(value)))
            except UsageError:
                assert value != value.strip() or not value or set(value) & set("\r\n\0")
        texts = [
            f"[retriever]\nserver = h\nusername = {quoted}\npassword_command = ({python(value)}, )\n"
            for value, quoted in writable
        ]
        read = json.loads(output("/usr/bin/python3", "-c", GETMAIL, text=json.dumps(texts)).splitlines()[-1])
        assert read == [[value, [value]] for value, _ in writable]

    check()


def test_offlineimap_reads_any_value_as_it_is() -> None:
    need(shutil.which("offlineimap"), "offlineimap is not installed")

    @settings(max_examples=8, deadline=None)
    @given(values=VALUES)
    def check(values: list[str]) -> None:
        # A plain value is one of ours (a path, a host, an address); any other is a literal.
        plain = ["".join(value.split()).replace("\0", "") for value in values]
        texts = [
            f"[a]\nhost = {offlineimap(one)}\nuser = {offlineimap(python(value))}\n"
            for value, one in zip(values, plain, strict=True)
        ]
        read = json.loads(
            output("/usr/bin/python3", "-c", OFFLINEIMAP, text=json.dumps(texts)).splitlines()[-1]
        )
        assert read == [[one, value] for value, one in zip(values, plain, strict=True)]

    check()


def test_imapfilter_reads_any_value_as_it_is(tmp_path: Path) -> None:
    need(shutil.which("imapfilter"), "imapfilter is not installed")
    config = tmp_path / "config.lua"

    @settings(max_examples=30, deadline=None)
    @given(values=VALUES)
    def check(values: list[str]) -> None:
        values = [value.replace("\0", "") for value in values]
        show = 'print((s:gsub(".", function(c) return ("%02x"):format(c:byte()) end)))'
        words = ", ".join(lua(value) for value in values)
        config.write_text(f"for _, s in ipairs({{ {words} }}) do {show} end\nassert({lua(993)} == 993)\n")
        read = output("imapfilter", "-c", str(config), text="").splitlines()
        assert [bytes.fromhex(line).decode() for line in read] == values

    check()


def shown(dump: str, name: str) -> str:
    """A string in fetchmail's dump of its settings; it shows only ASCII truly."""
    match = re.search(rf'"{name}":"((?:[^"\\]|\\.)*)"', dump)
    assert match, dump
    escapes = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "a": "\a"}
    return re.sub(
        r"\\(?:0x([0-9a-f]{2})|(.))",
        lambda m: chr(int(m[1], 16)) if m[1] else escapes.get(m[2], m[2]),
        match[1],
    )


def test_fetchmail_reads_any_password_and_user_name_as_they_are(tmp_path: Path) -> None:
    program = shutil.which("fetchmail") or ""
    need(program, "fetchmail is not installed")
    host = fresh(tmp_path).host
    (tmp_path / "bin/secret-tool").write_text(f'#!/bin/sh\ncat "{tmp_path}/password"\n')
    script = tmp_path / "script"
    environment = {"HOME": str(host.home), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    (tmp_path / "bin/fetchmail").unlink()
    (tmp_path / "bin/fetchmail").symlink_to(program)
    letters = st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1, max_size=70)

    @settings(max_examples=40, deadline=None)
    @given(password=letters, user=letters, end=st.sampled_from(["", "\n"]))
    def check(password: str, user: str, end: str) -> None:
        assume(password.strip("\n") and not password.endswith("\n"))
        (tmp_path / "password").write_bytes((password + end).encode())
        account = dataclasses.replace(JANE, imap=dataclasses.replace(JANE.imap, username=user))
        try:
            change = fetchmail.plan(host, account, Secret("x"), Options()).changes[-1]
        except UsageError:
            assert set(user) & set("\r\n")
            return
        script.write_bytes(change.after or b"")
        done = subprocess.run(
            ["sh", script, "--configdump"], capture_output=True, check=True, env=environment, timeout=60
        )
        dump = done.stdout.decode()
        assert (shown(dump, "remote"), shown(dump, "password")) == (user, password)
        assert '"mda":"exec sh \\"$PROVISIONER_SCRIPT\\" --deliver"' in dump

    check()
