"""Marked blocks: nothing outside is touched, edits inside are noticed, damage is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from provisioner.edits import block
from provisioner.errors import Conflict

PATH = Path("/home/jane/.rc")
JANE, JOE = "jane@example.org", "joe@example.org"
BODY = "account jane\nhost ünï\n"

lines = st.sampled_from(
    [
        b"",
        b"a",
        b" # comment",
        b"caf\xe9",
        b"\xff\xfe\0x",
        b"\xef\xbb\xbfx",
        b"\r",
        b"# provisioner",
        b"\x0b\x85",
    ]
)
files = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r\n"]))).flatmap(
    lambda rows: st.tuples(st.just(b"".join(text + end for text, end in rows)), lines).map(b"".join)
)


@given(files)
@example(b"")
@example(b"no end")
@example(b"a\r\nno end")
@example(b"a\nlone return\r")
def test_put_then_remove_is_as_if_nothing_had_happened(data: bytes) -> None:
    with_jane = block.put(data, JANE, BODY, PATH)
    assert block.remove(with_jane, JANE, PATH) == data
    both = block.put(with_jane, JOE, BODY, PATH)
    assert block.remove(block.remove(both, JANE, PATH), JOE, PATH) == data
    assert block.remove(block.remove(both, JOE, PATH), JANE, PATH) == data


@pytest.mark.parametrize("own", [b"x", b"a\r\nx"])
def test_what_is_appended_later_is_on_a_line_of_its_own(own: bytes) -> None:
    newline = b"\r\n" if b"\r" in own else b"\n"
    data = block.put(block.put(own, JANE, BODY, PATH), JOE, BODY, PATH)
    assert data.endswith(b"<<<" + newline)
    later = data + b"later" + newline
    for names in ((JANE, JOE), (JOE, JANE)):
        left = later
        for name in names:
            left = block.remove(left, name, PATH)
        assert left == own + newline + b"later" + newline


def test_a_block_between_ours_and_the_line_before_it() -> None:
    jane = block.put(b"x", JANE, BODY, PATH)
    data = block.put(jane[:2], JOE, BODY, PATH) + jane[2:]  # as with the common block of a client
    for names in ((JANE, JOE), (JOE, JANE)):
        left = data
        for name in names:
            left = block.remove(left, name, PATH)
            assert len(block.blocks(left, PATH)) == (name == names[0])
        assert left == b"x"


def test_a_block_whose_last_line_end_was_cut_off_stays_whole() -> None:
    cut = block.put(b"x\n", JANE, BODY, PATH)[:-1]
    both = block.put(cut, JOE, BODY, PATH)
    assert [one.name for one in block.blocks(both, PATH)] == [JANE, JOE]
    assert block.remove(block.remove(both, JOE, PATH), JANE, PATH) == b"x\n"
    assert block.remove(block.put(cut, JANE, "other\n", PATH), JANE, PATH) == b"x\n"


@given(files, files)
def test_what_is_around_stays(before: bytes, after: bytes) -> None:
    data = block.put(before, JANE, BODY, PATH)
    if not data.endswith(b"\n"):
        data += b"\r\n" if b">>>\r\n" in data else b"\n"
    found = block.find(data + after, JANE, PATH)
    assert found is not None
    assert (found.body, found.edited) == (BODY, False)
    changed = block.put(data + after, JANE, "other\n", PATH)
    assert changed.startswith(before)
    assert changed.endswith(after)
    again = block.find(changed, JANE, PATH)
    assert again is not None
    assert (again.body, again.start) == ("other\n", found.start)
    assert block.put(changed, JANE, BODY, PATH) == data + after
    assert block.remove(data + after, JANE, PATH).endswith(after)


def test_line_ends_are_those_of_the_file() -> None:
    assert block.put(b"a\r\n", JANE, "x\ny\n", PATH).count(b"\r\n") == 5
    assert b"\r" not in block.put(b"a\n", JANE, "x\ny\n", PATH)


def test_the_markers_are_as_documented() -> None:
    first, *_, last = block.put(b"", JANE, "x\n", PATH).decode().splitlines()
    assert first == f"# >>> provisioner {JANE} 73cb3858a687a849 >>>"  # printf 'x\n' | sha256sum
    assert last == f"# <<< provisioner {JANE} <<<"


@pytest.mark.parametrize("change", [(b"host", b"hast"), (b"account", b"  account"), (b"\xc3\xbc", b"\xfc")])
def test_an_edit_inside_is_noticed(change: tuple[bytes, bytes]) -> None:
    data = block.put(b"own\n", JANE, BODY, PATH)
    assert [found.edited for found in block.blocks(data.replace(*change), PATH)] == [True]
    assert [found.edited for found in block.blocks(data.replace(b"\n", b"\r\n"), PATH)] == [False]
    assert [found.edited for found in block.blocks(data.replace(b"own", b"own" + change[1]), PATH)] == [False]


WHOLE = block.put(b"own\n", JANE, BODY, PATH)
EDITED = WHOLE.replace(b"host", b"hast")
START, END = WHOLE.splitlines(keepends=True)[1], WHOLE.splitlines(keepends=True)[-1]


@pytest.mark.parametrize(
    "data",
    [
        WHOLE.replace(START, b""),
        WHOLE.replace(END, b""),
        WHOLE.replace(END, END.replace(b"jane", b"joe")),
        WHOLE.replace(b" >>>\n", b"\n"),
        WHOLE.replace(b"# <<<", b"#<<<"),
        WHOLE + WHOLE,
        WHOLE + END,
        START + WHOLE,
        START + START.replace(b"jane", b"joe") + END + END.replace(b"jane", b"joe"),
    ],
)
def test_a_broken_pair_is_refused_for_every_account(data: bytes) -> None:
    with pytest.raises(Conflict, match=str(PATH)) as caught:
        block.put(data, JOE, BODY, PATH)
    assert caught.value.code == "block.broken"
    with pytest.raises(Conflict, match=str(PATH)):
        block.remove(data, JOE, PATH)


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (WHOLE.replace(START, b""), ["line 4 ends a block of jane@example.org that does not begin"]),
        (EDITED.replace(END, b""), ["line 2 begins the block of jane@example.org, which has no end."]),
        (EDITED.replace(END, END.replace(b"jane", b"joe")), ["line 2", "no end before line 5"]),
        (WHOLE.replace(b" >>>\n", b"\n"), ["line 2 is neither a whole beginning nor a whole end"]),
        (START + WHOLE, ["line 1 begins", "no end before line 3"]),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_damage_is_named_by_its_lines(data: bytes, lines: list[str], force: bool) -> None:
    with pytest.raises(Conflict) as caught:
        block.remove(data, JANE, PATH, force=force)
    assert caught.value.code == "block.broken"
    for line in lines:
        assert line in caught.value.message
    number = lines[0].split()[1]
    assert f"delete line {number}" in caught.value.hint


@pytest.mark.parametrize(
    "joe",
    [
        START.replace(b"jane", b"joe"),
        END.replace(b"jane", b"joe"),
        START.replace(b"jane", b"joe") + b"x\n",
        b"# >>> provisioner joe\n",
        b"#<<<provisioner\n",
    ],
)
def test_damage_of_others_does_not_keep_a_clear_block_with_force(joe: bytes) -> None:
    for data in (joe + WHOLE, WHOLE + joe, joe + WHOLE.replace(b"host", b"hast")):
        with pytest.raises(Conflict):
            block.remove(data, JANE, PATH)
        found = block.find(data, JANE, PATH, force=True)
        assert found is not None
        assert data[found.start : found.end].startswith(START)
        expected = joe + b"own\n" if data.startswith(joe) else b"own\n" + joe
        assert block.remove(data, JANE, PATH, force=True) == expected


def test_what_might_be_the_block_is_not_passed_over_with_force() -> None:
    """A marker that names nobody may be all that is left of the block."""
    for data in (b"# >>> provisioner\nx\n", b"# >>> provisioner jane@example.org >>>\nx\n" + WHOLE):
        with pytest.raises(Conflict, match="line 1"):
            block.remove(data, JANE, PATH, force=True)
    joe = START.replace(b"jane", b"joe") + b"x\n"
    assert block.remove(joe, JANE, PATH, force=True) == joe


@pytest.mark.parametrize("after", [b"", b"later\n", b"later", b"\n\n", END.replace(b"jane", b"joe"), WHOLE])
def test_with_force_a_body_is_known_by_its_number(after: bytes) -> None:
    data = WHOLE.replace(END, b"") + after
    with pytest.raises(Conflict):
        block.remove(data, JANE, PATH)
    expected = b"own\n" + after.replace(WHOLE, b"own\n")
    assert block.remove(data, JANE, PATH, force=True) == expected
    dos = data.replace(b"\n", b"\r\n")
    assert block.remove(dos, JANE, PATH, force=True) == expected.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    ("data", "ours"),
    [
        (WHOLE, True),
        (WHOLE.replace(END, b""), True),
        (WHOLE + b"# <<< provisioner jane@example.org\n", True),
        (WHOLE + START.replace(b"jane", b"joe"), False),
        (WHOLE + b"# >>> provisioner\n", False),
        (WHOLE.replace(b"jane@example.org", b"shared"), True),
    ],
)
def test_whether_all_markers_are_of_one_account(data: bytes, ours: bool) -> None:
    assert block.only(data, JANE, "shared") is ours


def test_a_block_that_is_there_twice_goes_twice_with_force() -> None:
    twice = WHOLE + WHOLE.replace(b"host", b"hast")
    assert block.remove(twice, JANE, PATH, force=True) == b"own\nown\n"


@given(files)
def test_force_changes_nothing_where_all_is_well(data: bytes) -> None:
    both = block.put(block.put(data, JANE, BODY, PATH), JOE, BODY, PATH)
    for name in (JANE, JOE, "nobody"):
        assert block.remove(both, name, PATH, force=True) == block.remove(both, name, PATH)
        assert block.find(both, name, PATH, force=True) == block.find(both, name, PATH)


@pytest.mark.parametrize(
    ("name", "body"),
    [("two words", "x\n"), ("", "x\n"), (JANE, "no end"), (JANE, "x\r\n"), (JANE, f"{END.decode()}")],
)
def test_a_block_that_could_not_be_found_again_is_not_written(name: str, body: str) -> None:
    with pytest.raises(ValueError, match="block"):
        block.put(b"", name, body, PATH)
