"""Everything a plan may look at: home, environment, platform, files. Reads only.

Tests pretend other operating systems by making a Host with another platform and home; real code
calls `Host.current()`. `root` lets a test place system directories (`/usr/lib/...`) elsewhere.
"""

from __future__ import annotations

import errno
import os
import platform as platform_module
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provisioner.errors import Conflict, ProvisionError, UsageError
from provisioner.items import SecretItem, SecretStore
from provisioner.secret import Secret
from provisioner.stores.captured import Hooks, Printed
from provisioner.stores.chosen import ChosenStore

MAX_FILE = 64 * 1024 * 1024
"""Bytes; no configuration file is larger, so reading stops there."""
MAX_OUTPUT = 65536
"""Bytes of what a program prints about itself."""
ANSWER_SECONDS = 10
_AT_ONCE: int = getattr(os, "O_NONBLOCK", 0)


class _NoKeyring:
    """A machine without a keyring: a pretended one, if nothing else is said."""

    def get(self, item: SecretItem) -> Secret | None:  # noqa: ARG002 - the protocol's signature
        return None

    def set(self, item: SecretItem, secret: Secret) -> None:  # noqa: ARG002 - the protocol's signature
        raise ProvisionError("There is no keyring here.", "Unlock or install one.", code="keyring.none")

    def delete(self, item: SecretItem) -> None: ...

    def vet(self, item: SecretItem) -> None: ...


@dataclass(frozen=True)
class Host:
    """The machine as a client module sees it. `platform` is `linux`, `darwin` or `win32`."""

    home: Path
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    platform: str = "linux"
    name: str = "localhost"
    root: Path = Path("/")
    secrets: SecretStore = field(default_factory=_NoKeyring, repr=False)
    """The system's keyring, and the other stores that an item may name."""
    hooks: Callable[[str], Printed] | None = field(default=None, repr=False)
    """What a command prints by which clients read a password; None: nothing is started here (pretended)."""

    @classmethod
    def current(cls) -> Host:
        """The machine we run on.

        Raises UsageError for a home that is not UTF-8 text (`home.encoding`) or depends on the working
        directory (`home.relative`): what receipts and configurations say of it would be wrong elsewhere.
        """
        home = Path.home()
        if not home.is_absolute():
            raise UsageError(
                f"HOME is {str(home)!r}, which is another place in every directory.",
                "Set HOME to a path that begins with /, then run the command again.",
                code="home.relative",
            )
        try:
            str(home).encode()
        except UnicodeEncodeError:
            raise UsageError(
                "The path of your home directory is not valid UTF-8, so it cannot be written to any file.",
                "Run the command with HOME set to a name in plain letters that leads there.",
                code="home.encoding",
            ) from None
        name = (platform_module.node() or socket.gethostname() or "this computer").split(".")[0]
        env = dict(os.environ)
        store = ChosenStore(sys.platform, env)
        return cls(home=home, env=env, platform=sys.platform, name=name, secrets=store, hooks=Hooks(env))

    def system(self, path: str) -> Path:
        """An absolute system path, below `root`."""
        return self.root / path.lstrip("/")

    def env_dir(self, variable: str, default: Path) -> Path:
        """The directory that an environment variable names if it is absolute (XDG rule), else `default`."""
        value = self.env.get(variable, "")
        return Path(value) if value and Path(value).is_absolute() else default

    @property
    def config_dir(self) -> Path:
        """Where the user keeps provider profiles of their own (`profiles/*.yaml`)."""
        if self.platform == "darwin":
            return self.home / "Library/Application Support/provisioner"
        if self.platform == "win32":
            return self.env_dir("APPDATA", self.home / "AppData/Roaming") / "provisioner"
        return self.env_dir("XDG_CONFIG_HOME", self.home / ".config") / "provisioner"

    @property
    def state_dir(self) -> Path:
        """Where receipts and backups are kept (never a secret)."""
        if self.platform == "darwin":
            return self.home / "Library/Application Support/provisioner"
        if self.platform == "win32":
            return self.env_dir("LOCALAPPDATA", self.home / "AppData/Local") / "provisioner"
        return self.env_dir("XDG_STATE_HOME", self.home / ".local/state") / "provisioner"

    def which(self, command: str) -> Path | None:
        """The program that `command` would start, links resolved."""
        found = shutil.which(command, path=self.env.get("PATH", ""))
        return Path(found).resolve() if found else None

    def output(self, command: str, *arguments: str) -> str:
        """What an installed program prints about itself, such as its version; empty if that fails.

        It is given no input, no terminal and little time.
        """
        program = self.which(command)
        if program is None:
            return ""
        try:
            done = subprocess.run(
                [program, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={**self.env, "LC_ALL": "C"},
                timeout=ANSWER_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return done.stdout[:MAX_OUTPUT].decode("utf-8", "replace")

    def read(self, path: Path) -> bytes | None:
        """The content of a regular file, None if there is none.

        Raises Conflict for what is there but is not a readable regular file.
        """
        try:
            # Opening a named pipe would wait for its writer, perhaps for ever.
            with open(path, "rb", opener=lambda name, flags: os.open(name, flags | _AT_ONCE)) as file:
                info = os.fstat(file.fileno())
                if not stat.S_ISREG(info.st_mode):
                    raise _not_a_file(path)
                if info.st_size > MAX_FILE:
                    raise Conflict(f"{path} is too large to be what it should be.", "Look at it first.")
                return file.read()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except IsADirectoryError:
            raise Conflict(f"{path} is a directory, not a file.", "Move it away and run again.") from None
        except OSError as error:
            if error.errno == errno.ENXIO:  # a socket, or a device that is not there
                raise _not_a_file(path) from None
            raise Conflict(
                f"{path} cannot be read: {error.strerror}.",
                "Check its permissions and its owner.",
                code="file.unreadable",
            ) from None


def _not_a_file(path: Path) -> Conflict:
    return Conflict(f"{path} is not a regular file.", "Move it away and run the command again.")
