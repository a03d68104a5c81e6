"""A card: every field that a client asks for, in its own order and words, with the account's values.

For clients that no file can configure. A card is data, templates/card/ID.yaml; `source` names where the
client's words were found.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from enum import StrEnum
from functools import partial

import msgspec

from provisioner.clients.base import About, ExportFile, Options
from provisioner.exports.base import Holds, Made
from provisioner.model import Account, Security, Server, Strict, Support
from provisioner.quoting.base import one_line
from provisioner.resources import data_dir
from provisioner.secret import Secret

WIDTH = 78
LABEL = 40
"""Characters: a longer label has its line for itself, and does not move the values to the right."""


class Value(StrEnum):
    """What of the account stands in a field; `_values` has them in the same order."""

    ADDRESS = "address"
    NAME = "name"
    TITLE = "title"
    PASSWORD = "password"  # noqa: S105 - the name of a field
    IMAP_HOST = "imap-host"
    IMAP_PORT = "imap-port"
    IMAP_HOST_AND_PORT = "imap-host-and-port"
    IMAP_SECURITY = "imap-security"
    IMAP_USER = "imap-user"
    SMTP_HOST = "smtp-host"
    SMTP_PORT = "smtp-port"
    SMTP_HOST_AND_PORT = "smtp-host-and-port"
    SMTP_SECURITY = "smtp-security"
    SMTP_USER = "smtp-user"


class Field(Strict, frozen=True):
    """One field: either a `value` of the account or the same `text` for everybody."""

    label: str
    value: Value | None = None
    text: str = ""


class Page(Strict, frozen=True):
    title: str
    fields: tuple[Field, ...]


class Card(Strict, frozen=True):
    """A client's card. `words` are the client's for the two kinds of encryption."""

    title: str
    where: str
    pages: tuple[Page, ...]
    words: dict[Security, str]
    source: str
    """Where the client's words were found; `none found; the usual words` if nowhere."""
    notes: tuple[str, ...] = ()

    @property
    def usual_words(self) -> bool:
        """Some words are those of most clients, for no source says what this one calls the fields."""
        return "usual" in self.source


def read(card_id: str) -> Card:
    """The card's data. The file is one of ours: an invalid one is a bug."""
    return msgspec.yaml.decode((data_dir("templates") / "card" / f"{card_id}.yaml").read_bytes(), type=Card)


def load(card_id: str) -> Made:
    """The export that makes this card."""
    card = read(card_id)
    return Made(
        ID=card_id,
        TITLE=card.title,
        SUPPORT=Support.GUIDE,
        ABOUT=About(
            versions="words may differ between versions",
            account="a card with every field, that you type in",
            stored="the client; on the card only with --with-password, on a terminal or in a 0600 file",
            proof=f"not run; words of the fields: {card.source}",
            proven="2026-11-23",
        ),
        HOLDS=Holds.EITHER,
        export=partial(_export, card_id, card),
    )


def _export(
    card_id: str, card: Card, account: Account, secret: Secret | None, _options: Options
) -> ExportFile:
    """The card as text. Raises UsageError (`value.unwritable`) for a value of more than one line."""
    next_step = "Type in what the card says, from top to bottom."
    if card.usual_words:
        next_step += " The client may call some fields otherwise: these are the usual words."
    if secret:
        next_step += " The password is on it: destroy it, or clear the terminal, when you have done so."
    return ExportFile(name=f"{card_id}.txt", content=_text(card, account, secret).encode(), next=next_step)


def _text(card: Card, account: Account, secret: Secret | None) -> str:
    values = _values(card, account, secret)
    labels = [field.label for page in card.pages for field in page.fields]
    column = max((len(label) for label in labels if len(label) <= LABEL), default=0) + 2
    lines = [f"{account.address} in {card.title}", "", *_folded(f"Where: {card.where}")]
    for page in card.pages:
        lines += ["", page.title, "-" * len(page.title)]
        for field in page.fields:
            value = field.text if field.value is None else one_line(values[field.value], card.title)
            lines += _row(f"{field.label}:", value, column)
    for note in card.notes:
        lines += ["", *_folded(note)]
    return "\n".join(lines) + "\n"


def _row(label: str, value: str, column: int) -> list[str]:
    """The value at `column`, or on a line of its own: it is copied, so it is never folded."""
    if column + len(value) > WIDTH:
        return [label, f"  {value}"]
    return [f"{label:<{column}}{value}"] if len(label) < column else [label, " " * column + value]


def _values(card: Card, account: Account, secret: Secret | None) -> Mapping[Value, str]:
    def of(server: Server) -> tuple[str, ...]:
        security = card.words[server.security]
        return server.host, str(server.port), f"{server.host}:{server.port}", security, server.username

    own = (
        account.address,
        account.display_name or "(your name)",
        account.title,
        secret.reveal() if secret else "(your app-specific password)",
    )
    return dict(zip(Value, (*own, *of(account.imap), *of(account.smtp)), strict=True))


def _folded(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
