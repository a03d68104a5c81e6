"""Programs that search the mail which another one fetches into ~/Mail."""

from __future__ import annotations

from pathlib import Path

from provisioner.clients.base import Options
from provisioner.clients.common import keeper
from provisioner.errors import Conflict
from provisioner.host import Host
from provisioner.model import Account
from provisioner.steps import ours


def refuse_elsewhere(host: Host, account: Account, title: str, root: Path | None, hint: str) -> None:
    """Raises Conflict (`mail.elsewhere`) if the user's database, about the mail in `root`, would never see
    the account's."""
    mail = host.home / "Mail"
    if root is not None and not mail.resolve().is_relative_to(root.resolve()):
        raise Conflict(
            f"{title} searches the mail in {root}, and {account.address} is fetched into {mail}.",
            hint,
            code="mail.elsewhere",
        )


def stays(title: str, database: Path | None) -> tuple[str, ...]:
    """What is said when the account goes; None: there is no database."""
    return (
        (f"{title}'s database, {database}, is as it was: what it found of the mail stays in it.",)
        if database
        else ()
    )


def nothing_fetched(host: Host, account: Account, options: Options) -> tuple[str, ...]:
    """A note if there is no mail yet, and nothing set up with it that fetches any."""
    if keeper.has_mail(host.home / "Mail") or "mbsync" in options.beside:
        return ()
    return (f"No mail is in ~/Mail yet; to fetch it:{ours('setup', account.address, 'mbsync')}",)
