"""Entries of `pass`, the standard Unix password manager (https://www.passwordstore.org, pass(1)).

Only the program itself is used, so hooks, extensions and git of the user's store work as always.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from provisioner.errors import Conflict, ProvisionError
from provisioner.items import SecretItem
from provisioner.secret import Secret
from provisioner.stores import captured


def entry(item: SecretItem) -> str:
    """The name of the item's entry: `provisioner/jane@icloud.com`."""
    attributes = dict(item.attributes)
    name = quote(attributes["username"], safe="@+=&!#$'*")
    return f"{attributes['service']}/{name}"


class PassStore:
    """The entries, as a SecretStore. The password is the first line that is not empty.

    Raises ProvisionError: `keyring.none` (no `pass`, or its store is not initialised), `keyring.failed`;
    Conflict: `keyring.locked` (gpg does not decrypt).
    """

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        home = Path(env.get("HOME", "/nonexistent"))
        self._directory = Path(env.get("PASSWORD_STORE_DIR") or home / ".password-store")

    def get(self, item: SecretItem) -> Secret | None:
        self._require()
        name = entry(item)
        if not (self._directory / f"{name}.gpg").is_file():
            return None
        code, output = self._run("show", name)
        if code != 0:
            raise Conflict(
                f"gpg does not decrypt {name} of your password store.",
                f"Run `pass show {name}` in a terminal, which asks for the passphrase of your key; then run "
                "this again. Without a screen or a terminal, gpg-agent must have been given it before.",
                code="keyring.locked",
            )
        lines = output.decode("utf-8", "replace").split("\n")
        return Secret(next((line for line in lines if line), ""))

    def set(self, item: SecretItem, secret: Secret) -> None:
        """Inserts or replaces the entry, the password on standard input; what was written is read back."""
        self._require()
        name = entry(item)
        code, _ = self._run("insert", "--multiline", "--force", name, text=secret.reveal() + "\n")
        if code != 0:
            raise ProvisionError(
                f"pass could not insert {name}.",
                f"Run `pass insert {name}` in a terminal: it says why, such as a key that has expired.",
                code="keyring.failed",
            )
        if self.get(item) != secret:
            raise ProvisionError(
                f"pass does not give back the password that was stored in {name}.",
                f"Look at it with `pass show {name}`.",
                code="keyring.failed",
            )

    def delete(self, item: SecretItem) -> None:
        self._require()
        name = entry(item)
        if (self._directory / f"{name}.gpg").is_file() and self._run("rm", "--force", name)[0] != 0:
            raise ProvisionError(
                f"pass could not remove {name}.", f"Run `pass rm {name}` to see why.", code="keyring.failed"
            )

    def vet(self, item: SecretItem) -> None: ...

    def _require(self) -> None:
        path = self._env.get("PATH", "")
        if not any(os.access(Path(place) / "pass", os.X_OK) for place in path.split(os.pathsep) if place):
            raise ProvisionError(
                "The program `pass` is not installed here.",
                "Install your system's package `pass`, or choose another --password-store.",
                code="keyring.none",
            )
        places = (self._directory, self._directory / "provisioner")
        if not any((place / ".gpg-id").is_file() for place in places):
            raise ProvisionError(
                f"Your password store {self._directory} is not initialised.",
                "Make a key with `gpg --full-generate-key` if you have none, then run `pass init KEY`.",
                code="keyring.none",
            )

    def _run(self, *arguments: str, text: str = "") -> tuple[int, bytes]:
        return captured.run(["pass", *arguments], self._env, text)
