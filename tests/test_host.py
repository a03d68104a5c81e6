"""What a plan reads: regular files, and nothing that could hang or never end."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from provisioner.clients.common.program import version
from provisioner.errors import Conflict, UsageError
from provisioner.host import MAX_FILE, Host


def refusal(path: Path) -> Conflict:
    """The Conflict that reading raises. In a thread, so that a hang is a failure and not the end."""
    caught: list[Conflict] = []

    def read() -> None:
        try:
            Host(home=path.parent).read(path)
        except Conflict as error:
            caught.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(10)
    assert caught, f"reading {path} hangs, or is not refused"
    return caught[0]


def test_files_are_read_and_missing_ones_are_none(tmp_path: Path) -> None:
    host = Host(home=tmp_path)
    (tmp_path / "file").write_bytes(b"x\r\n")
    (tmp_path / "link").symlink_to("file")
    assert host.read(tmp_path / "file") == host.read(tmp_path / "link") == b"x\r\n"
    assert host.read(tmp_path / "none") is None
    assert host.read(tmp_path / "file/below") is None


@pytest.mark.skipif(sys.platform == "win32", reason="there the home comes from USERPROFILE")
def test_a_home_that_depends_on_the_working_directory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for home in (".", "home", "./a/../home"):
        monkeypatch.setenv("HOME", home)
        with pytest.raises(UsageError) as caught:
            Host.current()
        assert caught.value.code == "home.relative"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Host.current().home == tmp_path


def test_a_pipe_a_socket_a_device_and_a_directory_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for name in ("pipe", "device", "socket"):
            assert refusal(tmp_path / name).message == f"{tmp_path / name} is not a regular file."
    assert refusal(tmp_path).message == f"{tmp_path} is a directory, not a file."


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path / ("x" * 300)).code == "file.unreadable"
    with (tmp_path / "large").open("wb") as file:
        file.truncate(MAX_FILE + 1)
    assert "too large" in refusal(tmp_path / "large").message


def test_what_a_program_prints_about_itself(tmp_path: Path) -> None:
    program = tmp_path / "tool"
    host = Host(tmp_path, env={"PATH": str(tmp_path)})
    assert host.output("tool", "--version") == ""
    program.write_text('#!/bin/sh\necho "tool $1 $LC_ALL 1.4.10-rc1 (of 2.0)" >&2; exit 3\n')
    program.chmod(0o755)
    assert host.output("tool", "-v") == "tool -v C 1.4.10-rc1 (of 2.0)\n"
    assert version(host, "tool") == (1, 4, 10)
    program.write_text("not a program")
    assert version(host, "tool") == ()
