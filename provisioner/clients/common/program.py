"""The client's program on the search path: whether it is there, and which version it is."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from provisioner.dated import Dated
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.model import Installation


def require(host: Host, program: str, title: str, package: str) -> None:
    """Raises ProvisionError (`client.not_installed`) that names the package, as distributions call it."""
    if host.which(program) is None:
        raise ProvisionError(
            f"{title} is not installed here.",
            f"Install your system's package `{package}`, then run this again.",
            code="client.not_installed",
        )


def installation(
    host: Host, program: str, client_id: str, title: str, where: Path
) -> tuple[Installation, ...]:
    """The one installation if the program is on the search path; its version is not asked for here."""
    return (Installation(client_id, title, "", str(where)),) if host.which(program) else ()


def version(host: Host, program: str, *arguments: str) -> tuple[int, ...]:
    """The first number with dots that `program --version`, or with `arguments`, prints; empty if unknown."""
    match = re.search(r"\d+(?:\.\d+)+", host.output(program, *(arguments or ("--version",))))
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def refuse_old(title: str, version: tuple[int, ...], oldest: tuple[int, ...], reason: str) -> None:
    """Raises ProvisionError (`client.old`) below `oldest`, with the reason; never for an unknown version."""
    if version and version < oldest:
        raise ProvisionError(
            f"{title} {_said(version)} is too old: {reason}.",
            f"Install {title} {_said(oldest)} or newer, then run this again.",
            code="client.old",
        )


def newer(title: str, version: tuple[int, ...], newest: tuple[int, ...]) -> tuple[str, ...]:
    """A note if the version is unknown, or above `newest`, the newest whose format is known here."""
    if version and version[: len(newest)] <= newest:
        return ()
    which = f"is version {_said(version)}" if version else "does not say its version"
    return (
        f"{title} {which}; what was written is right for {_said(newest)}, the newest known here. "
        "If it complains of a setting, report that.",
    )


def dated(title: str, version: tuple[int, ...], *, newer: bool, fails: str = "") -> Dated:
    """What was written is for an older (`newer`) or a newer program than this version.

    `fails`: what goes wrong with it; empty: it works.
    """
    than = "newer" if newer else "older"
    so = fails or "it works as it is"
    return Dated(
        f"the installed {title} {_said(version)} is {than} than the one this was written for: {so}", not fails
    )


def _said(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def running(host: Host, name: str) -> bool:
    """A program of this user's with this name is running (Linux; proc(5) has its first 15 characters)."""
    for comm in host.system("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError, ProvisionError):  # it may end while it is looked at
            if comm.stat().st_uid == os.geteuid() and (host.read(comm) or b"").strip() == name[:15].encode():
                return True
    return False
