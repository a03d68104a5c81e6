"""export: render what another device needs, and touch nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from provisioner import atomic, clients
from provisioner.accounts import Wish
from provisioner.clients.base import ExportFile, Options, no_export
from provisioner.errors import ProvisionError, UsageError
from provisioner.report import ExportRow
from provisioner.workflows.context import AskPassword, Context, ask_app_password, find_candidate


def export(
    context: Context,
    wish: Wish,
    client_id: str,
    output: str | None,
    ask: AskPassword | None,
    options: Options,
    *,
    force: bool = False,
    profile_file: str | None = None,
) -> None:
    """Writes the file to `output` (a file, a directory, `-` or None for standard output).

    `ask` is given when the password goes into the file, which is then 0600 and never standard output.
    Raises UsageError for a file that exists (unless `force`), ProvisionError if it cannot be written.
    """
    client = clients.get(client_id)
    if client.export is no_export:
        raise UsageError(
            f"{client.TITLE} cannot be set up by a file.",
            f"Set it up on the computer itself: provisioner setup {wish.address} {client.ID}",
            code="client.no_export",
        )
    candidate = find_candidate(context, wish, profile_file)
    to_file = output is not None and output != "-"
    if ask and not to_file:
        raise UsageError(
            "A file with the password inside is not printed.",
            "Say where to write it: --with-password -o FILE",
            code="export.needs_file",
        )
    account = candidate.account()
    # Without the password first: the name, and all that can be wrong, are known before it is asked for.
    rendered = client.export(account, None, options)
    target = _target(Path(output), rendered.name, force=force) if output and to_file else None
    if ask:
        rendered = client.export(account, ask_app_password(context, candidate.provider, ask), options)
    if target:
        _write(target, rendered, force=force)
    if target and ask:
        context.ui.warn(
            f"{target} contains the password in clear. Delete it, also from Downloads and backups, "
            "as soon as it is installed."
        )
    context.report.add(
        ExportRow(
            client=client.ID,
            path=str(target or ""),
            next=rendered.next,
            with_password=ask is not None,
            content="" if target else rendered.content.decode("utf-8"),
        )
    )


def _target(path: Path, name: str, *, force: bool) -> Path:
    if path.is_dir():
        path /= name
    elif not path.parent.is_dir():
        raise UsageError(
            f"The directory {path.parent} does not exist.",
            "Make it, or choose another.",
            code="file.no_directory",
        )
    taken = os.path.lexists(path)
    if taken and not force:
        raise _exists(path)
    if taken and not path.is_symlink() and not path.is_file():
        raise UsageError(f"{path} is not a regular file.", "Choose another name.", code="file.not_regular")
    return path


def _write(path: Path, rendered: ExportFile, *, force: bool) -> None:
    try:
        atomic.write_new(path, rendered.content, mode=0o600, replace=force)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        raise ProvisionError(
            f"{path} cannot be written: {error.strerror}.", "Choose another place.", code="file.unwritable"
        ) from None


def _exists(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists already.", "Choose another name, or add --force to replace it.", code="file.exists"
    )
