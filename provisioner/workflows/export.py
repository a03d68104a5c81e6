"""export: render what another device needs, and touch nothing else."""

from __future__ import annotations

import os
import secrets
from contextlib import nullcontext
from pathlib import Path

from provisioner import atomic, exports
from provisioner.accounts import Wish
from provisioner.clients.base import FILE, ExportFile, Options
from provisioner.errors import ProvisionError, UsageError
from provisioner.exports.base import Export, Holds
from provisioner.report import ExportRow
from provisioner.steps import ours
from provisioner.workflows.context import AskPassword, Context, ask_app_password, find_candidate
from provisioner.workflows.listing import list_exports


def export(
    context: Context,
    wish: Wish,
    what: str | None,
    output: str | None,
    ask: AskPassword | None,
    options: Options,
    *,
    force: bool = False,
    profile_file: str | None = None,
) -> None:
    """Makes `what`, an export or a client's file, and writes it to `output` (a file, a directory, `-` or
    None for standard output). Without `what`, lists what there is.

    `ask` is given when the password goes in. It is then in a 0600 file or on a terminal, as the export
    allows. Raises UsageError for a file that exists (unless `force`), ProvisionError if it cannot be written.
    """
    if what is None:
        if output or ask:
            raise UsageError(
                "It is not said what to export.",
                f"See what there is:{ours('export', wish.address)}",
            )
        return list_exports(context, wish.address)
    made = exports.get(what, wish.address)
    to_file = output is not None and output != "-"
    _refuse_place(context, made, with_password=ask is not None, to_file=to_file)
    candidate = find_candidate(context, wish, profile_file)
    account = candidate.account()
    # Without the password first: the name, and all that can be wrong, are known before it is asked for.
    rendered = made.export(account, None, options)
    target = _target(Path(output), rendered.name, force=force) if output and to_file else None
    if ask:
        rendered = made.export(account, ask_app_password(context, candidate.provider, ask), options)
    if target:
        drafting = context.journal.drafting(target, account.address, made.ID)
        with drafting if ask else nullcontext(secrets.token_hex(4)) as tag:
            _write(target, rendered, tag, force=force)
    if target and ask:
        context.ui.warn(
            f"{target} contains the password in clear. Delete it, also from Downloads and backups, "
            "as soon as it is installed."
        )
    context.report.add(
        ExportRow(
            client=made.ID,
            path=str(target or ""),
            next=rendered.next.replace(FILE, target.name if target else rendered.name),
            with_password=ask is not None,
            content="" if target else rendered.content.decode("utf-8"),
            drawing=rendered.drawing,
        )
    )
    return None


def _refuse_place(context: Context, made: Export, *, with_password: bool, to_file: bool) -> None:
    """Raises UsageError for a password where it may not be, and for a file that must not be."""
    if made.HOLDS is Holds.SCREEN and to_file:
        raise UsageError(
            f"{made.TITLE} takes a code that is only shown, never written to a file.",
            "Leave -o out and run it on a terminal.",
            code="export.screen_only",
        )
    if not with_password:
        return
    if made.HOLDS is Holds.NEVER:
        raise UsageError(
            f"{made.TITLE}: this format has no place for a password.",
            "Leave --with-password out; the client asks for it.",
            code="export.no_password",
        )
    if made.HOLDS is Holds.FILE and not to_file:
        raise UsageError(
            "A file with the password inside is not printed.",
            "Say where to write it: --with-password -o FILE",
            code="export.needs_file",
        )
    if made.HOLDS is not Holds.FILE and not to_file and not context.ui.on_screen:
        either = made.HOLDS is Holds.EITHER
        raise UsageError(
            "The password is shown on a terminal only, and this is none.",
            "Run it on a terminal" + (", or write a file: --with-password -o FILE" if either else "."),
            code="export.needs_terminal",
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


def _write(path: Path, rendered: ExportFile, tag: str, *, force: bool) -> None:
    try:
        atomic.write_new(path, rendered.content, mode=0o600, replace=force, tag=tag)
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
