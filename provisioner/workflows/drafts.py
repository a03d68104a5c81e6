"""What an export that was stopped half-way has left: a file with the password in clear."""

from __future__ import annotations

import os

from provisioner.errors import Conflict
from provisioner.report import State, StatusRow
from provisioner.workflows.context import Context


def rows(context: Context, address: str | None) -> list[StatusRow]:
    """A row for each that is still there, of one address if given. Raises Conflict (`state.unsafe`)."""
    return [
        StatusRow(
            address=draft.address,
            client=draft.client,
            title=draft.client,
            path=draft.path,
            provider="",
            label="",
            created=draft.created,
            updated=draft.created,
            rotated="",
            state=State.UNFINISHED,
            message="an export was stopped half-way; this file may hold the password",
            next="The next setup, rotate, remove or export --with-password deletes it.",
            ok=False,
            exit_code=Conflict.exit_code,
        )
        for draft in context.journal.drafts()
        if address is None or draft.address.lower() == address.lower()
        if os.path.lexists(draft.path)
    ]
