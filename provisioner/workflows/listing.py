"""clients and providers: what is supported, how far, and what was found on this machine."""

from __future__ import annotations

from provisioner import clients
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
        context.report.add(
            ProviderRow(
                provider=provider.id,
                title=provider.name,
                domains=provider.domains,
                imap=f"{provider.imap.host}:{provider.imap.port} {provider.imap.security}",
                smtp=f"{provider.smtp.host}:{provider.smtp.port} {provider.smtp.security}",
                password=password,
            )
        )
