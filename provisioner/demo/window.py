"""Starts the real Thunderbird on the demo's scratch profile and waits for its login."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import click

from provisioner.demo.server import DemoServer
from provisioner.errors import ProvisionError

_LOGIN_SECONDS = 60


def open_thunderbird(home: Path, env: Mapping[str, str], server: DemoServer, *, installed: bool) -> None:
    """Thunderbird in a window; without a display, under Xvfb until it has logged in.

    Raises ProvisionError if Thunderbird or a display is missing, or if it does not log in.
    """
    program = shutil.which("thunderbird", path=env.get("PATH"))
    if not installed or program is None:
        raise ProvisionError(
            "Thunderbird is not installed here.",
            "Install it, or leave --open out.",
            code="demo.no_thunderbird",
        )
    for profile in (path.parent for path in home.rglob("prefs.js")):
        # The throw-away certificate is trusted for exactly these two ports, in this scratch profile only.
        (profile / "cert_override.txt").write_text(server.cert_override(), "utf-8")
    shown = "DISPLAY" in env or "WAYLAND_DISPLAY" in env
    command = [program, "--no-remote"]
    if not shown:
        xvfb = shutil.which("xvfb-run", path=env.get("PATH"))
        if xvfb is None:
            raise ProvisionError(
                "There is no display to open Thunderbird on.",
                "Run it on a desktop, or install Xvfb.",
                code="demo.no_display",
            )
        command = [xvfb, "-a", *command]
    before = len(server.logins)
    click.echo("Starting Thunderbird on the scratch profile ...")
    process = subprocess.Popen(
        command, env=dict(env), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        _await_login(server, before, process)
        if shown:
            click.echo("Close its window to go on.")
            process.wait()
    finally:
        _end(process)


def _await_login(server: DemoServer, before: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _LOGIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        for attempt in server.logins[before:]:
            if attempt.ok:
                service = attempt.service.upper()
                click.echo(f"Thunderbird logged in over {service} as {attempt.user}, with no question asked.")
                return
        time.sleep(0.2)
    raise ProvisionError("Thunderbird did not log in to the demo's server.", "Please report it.", code="demo")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends Thunderbird and what it started: the whole session, politely first."""
    import os
    import signal

    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=10)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
