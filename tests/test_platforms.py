"""Terminal clients on other systems, pretended: the same dotfiles on macOS; on Windows what there is."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from provisioner import clients
from provisioner.clients import curl, emacs, git_send_email
from provisioner.clients.base import NOTHING, Client, Options
from provisioner.clients.common import hook
from provisioner.errors import UsageError
from provisioner.host import Host
from provisioner.secret import Secret
from tests.clients.machines import MACHINES
from tests.export_samples import ICLOUD

OWN_PLACES = {"thunderbird", "apple-mail", "aerc", "vdirsyncer", "khal", "khard", "mpop"}
"""Their places on each system are in their own tests; four need servers that not all accounts have."""
FRESH = [
    name
    for name, (client, _) in MACHINES.items()
    if name.endswith("-fresh")
    and client not in OWN_PLACES
    # Others have a store of their own, or are programs of Linux.
    and clients.get(client).ABOUT.stored in (hook.STORED, NOTHING)
]


def places(client: Client, host: Host) -> tuple[list[str], list[Path]]:
    """Where the client was found, and the files that a plan would write."""
    plan = client.plan(host, ICLOUD, Secret("pass-word"), Options())
    return [one.where for one in client.detect(host)], [change.path for change in plan.changes]


@pytest.mark.parametrize("name", FRESH)
def test_macos_has_the_same_dotfiles(name: str, tmp_path: Path) -> None:
    client_id, make = MACHINES[name]
    host = make(tmp_path).host
    here = places(clients.get(client_id), host)
    assert here[0]
    assert here[1]
    mac = dataclasses.replace(host, platform="darwin")
    assert places(clients.get(client_id), mac) == here
    plan = clients.get(client_id).plan(mac, ICLOUD, Secret("pass-word"), Options())
    written = b"".join(change.after or b"" for change in plan.changes)
    asks = clients.get(client_id).ABOUT.holds_password
    assert (b"/usr/bin/security" in written) == asks
    assert b"secret-tool" not in written


def windows(name: str, tmp_path: Path, **env: str) -> Host:
    host = MACHINES[name][1](tmp_path).host
    return dataclasses.replace(host, platform="win32", env={**host.env, **env})


def test_git_on_windows(tmp_path: Path) -> None:
    """Its home is USERPROFILE, which is Python's, too (git-config(1), FILES)."""
    host = windows("git-send-email-fresh", tmp_path)
    (found,) = git_send_email.detect(host)
    assert found.where == str(host.home / ".gitconfig")
    (host.home / ".config/git").mkdir(parents=True, exist_ok=True)
    (host.home / ".config/git/config").write_text("[user]\n\tname = Jane\n")
    (found,) = git_send_email.detect(host)
    assert found.where == str(host.home / ".config/git/config")


def test_emacs_on_windows(tmp_path: Path) -> None:
    host = windows("emacs-fresh", tmp_path, APPDATA=str(tmp_path / "app"))
    host = dataclasses.replace(host, env={**host.env, "HOME": ""})
    (found,) = emacs.detect(host)
    assert found.where == str(tmp_path / "app/.emacs.d/init.el")
    (tmp_path / "bin/keyring").write_text("#!/bin/sh\n")
    (tmp_path / "bin/keyring").chmod(0o755)
    own, init = emacs.plan(host, ICLOUD, Secret("x"), Options()).changes
    assert f'"{own.path}"' in (init.after or b"").decode(), "`~` would be another directory there"
    (tmp_path / "app/.config/emacs").mkdir(parents=True)
    (found,) = emacs.detect(host)
    assert found.where == str(tmp_path / "app/.config/emacs/init.el")
    (found,) = emacs.detect(dataclasses.replace(host, env={**host.env, "HOME": str(tmp_path / "h")}))
    assert found.where == str(tmp_path / "h/.emacs.d/init.el"), "HOME comes first where it is set"


def test_curl_on_windows_has_no_shell_for_its_script(tmp_path: Path) -> None:
    host = windows("curl-fresh", tmp_path)
    assert curl.detect(host) == ()
    with pytest.raises(UsageError) as caught:
        curl.plan(host, ICLOUD, Secret("x"), Options())
    assert caught.value.code == "client.not_here"
