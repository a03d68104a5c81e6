"""What people and scripts see of a report: all of it, and nothing that steers the terminal."""

from __future__ import annotations

import dataclasses
import io
import json
import sys
import time
import unicodedata
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner import output
from provisioner.errors import Conflict, UsageError
from provisioner.report import (
    Change,
    ChangeRow,
    CheckRow,
    ClientRow,
    ExportRow,
    GuideRow,
    ProviderRow,
    Report,
    Row,
    State,
    StatusRow,
    SupportRow,
)
from provisioner.text import clean, wrap

LOGIN = CheckRow("imap", True, "ok", "Logged in.", "", "imap.example.org", 993, "jane", 0.14, 6, 0)
CLIENT = ClientRow("c", "The client", True, State.CHANGED, "account added", notes=("note 1", "note 2"))
STATUS = StatusRow(
    "j@x.org",
    "c",
    "Client",
    "/p",
    "x",
    "My label",
    "2026-01-01T",
    "2026-02-02T",
    "2026-02-02T",
    State.OK,
    "fine",
)
CHANGE = ChangeRow(
    "2026-01-01T12:00:00Z",
    Change.REVOKED,
    "imap",
    False,
    "auth.bad_credentials",
    "Rejected.",
    "Do this.",
    "h",
    993,
    "jane",
    "j@x.org",
    ("msmtp",),
)
GOOD: list[Row] = [
    LOGIN,
    CLIENT,
    STATUS,
    CHANGE,
    ExportRow("c", "/tmp/file", "Open it there.", False),
    GuideRow(
        "x", "Example", "app password", "L", ("cond",), "http://c", ("make",), "http://r", ("end",), ("n",)
    ),
    SupportRow(
        *("c", "Client", "full", ("1.0", "2.0"), "1.0", "file", "store", "was run", "2026-01-01"),
        where=("/a", "/b"),
    ),
    ProviderRow("x", "Example", ("x.org", "x.net"), "imap.x.org:993", "smtp.x.org:465", "app password"),
]
EVIL = "a\x1b[2Jb\x07c\x9b31md\x85e\x00f\x7fg\rh"
HARMLESS = "a[2Jbc31mdefgh"


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TZ", "Europe/Paris")
    time.tzset()


def printed(row: Row, capsys: pytest.CaptureFixture[str]) -> str:
    output.print_row(row)
    shown = capsys.readouterr()
    assert shown.err == ""
    return shown.out


def hostile(value: Any) -> Any:
    if (
        isinstance(value, State | Change)
        or value == "2026-01-01T12:00:00Z"
        or not value
        or not isinstance(value, str | tuple)
    ):
        return value
    return EVIL if isinstance(value, str) else tuple(map(hostile, value))


def test_every_type_of_row_is_tried() -> None:
    assert {type(row) for row in GOOD} == set(get_args(Row))


