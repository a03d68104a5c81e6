"""export: render what another device needs, and touch nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from provisioner import atomic, clients
from provisioner.accounts import Wish
from provisioner.clients.base import Options
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
    candidate = find_candidate(context, wish, profile_file)
    to_file = output is not None and output != "-"
    if ask and not to_file:
        raise UsageError(
            "A file with the password inside is not printed.",
            "Say where to write it: --with-password -o FILE",
            code="export.needs_file",
        )
    target = _target(Path(output), force) if output and to_file else None
    secret = ask_app_password(context, candidate.provider, ask) if ask else None
    rendered = client.export(candidate.account(), secret, options)
    path = ""
    if target:
        target = target / rendered.name if target.is_dir() else target
        if target.exists() and not force:
            raise _exists(target)
        try:
            atomic.write(target, rendered.content, mode=0o600, tag=f"export-{os.getpid()}")
        except OSError as error:
            raise ProvisionError(
                f"{target} cannot be written: {error.strerror}.",
                "Choose another place.",
                code="file.unwritable",
            ) from None
        path = str(target)
        if secret:
            context.ui.warn(
                f"{target} contains the password in clear. Delete it, also from Downloads and backups, "
                "as soon as it is installed."
            )
    context.report.add(
        ExportRow(
            client=client.ID,
            path=path,
            next=rendered.next,
            with_password=secret is not None,
            content="" if target else rendered.content.decode("utf-8"),
        )
    )


def _target(path: Path, force: bool) -> Path:
    if path.is_dir():
        return path
    if not path.parent.is_dir():
        raise UsageError(
            f"The directory {path.parent} does not exist.",
            "Make it, or choose another.",
            code="file.no_directory",
        )
    if (path.exists() or path.is_symlink()) and not force:
        raise _exists(path)
    return path


def _exists(path: Path) -> UsageError:
    return UsageError(
        f"{path} exists already.", "Choose another name, or add --force to replace it.", code="file.exists"
    )
