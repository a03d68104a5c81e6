"""prefs.js is read as Mozilla's parser reads it, and edited without touching other lines."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from provisioner.edits import prefsjs
from provisioner.edits.prefsjs import Value
from provisioner.errors import Conflict, UsageError

PATH = Path("/p/prefs.js")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
NAMES = st.text(st.sampled_from("abz.-_ 1\"'\\é"), min_size=1, max_size=8)
VALUES: st.SearchStrategy[Value] = st.one_of(
    TEXTS, st.booleans(), st.integers(min_value=prefsjs.INT_MIN, max_value=prefsjs.INT_MAX)
)


def values(text: str | bytes) -> dict[str, Value]:
    return prefsjs.parse(text.encode() if isinstance(text, str) else text, PATH).values


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ('"plain"', "plain"),
        ("'single \"quotes\"'", 'single "quotes"'),
        (r'"a\"b\'c\\d\ne\r"', "a\"b'c\\d\ne\r"),
        (r'"\x41\u00e9\ud83d\ude00"', "Aé😀"),
        (r'"\xc3\xa9"', "é"),
        ('"a raw\nline end"', "a raw\nline end"),
        ('"// no comment /* here */ # nor here;"', "// no comment /* here */ # nor here;"),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("+7", 7),
        ("- 7", -7),
        ("2147483647", 2147483647),
        ("0" * 5000 + "7", 7),
        ("-" + "0" * 5000, 0),
        ("-2147483648", -2147483648),
    ],
)
def test_values(literal: str, value: Value) -> None:
    found = values(f'user_pref("n", {literal});')
    assert found == {"n": value}
    assert type(found["n"]) is type(value)


def test_comments_white_space_and_the_last_line_wins() -> None:
    text = (
        "\ufeff# Mozilla User Preferences\r\n"
        '/* user_pref("a", 1); **/ user_pref ( "a" /* name */ , // why\r'
        ' "one"\t)\v;user_pref("b", 2);user_pref("a", "two");\n// end'
    )
    assert values(text) == {"a": "two", "b": 2}


@pytest.mark.parametrize(
    "text",
    [
        'user_pref("a", 1)',
        'user_pref("a", 1;',
        'user_pref("a" 1);',
        "user_pref(a, 1);",
        'user_pref("a", 2147483648);',
        'user_pref("a", -2147483649);',
        f'user_pref("a", {"1" * 5000});',
        f'user_pref("a", -{"9" * 100_000});',
        'user_pref("a", 1x);',
        'user_pref("a", 1.5);',
        'user_pref("a", null);',
        'user_pref("a", "unclosed);',
        'user_pref("a", "mixed\');',
        r'user_pref("a", "\q");',
        r'user_pref("a", "\x4");',
        r'user_pref("a", "\x00");',
        r'user_pref("a", "\u0000");',
        r'user_pref("a", "\ud83d");',
        r'user_pref("a", "\ud83d\u0041");',
        r'user_pref("a", "\ude00");',
        r'user_pref("a", "\u0041\ude00");',
        'user_pref("a", 1, sticky);',
        'pref("a", 1);',
        'sticky_pref("a", 1);',
        "lockPref('a', 1);",
        "/* never closed",
        "/ not a comment",
        'user_pref("a", 1);\0',
        "<<<<<<< mine",
    ],
)
def test_what_mozilla_would_not_take_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(Conflict, match=r"/p/prefs\.js is damaged at line 3: ") as caught:
        values(f'user_pref("fine", 1);\r\n\n{text}')
    assert caught.value.code == "prefs.broken"


def test_latin_1_is_refused() -> None:
    with pytest.raises(Conflict, match="line 2: it is not valid UTF-8"):
        values(b'user_pref("a", 1);\nuser_pref("n", "Jan\xe9");\n')


def test_a_file_of_absurd_size_is_refused_before_it_is_read() -> None:
    most = b'user_pref("a", 1);'.ljust(prefsjs.MAX_SIZE)
    assert values(most) == {"a": 1}
    with pytest.raises(Conflict, match=r"/p/prefs\.js is larger than 16 MiB") as caught:
        values(most + b" ")
    assert caught.value.code == "prefs.broken"
    assert caught.value.hint.startswith("Nothing was written.")


@pytest.mark.parametrize("unit", ["x", "é", r"\n", r"\"", "'", "\n"])
def test_a_long_text_takes_memory_in_proportion(unit: str) -> None:
    """A pattern that remembers each character to go back to it takes a hundred times as much."""
    text = f'user_pref("a", "{unit * 400_000}");'
    values('user_pref("a", "warm");')
    tracemalloc.start()
    try:
        found = prefsjs._TOKEN.match(text, text.index(' "') + 1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found
    assert found.lastgroup == "string"
    assert found.end() == len(text) - 2
    assert peak < 100_000


def edited(text: str, changes: dict[str, Value | None]) -> str:
    return prefsjs.parse(text.encode(), PATH).edit(changes).decode()


SORTED = '// head\n\nuser_pref("b", 1);\nuser_pref("d", "x");\n'


@pytest.mark.parametrize(
    ("before", "changes", "after"),
    [
        (SORTED, {"a": 1}, '// head\n\nuser_pref("a", 1);\nuser_pref("b", 1);\nuser_pref("d", "x");\n'),
        (SORTED, {"c": True}, '// head\n\nuser_pref("b", 1);\nuser_pref("c", true);\nuser_pref("d", "x");\n'),
        (SORTED, {"e": "y"}, SORTED + 'user_pref("e", "y");\n'),
        (SORTED, {"b": 2}, SORTED.replace('"b", 1', '"b", 2')),
        (SORTED, {"b": True}, SORTED.replace('"b", 1', '"b", true')),
        (SORTED, {"b": 1, "none": None}, SORTED),
        (SORTED, {"b": None}, '// head\n\nuser_pref("d", "x");\n'),
        (SORTED, {"b": None, "d": None}, "// head\n\n"),
        ("", {"b": 1, "a": 2}, 'user_pref("a", 2);\nuser_pref("b", 1);\n'),
        ('user_pref("b", 1);', {"c": 2}, 'user_pref("b", 1);\nuser_pref("c", 2);'),
        ('user_pref("b", 1);', {"a": 2}, 'user_pref("a", 2);\nuser_pref("b", 1);'),
        ('user_pref("b", 1);', {"b": None, "c": 2}, '\nuser_pref("c", 2);'),
        ('user_pref("b",1);\r\n', {"c": 2}, 'user_pref("b",1);\r\nuser_pref("c", 2);\r\n'),
        ('  user_pref( "b" , 1 ) ; // mine\n', {"b": 2}, '  user_pref( "b" , 2 ) ; // mine\n'),
        ('user_pref("b", 1); // mine\n', {"b": None}, " // mine\n"),
        ('user_pref("b", 1);\nuser_pref("b", 2);\n', {"b": 3}, 'user_pref("b", 1);\nuser_pref("b", 3);\n'),
        ('user_pref("b", 1);\nuser_pref("b", 2);\n', {"b": None}, ""),
        ('user_pref("b", 1);\nuser_pref("d", 1);\n', {"b": None, "c": 2, "d": None}, 'user_pref("c", 2);\n'),
        (
            'user_pref("a",\n1);user_pref("c", 1);\n',
            {"b": 1},
            'user_pref("b", 1);\nuser_pref("a",\n1);user_pref("c", 1);\n',
        ),
        (' /* one */ user_pref("b", 1);\n', {"b": None}, " /* one */ \n"),
        ('/* one\n*/ user_pref("b", 1);\n', {"b": None}, "/* one\n*/ \n"),
        (
            'user_pref("a", 1); user_pref("b", 1);\nuser_pref("c", 1);',
            {"b": None, "c": None},
            'user_pref("a", 1); ',
        ),
        ('\t user_pref("b",\n1) ;\v\r\n// end', {"b": None}, "// end"),
        ('/* one\n*/ user_pref("b", 1);\n', {"a": 1}, 'user_pref("a", 1);\n/* one\n*/ user_pref("b", 1);\n'),
    ],
)
def test_edits(before: str, changes: dict[str, Value | None], after: str) -> None:
    assert edited(before, changes) == after


def test_new_lines_stand_where_mozilla_sorts_them() -> None:
    text = edited(
        "",
        {
            "mail.server.server10.type": "x",
            "mail.server.server1.type": "x",
            "mail.server": 1,
            "mail.server x": 1,
        },
    )
    assert text.splitlines() == sorted(text.splitlines())


@given(TEXTS)
def test_any_text_survives_writing_and_reading(value: str) -> None:
    assert values(edited(SORTED, {"c": value})) == {"b": 1, "c": value, "d": "x"}


FRAGMENTS = st.sampled_from(
    [
        "\n",
        "\r\n",
        "\r",
        "  ",
        "// c",
        "# c",
        "/* x\n y */",
        'user_pref("k.a", 1);',
        "user_pref('k.z',\n'v');",
    ]
)


@given(st.lists(FRAGMENTS, max_size=12).map("".join), st.dictionaries(NAMES, VALUES, max_size=5))
def test_removing_what_was_added_restores_the_bytes(before: str, added: dict[str, Value]) -> None:
    try:
        present = values(before)
    except Conflict:
        reject()
    added = {name: value for name, value in added.items() if name not in present}
    after = edited(before, dict(added))
    assert values(after) == {**present, **added}
    assert edited(after, dict.fromkeys(added)) == before


@given(st.dictionaries(NAMES, VALUES, max_size=6), st.dictionaries(NAMES, st.none() | VALUES, max_size=6))
def test_an_edit_does_what_it_says(first: dict[str, Value], second: dict[str, Value | None]) -> None:
    text = edited(edited("", dict(first)), second)
    wanted = {name: value for name, value in {**first, **second}.items() if value is not None}
    assert values(text) == wanted
    assert edited(text, second) == text


@pytest.mark.parametrize("value", ["half \ud83d", "nul \0", 2**31])
def test_values_that_the_format_cannot_hold_are_refused(value: Value) -> None:
    with pytest.raises(UsageError):
        edited(SORTED, {"c": value})
