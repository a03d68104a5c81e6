"""`provisioner demo`: the real commands, run in a scratch home against an embedded mail server."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from provisioner.demo.server import DemoServer
from provisioner.demo.window import open_thunderbird
from provisioner.errors import ProvisionError
from provisioner.host import Host
from provisioner.providers import load_file
from provisioner.resources import data_dir
from provisioner.secret import Secret

ADDRESS = "jane.appleseed@icloud.com"
PASSWORD = Secret("abcd-efgh-ijkl-mnop")
WRONG = Secret("abcd-efgh-ijkl-mnpo")
NEWER = Secret("qrst-uvwx-yzab-cdef")
_EXPORT = "jane.mobileconfig"


def run(host: Host, *, open_window: bool) -> None:
    """The tour. `open_window`: also start Thunderbird on what was set up.

    Raises ProvisionError if a step does not end as it should.
    """
    with tempfile.TemporaryDirectory(prefix="provisioner-demo-") as name:
        scratch = Path(name)
        home = scratch / "home"
        home.mkdir(mode=0o700)
        with DemoServer(ADDRESS, PASSWORD, scratch) as server:
            Tour(host, home, server).run(open_window=open_window)


def pretend_to_be_icloud(host: Host, server: DemoServer) -> None:
    """Puts the shipped iCloud profile with our host and ports into the user's own profile directory."""
    shipped = data_dir("profiles") / "icloud.yaml"
    icloud = load_file(shipped)
    text = shipped.read_text("utf-8")
    for profile, port in ((icloud.imap, server.imap_port), (icloud.smtp, server.smtp_port)):
        if profile is None:
            continue
        old = f"host: {profile.host}\n  port: {profile.port}\n"
        text = text.replace(old, f"host: localhost\n  port: {port}\n")
    own = host.config_dir / "profiles"
    own.mkdir(parents=True)
    (own / "icloud.yaml").write_text(text, "utf-8")


class Tour:
    """One run: `home` is the scratch home, `server` stands in for iCloud."""

    def __init__(self, host: Host, home: Path, server: DemoServer) -> None:
        self.home = home
        self.server = server
        self.env = {
            **{
                key: value
                for key in ("PATH", "LANG", "LC_ALL", "TERM", "SYSTEMROOT")
                if (value := host.env.get(key))
            },
            "HOME": str(home),
            "SSL_CERT_FILE": str(server.ca_file),
            "PYTHONIOENCODING": "utf-8",
        }
        self.display = {
            key: value for key in ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY") if (value := host.env.get(key))
        }

    def run(self, *, open_window: bool) -> None:
        pretend_to_be_icloud(Host(home=self.home, platform=sys.platform), self.server)
        found = self._prepare_thunderbird()
        _say(
            "A mail server of our own plays iCloud on this computer, and a scratch home keeps yours\n"
            "untouched. "
            f"The address is {ADDRESS}; everything below is the real program."
        )
        self._step("How to get the password", "guide", ADDRESS, "thunderbird")
        self._step("Does it work? IMAP and SMTP, over verified TLS", "check", ADDRESS, secret=PASSWORD)
        self._step(
            "Set up Thunderbird", "setup", ADDRESS, "thunderbird", "--name", "Jane Appleseed", secret=PASSWORD
        )
        self._step(
            "Once more: nothing to do",
            "setup",
            ADDRESS,
            "thunderbird",
            "--name",
            "Jane Appleseed",
            secret=PASSWORD,
        )
        self._step("A profile for iPhone, iPad and Mac", "export", ADDRESS, "apple-mail", "-o", _EXPORT)
        self._step("Log in with what Thunderbird has stored", "check", ADDRESS, "--client", "thunderbird")
        self._step("A mistyped password is explained", "check", ADDRESS, secret=WRONG, expected=3)
        self.server.change_password(NEWER)
        self._step("A new password, the old one revoked", "rotate", ADDRESS, secret=NEWER)
        self._step("What is set up here", "status")
        _heading("What was written")
        self._tree()
        if open_window:
            open_thunderbird(self.home, {**self.env, **self.display}, self.server, installed=found)
        self._step("Undo", "remove", ADDRESS, "thunderbird")
        self._finish()

    def _prepare_thunderbird(self) -> bool:
        """True if Thunderbird is installed. If not, a profile such as it makes is there to be filled."""
        from provisioner.clients import thunderbird

        host = Host(home=self.home, env=self.env, platform=sys.platform)
        if thunderbird.detect(host):
            return True
        root = self.home / ("Library/Thunderbird" if sys.platform == "darwin" else ".thunderbird")
        (root / "demo.default").mkdir(parents=True, mode=0o700)
        (root / "profiles.ini").write_text(
            "[Profile0]\nName=default\nIsRelative=1\nPath=demo.default\nDefault=1\n\n[General]\nVersion=2\n",
            "utf-8",
        )
        return False

    def _step(self, title: str, *arguments: str, secret: Secret | None = None, expected: int = 0) -> None:
        _heading(title)
        shown = " ".join(f'"{part}"' if " " in part else part for part in arguments)
        click.secho(f"$ provisioner {shown}", bold=True)
        if secret:
            click.echo(f"Password: {secret.reveal()}  (made up for the demo)")
        code = self._run([*arguments, *(["--password-stdin"] if secret else [])], secret)
        if code != expected:
            raise ProvisionError(
                f"The demo's step {title!r} ended with exit code {code}.", "Please report it.", code="demo"
            )

    def _run(self, arguments: Sequence[str], secret: Secret | None) -> int:
        command = [sys.executable, "-m", "provisioner", *arguments]
        sys.stdout.flush()
        return subprocess.run(
            command,
            input=secret.reveal().encode() if secret else b"",
            env=self.env,
            cwd=self.home,
            check=False,
        ).returncode

    def _tree(self) -> None:
        for path in sorted(self.home.rglob("*")):
            if path.is_file():
                info = path.stat()
                size, mode = f"{info.st_size:,} bytes", f"{info.st_mode & 0o777:o}"
                click.echo(f"  ~/{path.relative_to(self.home)}  ({size}, {mode})")
        found = self._clear_text()
        if found:
            raise ProvisionError(
                f"The password stands in clear in {', '.join(found)}.", "Please report it.", code="demo"
            )
        click.echo(
            "  The password is in none of them in clear: Thunderbird keeps it in logins.json and key4.db."
        )

    def _clear_text(self) -> list[str]:
        needles = [secret.reveal().encode() for secret in (PASSWORD, NEWER)]
        # The guide in the copied provider profile shows this very password as its example.
        files = (path for path in self.home.rglob("*") if path.is_file() and path.suffix != ".yaml")
        return [str(path) for path in files if any(needle in path.read_bytes() for needle in needles)]

    def _finish(self) -> None:
        _heading("Now with your own account")
        click.echo("  provisioner guide YOU@icloud.com")
        click.echo("  provisioner setup YOU@icloud.com thunderbird")
        click.echo("The scratch home is deleted; nothing of yours was touched.")


def _say(text: str) -> None:
    click.echo(text)


def _heading(text: str) -> None:
    width = min(shutil.get_terminal_size().columns, 100)
    click.echo()
    click.secho(f"── {text} {'─' * max(0, width - len(text) - 4)}", fg="cyan")