@pytest.mark.parametrize(
    ("row", "expected"),
    list(
        zip(
            GOOD,
            [
                "✓ imap.example.org    Logged in. 6 mailboxes.".ljust(75) + "0.1 s\n",
                "✓ The client          account added\n",
                "✓ j@x.org  in Client: fine\n"
                '  label "My label", set up 2026-01-01, password changed 2026-02-02, /p\n',
                "✗ 2026-01-01 13:00  j@x.org (msmtp) imap: worked before, and the password is\n"
                "  rejected now\n"
                "  Rejected.\n  Do this.  [auth.bad_credentials]\n",
                "✓ c                   written to /tmp/file\nOpen it there.\n",
                "Example: app password\nBefore you start:\n  - cond\nCreate it:\n  1. make\n"
                "Revoke it:\n  1. end\nGood to know:\n  - n\nThe page: http://c\n",
                "c                     Client: full, 1.0 in /a, 2.0 in /b\n"
                + " " * 22
                + "Account: file. Password: store.\n"
                + " " * 22
                + "1.0: was run (2026-01-01).\n",
                "x                     Example: x.org, x.net\n"
                + " " * 22
                + "imap imap.x.org:993, smtp smtp.x.org:465, app password\n",
            ],
            strict=True,
        )
    ),
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_every_type_of_row_as_text(row: Row, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(row, capsys) == expected


@pytest.mark.parametrize("row", GOOD, ids=lambda row: type(row).__name__)
def test_nothing_in_a_row_steers_the_terminal(row: Row, capsys: pytest.CaptureFixture[str]) -> None:
    values = {field.name: hostile(getattr(row, field.name)) for field in dataclasses.fields(row)}
    text = printed(type(row)(**values), capsys)
    assert [char for char in text if unicodedata.category(char) == "Cc" and char != "\n"] == []
    assert HARMLESS in text


def test_nothing_in_the_end_of_a_report_steers_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_end(Report("setup", errors=[Conflict(EVIL, EVIL)], next=EVIL))
    shown = capsys.readouterr()
    assert shown.out == f"{HARMLESS}\n"
    assert shown.err == f"✗ {HARMLESS}\n  {HARMLESS}\n"


def test_clean_keeps_lines_and_tabs_and_letters_of_all_languages() -> None:
    assert clean("a\n\tß 🍏") == "a\n\tß 🍏"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x\u202egnp.exe", "x\\u202egnp.exe"),
        ("provisio\u200bner", "provisio\\u200bner"),
        ("a\u2028b\u2029c\ufeff", "a\\u2028b\\u2029c\\ufeff"),
        ("\u2066\u200f\u061c\xad", "\\u2066\\u200f\\u061c\\xad"),
        ("a\u3164b\u034f\U000e0041", "a\\u3164b\\u034f\\U000e0041"),
        ("/home/caf\udce9", "/home/caf\\udce9"),
        ("a\u200db\ufe0f", "a\\u200db\\ufe0f"),
        ("é\u200d", "é\\u200d"),
        ("👩\u200d\u200d👩", "👩\\u200d\\u200d👩"),
        ("👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 🏳\ufe0f", "👩\u200d👩\u200d👧 ❤\ufe0f\u200d🔥 🏳\ufe0f"),
        ("می\u200cخواهم שלום", "می\u200cخواهم שלום"),
    ],
)
def test_what_is_not_seen_or_turns_the_text_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert clean(text) == shown
    assert clean(shown) == shown


@given(st.text())
def test_what_is_shown_is_what_it_looks_like(text: str) -> None:
    shown = clean(text)
    for place, char in enumerate(shown):
        if char in "\u200c\u200d\ufe0e\ufe0f":
            assert not shown[place - 1].isascii()
        else:
            assert unicodedata.category(char) not in {"Cf", "Cs", "Zl", "Zp"}
            assert char in "\n\t" or unicodedata.category(char) != "Cc"
    if text.isprintable() and text.isascii():
        assert shown == text


def test_json_says_names_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    row = dataclasses.replace(STATUS, label="x\u202ey", path="/\u200b")
    output.print_json(Report("status", rows=[row]))
    (found,) = json.loads(capsys.readouterr().out)["results"]
    assert (found["label"], found["path"]) == (row.label, row.path)
    assert "x\\u202ey" in printed(row, capsys)


def test_a_failed_check_says_what_to_do_and_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    row = CheckRow("imap", False, "auth.bad_credentials", "Rejected.", "Do this.", "h", 1, "u", 2.0)
    assert printed(row, capsys).splitlines() == [
        "✗ h                   Rejected." + " " * 44 + "2.0 s",
        " " * 22 + "Do this.  [auth.bad_credentials]",
    ]


LAYERS = {"dns": 0.01, "tcp": 0.02, "tls": 1.26, "greeting": 0.1, "login": 0.2, "mailboxes": 0.3}


def story(row: CheckRow, capsys: pytest.CaptureFixture[str]) -> list[str]:
    output.print_story(row)
    return [line.strip() for line in capsys.readouterr().out.splitlines()[1:]]


