"""LIST -> the special-use mailboxes of an account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient import imap_utf7

from provisioner.check.mailboxes import Row, parse, resolve
from provisioner.model import MailboxNames, Use


def row(name: str, *flags: str, delimiter: str = "/") -> Row:
    return Row(frozenset(flags), delimiter, name)


ICLOUD = MailboxNames(
    special_use_advertised=False,
    names={Use.SENT: ("Sent Messages", "Sent Items"), Use.TRASH: ("Deleted Messages", "Deleted Items")},
)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        (
            [b'LIST (\\HasNoChildren \\Sent) "/" "Sent Messages"'],
            row("Sent Messages", "\\hasnochildren", "\\sent"),
        ),
        ([b'LIST () "." INBOX.Sent'], row("INBOX.Sent", delimiter=".")),
        ([b"list () NIL INBOX"], row("INBOX", delimiter="")),
        ([b'LIST () "\\\\" "a\\\\b\\"c"'], row('a\\b"c', delimiter="\\")),
        ([b'LIST () "/" ', b'lit "x"', b""], row('lit "x"')),
        ([b'LIST () "/" "01"'], row("01")),
        ([b'LIST () "/" NIL'], row("NIL")),
        ([b'LIST () "/" "&AOk-t&AOk- &- Co"'], row("été & Co")),
        ([b'LIST () "/" "&bad'], None),
        ([b'LIST () "/" x ("CHILDINFO" ("SUBSCRIBED"))'], row("x")),
        ([b'LSUB () "/" x'], None),
        ([b"LIST x"], None),
    ],
)
def test_parse(parts: list[bytes], expected: Row | None) -> None:
    assert parse(parts) == expected


@given(st.binary(max_size=60))
def test_parse_survives_any_name(name: bytes) -> None:
    parse([b'LIST () "/" ' + name])
    found = parse([b'LIST () "/" ', name, b""])
    assert found is not None


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_names_come_back_as_they_were(name: str) -> None:
    found = parse([b'LIST () "/" ', imap_utf7.encode(name), b""])
    assert found
    assert found.name == name


def test_flags_come_first() -> None:
    rows = [row("Sent Messages"), row("Gesendet", "\\sent"), row("Trash")]
    mailboxes, count = resolve(rows, ICLOUD)
    assert mailboxes.names == {Use.SENT: "Gesendet", Use.TRASH: "Trash"}
    assert not mailboxes.special_use  # the server says nothing about Trash
    assert count == 3
    assert resolve(rows[:2], ICLOUD)[0].special_use


def test_the_providers_names_before_common_ones_and_in_its_order() -> None:
    rows = [row("Sent"), row("Sent Items"), row("deleted items"), row("Trash"), row("SPAM")]
    mailboxes, _ = resolve(rows, ICLOUD)
    assert mailboxes.names == {Use.SENT: "Sent Items", Use.TRASH: "deleted items", Use.JUNK: "SPAM"}
    both = [*rows, row("Sent Messages")]
    assert resolve(both, ICLOUD)[0].names[Use.SENT] == "Sent Messages"
    assert resolve(rows, None)[0].names[Use.SENT] == "Sent"


def test_names_below_inbox() -> None:
    rows = [row("INBOX", delimiter="."), row("INBOX.Sent", delimiter="."), row("Other.Trash", delimiter=".")]
    mailboxes, _ = resolve(rows, None)
    assert mailboxes.names == {Use.SENT: "INBOX.Sent"}
    assert mailboxes.delimiter == "."


def test_what_cannot_be_opened_serves_nothing() -> None:
    rows = [row("Sent", "\\noselect", "\\sent"), row("Trash", "\\nonexistent"), row("INBOX"), row("INBOX")]
    mailboxes, count = resolve(rows, ICLOUD)
    assert mailboxes.names == {}
    assert count == 1
    assert not mailboxes.special_use


def test_no_mailbox_serves_two_uses() -> None:
    names = MailboxNames(
        special_use_advertised=False, names={Use.ARCHIVE: ("All",), Use.TRASH: ("All", "Bin")}
    )
    assert resolve([row("All"), row("Bin")], names)[0].names == {Use.ARCHIVE: "All", Use.TRASH: "Bin"}
