"""clients and providers: what is supported, how far, and what was found on this machine."""

from __future__ import annotations

import dataclasses

from provisioner import clients
from provisioner.clients.base import About
from provisioner.model import ServerProfile
from provisioner.providers import load_all
from provisioner.report import ProviderRow, SupportRow
from provisioner.workflows.context import Context


def list_clients(context: Context) -> None:
    """A row for each supported client."""
    for client in map(clients.get, clients.CLIENT_IDS):
        found = tuple(f"{one.title} {one.version}".strip() for one in client.detect(context.host))
        about = dataclasses.asdict(client.ABOUT)
        del about["holds_password"]  # what is stored where says so
        context.report.add(SupportRow(client.ID, client.TITLE, client.SUPPORT.value, found, **about))
    context.report.next = "\n".join(f"Several at once: {line}" for line in _bundles())


def _bundles() -> list[str]:
    return [f"{name} ({', '.join(parts)})" for name, parts in clients.BUNDLES.items()]


def clients_page() -> str:
    """docs/clients.md, which `make docs` writes."""
    rows = [
        (client.ID, client.TITLE, client.ABOUT.versions, client.SUPPORT.value, *_where_and_how(client.ABOUT))
        for client in map(clients.get, clients.CLIENT_IDS)
    ]
    table = "".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |\n" for row in rows)
    return _PAGE + table + "".join(f"\nSeveral at once: {line}\n" for line in _bundles())


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
_PAGE = f"""# Mail clients

Made by `make docs` from what the clients' modules say of themselves; `provisioner clients` shows the same.

`full`: account and password, works at the next start. `config`: the client asks for the password once.
`import`: a file that you open. `guide`: exact steps, no file can do it.

| {" | ".join(_COLUMNS)} |
{"|---" * len(_COLUMNS)}|
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