def test_the_story_of_a_login(capsys: pytest.CaptureFixture[str]) -> None:
    good = dataclasses.replace(
        LOGIN, layers=LAYERS, cert_expires="3000-01-02T00:00:00Z", cert_issuer="A\x1bpple"
    )
    tls = "✓ TLS (Apple, until 3000-01-02) 1.3 s"
    assert story(good, capsys) == [
        "✓ name  ✓ connection",
        f"{tls}  ✓ greeting  ✓ login",
        "✓ inbox",
    ]
    assert story(dataclasses.replace(good, service="smtp"), capsys)[-1] == f"{tls}  ✓ greeting  ✓ login"
    heard = dataclasses.replace(good, layers={}, transcript=("1.0 < \x1b[2Jhello",))
    assert story(heard, capsys) == ["1.0 < [2Jhello"]


@pytest.mark.parametrize("last", LAYERS)
def test_the_layer_that_failed_is_the_last(last: str, capsys: pytest.CaptureFixture[str]) -> None:
    came = {layer: LAYERS[layer] for layer in list(LAYERS)[: list(LAYERS).index(last) + 1]}
    row = CheckRow("imap", False, "x.y", "No.", "Do.", "h", 1, "u", 2.0, layers=came)
    text = " ".join(story(row, capsys))
    assert text.count("✗") == 1
    assert text.count("✓") == len(came) - 1
    word = {"dns": "name", "tcp": "connection", "tls": "TLS", "mailboxes": "inbox"}.get(last, last)
    assert f"✗ {word}" in text


