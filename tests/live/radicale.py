"""Radicale as a provider's server for calendars and contacts, over TLS."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.live.lab import Lab, clean_environment, run, start, stop, until
from tests.needs import need

HOST = "caldav.icloud.com"
"""As good as `contacts.icloud.com`: both names lead to it."""


class Radicale:
    """`directory` holds what is stored, `log` what it says."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "log"

    def add(self, user: str, collection: str, name: str, content: str, tag: str) -> None:
        """A calendar (`tag` VCALENDAR) or an address book (VADDRESSBOOK) with one thing in it."""
        place = self.directory / "data/collection-root" / user / collection
        place.mkdir(parents=True, exist_ok=True)
        (place / ".Radicale.props").write_text(f'{{"tag": "{tag}", "D:displayname": "{collection}"}}')
        (place / name).write_text(content.replace("\n", "\r\n"))

    def logged_in(self) -> set[str]:
        return set(_between(self.log.read_text(), "Successful login: '", "'"))


def _between(text: str, before: str, after: str) -> list[str]:
    return [part.partition(after)[0] for part in text.split(before)[1:]]


@contextmanager
def radicale(lab: Lab, directory: Path, passwords: Mapping[str, str]) -> Iterator[Radicale]:
    """The server at port 443 of the lab."""
    need(shutil.which("radicale"), "needs radicale (make system)")
    directory.mkdir()
    server = Radicale(directory)
    users = directory / "users"
    users.write_text("".join(f"{user}:{password}\n" for user, password in passwords.items()))
    config = directory / "config"
    config.write_text(
        "[server]\nhosts = 0.0.0.0:443\nssl = True\n"
        f"certificate = {lab.certificate}\nkey = {lab.certificate}\n"
        f"[auth]\ntype = htpasswd\nhtpasswd_filename = {users}\nhtpasswd_encryption = plain\ndelay = 0\n"
        f"[storage]\nfilesystem_folder = {directory}/data\n[logging]\nlevel = info\n"
    )
    process = start(["radicale", "--config", str(config)], log=server.log, env=clean_environment())
    try:
        until("radicale", lambda: "443" in run("ss", "-ltn"))
        yield server
    finally:
        stop(process)
