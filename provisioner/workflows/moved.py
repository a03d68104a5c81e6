"""The place that a receipt names is gone: a home that was moved, a disk that is not there."""

from __future__ import annotations

from pathlib import Path

from provisioner.errors import Conflict
from provisioner.receipt import Receipt
from provisioner.workflows.context import Context


def refuse(context: Context, receipt: Receipt) -> None:
    """Raises Conflict (`receipt.moved`) if the place is neither there nor below the home we run in."""
    where, home = Path(receipt.where), context.host.home
    if exists(where) or where.is_relative_to(home) or where.is_relative_to(_resolved(home)):
        return
    copy = _copy_below_home(context, receipt)
    raise Conflict(
        f"{receipt.address} was set up in {where}, which is not there; your home is {home} now.",
        (f"If your home was moved, look at {copy}: the account may stand there. " if copy else "")
        + "If that disk or directory can be brought back, do that and run the command again.",
        code="receipt.moved",
    )


def left(context: Context, receipt: Receipt) -> tuple[str, ...]:
    """What is said where our memory is all that can be changed: what stays, and where."""
    paths = [record.path for record in receipt.files if exists(Path(record.path))]
    notes = [f"Left as it is: {path}" for path in paths]
    if not paths:
        notes.append("None of the files that were written is there any more.")
    if copy := _copy_below_home(context, receipt):
        notes.append(
            f"{copy} may be a copy from your old home: take {receipt.address} out of it by hand, or set the "
            "account up again first, then remove it."
        )
    return tuple(notes)


def _copy_below_home(context: Context, receipt: Receipt) -> Path | None:
    """What lies below our home where the receipt's place lay below another one, by the longest match."""
    parts = Path(receipt.where).parts[1:]
    home = context.host.home
    if Path(receipt.where).is_relative_to(home):
        return None
    tails = (home.joinpath(*parts[start:]) for start in range(len(parts)))
    return next((path for path in tails if exists(path)), None)


def exists(path: Path) -> bool:
    """Something is there, or cannot be looked at, so that we cannot say that it is gone."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # a loop of links
        return path
