"""clients and providers: what is supported, how far, and what was found on this machine."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Sequence

from provisioner import clients, exports
from provisioner.accounts import parse_address
from provisioner.clients.base import About, Client
from provisioner.errors import UsageError
from provisioner.exports.base import Export
from provisioner.model import Installation, ServerProfile
from provisioner.providers import load_all
from provisioner.report import ProviderRow, SupportRow
from provisioner.steps import ours
from provisioner.workflows.context import Context


def list_clients(context: Context, names: Sequence[str] = ()) -> None:
    """A row for each supported client, then one for each export; or for those that are named.

    Raises UsageError (`export.unknown`) for a name that is neither.
    """
    wanted = [name.lower() for name in clients.expand(names)] or [*clients.CLIENT_IDS, *exports.EXPORT_IDS]
    for name in wanted:
        if name in clients.CLIENT_IDS:
            client = clients.get(name)
            context.report.add(_row(client, client.detect(context.host)))
        else:
            context.report.add(_row(exports.get(name), (), exported=True))
    if not names:
        context.report.next = "\n".join(
            [
                _GRADES,
                *(f"Several at once: {line}" for line in _bundles()),
                f"More of one, such as where its password goes:{ours('clients', 'NAME')}",
            ]
        )


def list_exports(context: Context, address: str) -> None:
    """A row for each thing that `export` makes: of clients, too, if they take a file.

    Raises UsageError for what is no address.
    """
    local, domain = parse_address(address)
    for name in (*clients.CLIENT_IDS, *exports.EXPORT_IDS):
        with contextlib.suppress(UsageError):  # a client that no file can set up
            context.report.add(_row(exports.get(name), (), exported=True))
    context.report.next = f"To make one of them:{ours('export', f'{local}@{domain}', 'WHAT')}"


def _row(entry: Client | Export, found: Sequence[Installation], *, exported: bool = False) -> SupportRow:
    about = dataclasses.asdict(entry.ABOUT)
    # What is stored where, and where the account goes, say so.
    del about["holds_password"], about["served_by"], about["works_by"], about["needs"]
    return SupportRow(
        entry.ID,
        entry.TITLE,
        entry.SUPPORT.value,
        tuple(f"{one.title} {one.version}".strip() for one in found),
        **about,
        exported=exported,
        where=tuple(one.where for one in found),
    )


def _bundles() -> list[str]:
    return [f"{name} ({', '.join(parts)})" for name, parts in clients.BUNDLES.items()]


def clients_page() -> str:
    """docs/clients.md, which `make docs` writes."""
    known, made = map(clients.get, clients.CLIENT_IDS), map(exports.get, exports.EXPORT_IDS)
    bundles = "".join(f"\nSeveral at once: {line}\n" for line in _bundles())
    return _PAGE + _table(known) + bundles + _EXPORTS + _table(made)


def _table(entries: Iterable[Client | Export]) -> str:
    rows = (
        (entry.ID, entry.TITLE, entry.ABOUT.versions, entry.SUPPORT.value, *_where_and_how(entry.ABOUT))
        for entry in entries
    )
    return _HEAD + "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)


def _where_and_how(about: About) -> tuple[str, str, str]:
    return about.account, about.stored, f"{about.proof} ({about.proven})"


_COLUMNS = (
    "ID",
    "client",
    "versions",
    "support",
    "where the account goes",
    "where the password goes",
    "how it is proven, and when",
)
_HEAD = f"""| {" | ".join(_COLUMNS)} |
{"|---" * len(_COLUMNS)}|
"""
_GRADES = (
    "full: account and password, works at the next start; config: the client asks for the password once; "
    "import: a file that you open; guide: exact steps, no file can do it."
)
_PAGE = """# Mail clients

Made by `make docs` from what the clients' modules say of themselves; `provisioner clients -v` shows the same.

`full`: account and password, works at the next start. `config`: the client asks for the password once.
`import`: a file that you open. `guide`: exact steps, no file can do it.

"""
_EXPORTS = """
## Exports

For other devices and for administrators: `provisioner export EMAIL ID`, as for `apple-mail` above.

"""


def list_providers(context: Context) -> None:
    """A row for each provider profile, the user's own included."""
    for provider in load_all(context.host).values():
        password = provider.app_password.term if provider.app_password else "mailbox password"
        if provider.refusal:
            password = "none: " + provider.refusal.reason
        context.report.add(
            ProviderRow(
                provider=provider.id,
                title=provider.name,
                domains=provider.domains,
                imap=_server(provider.imap),
                smtp=_server(provider.smtp),
                password=password,
            )
        )


def _server(server: ServerProfile | None) -> str:
    return f"{server.host}:{server.port} {server.security}" if server else ""
