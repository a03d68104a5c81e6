"""imapclient over a dialogue that has begun: all of it works once a login has succeeded."""

from __future__ import annotations

from imapclient import IMAPClient

from provisioner.check.dialogue import Dialogue


class Client(IMAPClient):  # type: ignore[misc]
    """imapclient's own, without a connection of its own."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        super().__init__("")
        self._imap.debug = 0  # imapclient logs every command

    def _create_IMAP4(self) -> Dialogue:
        return self._dialogue

    def _set_read_timeout(self) -> None:
        """The wire has its own."""
