"""check --all: what each client has stored, of all that was set up here."""

from __future__ import annotations

from provisioner import clients
from provisioner.clients.base import Options, asks
from provisioner.errors import ProvisionError
from provisioner.model import Support
from provisioner.receipt import Receipt, ReceiptState
from provisioner.secret import Secret
from provisioner.workflows import working
from provisioner.workflows.context import Context, at_receipt
from provisioner.workflows.drift import Finding, look
from provisioner.workflows.login import Login
from provisioner.workflows.many import failing
from provisioner.workflows.status import join, stored_login
from provisioner.workflows.turns import Attempt


def stored_everywhere(context: Context, options: Options) -> list[Attempt]:
    """What each client has stored, of all that was set up here; each password once.

    A password that cannot be read is a failure. Clients that keep it elsewhere are not looked at: what was
    handed over to be imported, and what asks for it.
    """
    found: list[tuple[Login, Secret]] = []
    lost: list[Attempt] = []
    for receipt in context.journal.readable():
        if receipt.state is not ReceiptState.DONE or not working.has_password(receipt):
            continue
        _, finding = look(context, receipt, at_receipt(options, receipt), login=True)
        if finding.secret:
            join(found, stored_login(context, receipt), finding.secret)
        elif not _elsewhere(receipt.client):
            lost.append(_lost(context, receipt, finding))
    return [*(Attempt.having(*one) for one in found), *lost]


def _elsewhere(client_id: str) -> bool:
    if client_id not in clients.CLIENT_IDS:
        return False
    client = clients.get(client_id)
    return client.SUPPORT is Support.IMPORT or asks(client)


def _lost(context: Context, receipt: Receipt, finding: Finding) -> Attempt:
    error = ProvisionError(f"{receipt.client}: {finding.message}", finding.next, code=finding.code)
    error.exit_code = finding.exit_code or error.exit_code
    return Attempt(stored_login(context, receipt), failing(error))
