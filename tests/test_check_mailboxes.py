"""LIST -> the special-use mailboxes of an account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient import imap_utf7

from provisioner.check.mailboxes import Row, resolve, rows
from provisioner.model import MailboxNames, Use


def row(name: str, *flags: str, delimiter: str = "/") -> Row:
    return Row(frozenset(flags), delimiter, name)


ICLOUD = MailboxNames(
    special_use_advertised=False,
    names={Use.SENT: ("Sent Messages", "Sent Items"), Use.TRASH: ("Deleted Messages", "Deleted Items")},
)


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (
            [b'(\\HasNoChildren \\Sent) "/" "Sent Messages"'],
            [row("Sent Messages", "\\hasnochildren", "\\sent")],
        ),
        ([b'() "." INBOX.Sent'], [row("INBOX.Sent", delimiter=".")]),
        ([b"() NIL INBOX"], [row("INBOX", delimiter="")]),
        ([b'() "\\\\" "a\\\\b\\"c"'], [row('a\\b"c', delimiter="\\")]),
        ([(b'() "/" {7}', b'lit "x"'), b""], [row('lit "x"')]),
        ([(b'() "/" {1}', b"x"), b" ()", b'() "/" y'], [row("x"), row("y")]),
        ([b'() "/" "01"', b'() "/" 2024'], [row("01"), row("2024")]),
        ([b'() "/" "NIL"'], [row("NIL")]),
        ([b'() "/" "&AOk-t&AOk- &- Co"'], [row("été & Co")]),
        ([b'() "/" "[Gmail]/Sent Mail"'], [row("[Gmail]/Sent Mail")]),
        ([b'() "/" x ("CHILDINFO" ("SUBSCRIBED"))', b'() "/" y'], [row("x"), row("y")]),
        ([b'() "/" "&bad', b'() "/" y', b"x", b"", b"(" * 60_000, b'NIL "/" z', b'() "/" NIL'], [row("y")]),
    ],
)
def test_rows(listed: list[bytes | tuple[bytes, bytes]], expected: list[Row]) -> None:
    assert rows(listed) == expected


@given(st.lists(st.binary(max_size=60) | st.tuples(st.binary(max_size=60), st.binary(max_size=9))))
def test_rows_survive_anything(listed: list[bytes | tuple[bytes, bytes]]) -> None:
    rows(listed)


@given(st.binary(max_size=60))
def test_any_name_in_a_literal_is_a_row(name: bytes) -> None:
    assert len(rows([(b'() "/" {%d}' % len(name), name), b""])) == 1


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_names_come_back_as_they_were(name: str) -> None:
    raw = imap_utf7.encode(name)
    assert rows([(b'() "/" {%d}' % len(raw), raw), b""]) == [row(name)]


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
