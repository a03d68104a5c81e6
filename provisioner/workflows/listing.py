"""clients and providers: what is supported, how far, and what was found on this machine."""

from __future__ import annotations

from provisioner import clients
from provisioner.model import ServerProfile
from provisioner.providers import load_all
from provisioner.report import ProviderRow, SupportRow
from provisioner.workflows.context import Context


def list_clients(context: Context) -> None:
    """A row for each supported client."""
    for client in map(clients.get, clients.CLIENT_IDS):
        found = tuple(f"{one.title} {one.version}".strip() for one in client.detect(context.host))
        context.report.add(SupportRow(client.ID, client.TITLE, client.SUPPORT.value, found))


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