def test_setup_tells_no_story(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_row(dataclasses.replace(LOGIN, layers=LAYERS))
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_a_failed_client_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    row = ClientRow.failed("c", "Client", "/p", Conflict("It runs.", "Close it."))
    assert printed(row, capsys) == f"✗ Client              It runs.\n{' ' * 22}Close it.\n"


@pytest.mark.parametrize("state", [State.GONE, State.BY_HAND])
def test_what_the_person_must_do_is_no_success(capsys: pytest.CaptureFixture[str], state: State) -> None:
    row = ClientRow("c", "Client", True, state, "Look there.", "Do that.")
    assert printed(row, capsys) == f"✗ Client              Look there.\n{' ' * 22}Do that.\n"


def test_a_diff_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    diff = "--- a\n+++ b\n@@ -1 +1 @@\n-" + "x y " * 50 + "\n+z\n"
    row = ClientRow("c", "Client", True, State.PLANNED, "would change:", diff=diff)
    assert printed(row, capsys) == f"✓ Client              would change:\n{diff}"


def test_an_unfinished_setup_says_what_becomes_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    row = dataclasses.replace(STATUS, state=State.UNFINISHED, next="The next run takes it back.")
    text = printed(row, capsys)
    assert text.startswith("✗ ")
    assert text.endswith("\n  The next run takes it back.\n")


def test_a_file_on_standard_output_is_alone_there(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_row(ExportRow("c", "", "Open it there.", False, content="<plist>ß</plist>\n"))
    shown = capsys.readouterr()
    assert shown.out == "<plist>ß</plist>\n"
    assert shown.err == "Open it there.\n"


def test_paths_in_the_home_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    row = dataclasses.replace(STATUS, path=f"{Path.home()}/x")
    assert printed(row, capsys).endswith(", ~/x\n")


def test_next_and_every_error_with_its_hint(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [UsageError("One is wrong.", "Mend one."), Conflict("Two is in the way.", "Move two.")]
    output.print_end(Report("setup", errors=list(errors), next="Start it."))
    shown = capsys.readouterr()
    assert shown.out == "Start it.\n"
    assert shown.err == "✗ One is wrong.\n  Mend one.\n✗ Two is in the way.\n  Move two.\n"


def test_text_is_folded_and_a_command_never(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    command = f"  provisioner remove jane@example.org thunderbird --client-profile '{'/a b' * 30}'"
    output.print_end(Report("setup", next=f"{'word ' * 20}\n{command}"))
    *text, last = capsys.readouterr().out.splitlines()
    assert last == command
    assert " ".join(text).split() == ["word"] * 20
    assert max(map(len, text)) <= 40


def test_every_text_of_a_report_is_folded_and_no_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    words, command = "word " * 40, f"  provisioner remove {'x' * 80} and more"
    step = f"{words}\n{command}"
    for row in (
        dataclasses.replace(STATUS, state=State.DRIFTED, message=words, label="l " * 30, next=step),
        StatusRow(*("", "", "", "/p", "", "", "", "", ""), State.FAILED, words, step, ok=False),
        dataclasses.replace(LOGIN, ok=False, next=step, message=words),
        ClientRow.failed("c", "Client", "/p", Conflict(words, step)),
        dataclasses.replace(CHANGE, message=words, next=step),
        ExportRow("c", "/tmp/file", step, False),
        ProviderRow("x", "Example", tuple(f"{n}.example.org" for n in range(20)), "i", "s", words),
    ):
        lines = printed(row, capsys).splitlines()
        own = [line for line in lines if line.strip() == command.strip()]
        assert len(own) == (0 if isinstance(row, ProviderRow) else 1)
        assert max(len(line) for line in lines if line not in own) <= 60
    output.print_end(Report("setup", errors=[Conflict(f"{words}\n{words}", step)]))
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == f"  {command}"
    assert max(map(len, lines[:-1])) <= 60


def test_the_notes_of_one_client_stand_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_end(Report("setup", rows=[LOGIN, CLIENT], next="Start it."))
    assert capsys.readouterr().out == f"{' ' * 22}note 1\n{' ' * 22}note 2\nStart it.\n"


def test_a_note_of_several_clients_is_said_once_and_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    long = f"{'word ' * 20}end:\n  a command of {'words ' * 20}end"
    rows: list[Row] = [
        dataclasses.replace(CLIENT, title=title, notes=notes)
        for title, notes in (("a", (long, "Of a.")), ("b", ()), ("c", (long,)), ("a", ("Of a.",)))
    ]
    output.print_end(Report("setup", rows=rows))
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Good to know:", "  - a, c: " + " ".join(["word"] * 14)]
    assert lines[2:] == [
        "    word word word word word word end:",
        "      " + long.split("\n  ")[1],
        "  - a: Of a.",
    ]
    output.print_end(Report("setup", rows=[rows[1], rows[1]]))
    assert capsys.readouterr().out == ""


def test_the_code_of_a_cause_stands_before_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    row = CheckRow("imap", False, "x.y", "No.", "Do this.\nWith:\n  do it", "h", 1, "u", 2.0)
    assert [line.strip() for line in printed(row, capsys).splitlines()[1:]] == [
        "Do this.  [x.y]",
        "With:",
        "do it",
    ]


def test_a_command_in_a_sentence_is_not_divided() -> None:
    text = f"{'x' * 20} `provisioner status --check` now"
    assert wrap(text, 40) == ["x" * 20, "`provisioner status --check` now"]


@pytest.mark.parametrize(
    ("encoding", "good", "bad"), [("ascii", "ok", "x"), ("latin-1", "ok", "x"), ("utf-8", "✓", "✗")]
)
def test_marks_are_what_the_terminal_can_show(
    monkeypatch: pytest.MonkeyPatch, encoding: str, good: str, bad: str
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding))
    output.print_row(CLIENT)
    output.print_row(dataclasses.replace(CLIENT, ok=False))
    sys.stdout.flush()
    lines = raw.getvalue().decode(encoding).splitlines()
    assert lines[0].startswith(f"{good} The client")
    assert lines[1].startswith(f"{bad} The client")


def test_json_has_everything_but_what_is_internal(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("setup", rows=list(GOOD), errors=[Conflict("No.", "Wait.", code="x.y")], next="Then.")
    output.print_json(report)
    document = json.loads(capsys.readouterr().out)
    rows = document.pop("results")
    assert document == {
        "schema": 1,
        "command": "setup",
        "ok": False,
        "errors": [{"code": "x.y", "message": "No.", "next": "Wait."}],
        "next": "Then.",
    }
    for row, found in zip(GOOD, rows, strict=True):
        assert set(found) == {field.name for field in dataclasses.fields(row)} - {"exit_code", "unaccepted"}
    assert (rows[0]["mailboxes"], rows[1]["state"], rows[6]["found"]) == (6, "changed", ["1.0", "2.0"])
