"""A Secret shows itself nowhere."""

from __future__ import annotations

import base64
import copy
import dataclasses
import logging
import pickle
import traceback

import msgspec
import pytest

from provisioner.secret import CUT, MASK, Pieces, Secret

CANARY = "canary-pass-word-xyzw"


@pytest.mark.parametrize(
    "shown",
    [
        repr,
        str,
        lambda secret: f"{secret}",
        lambda secret: f"{secret:>40}",
        lambda secret: f"{secret!r}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: repr({"password": [secret]}),
    ],
)
def test_no_text_form_shows_the_password(shown) -> None:  # type: ignore[no-untyped-def]
    text = shown(Secret(CANARY))
    assert CANARY not in text
    assert MASK in text


@pytest.mark.parametrize("attempt", [pickle.dumps, copy.copy, copy.deepcopy, hash, msgspec.json.encode])
def test_it_cannot_be_copied_dumped_or_hashed(attempt) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TypeError):
        attempt(Secret(CANARY))


def test_logging_and_tracebacks_do_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(CANARY)
    logging.getLogger("x").error("failed with %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        text = traceback.format_exc()
    assert CANARY not in caplog.text + text


def test_equality_reveal_and_truth() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(CANARY)
    assert not Secret("")


def test_redact_masks_every_occurrence() -> None:
    assert Secret("abc").redact("abc, xabcx") == f"{MASK}, x{MASK}x"
    assert Secret("").redact("abc") == "abc"


def test_forms_are_all_that_are_written_down() -> None:
    forms = {form.reveal() for form in Secret('a"b\\c d&').forms("jane")} - {'a"b\\\\c d&'}
    assert forms == {
        'a"b\\c d&',
        'a\\"b\\\\c d&',
        "a%22b%5Cc%20d%26",
        'a"b\\c d&amp;',
        "YSJiXGMgZCY=",
        "YSJiXGMgZCY",
        "AGphbmUAYSJiXGMgZCY=",  # printf '\\0jane\\0a"b\\c d&' | base64
        "AGphbmUAYSJiXGMgZCY",
        "EiYlxjIGQm",  # after a user name of another length
        "hImJcYyBkJg",
        "6122625c63206426",
        'a"b\\cd&',
    }
    assert "it\\'s" in {form.reveal() for form in Secret("it's").forms()}
    assert Secret("").forms("jane") == ()
    assert Secret("\udc80").forms()


def test_redact_forms_takes_the_longest_first() -> None:
    secret = Secret("abcd")
    assert secret.redact_forms("abcd YWJjZA== YWJjZA x") == f"{MASK} {MASK} {MASK} x"
    assert Secret("").redact_forms("abc") == "abc"


def test_asdict_of_something_that_holds_one_fails_instead_of_copying() -> None:
    @dataclasses.dataclass
    class Holder:
        secret: Secret

    with pytest.raises(TypeError):
        dataclasses.asdict(Holder(Secret(CANARY)))


@pytest.mark.parametrize(
    "password", ["correct horse battery", "abcd-efgh-ijkl-mnop", "Tr0ub4dor&3 pass", "pässwört ☂ & more"]
)
def test_no_piece_of_the_password_stays(password: str) -> None:
    forms = Secret(password).forms("jane")
    token = base64.b64encode(f"other@x.example\0jane.a\0{password}".encode()).decode()
    groups = password.replace("-", "").replace(" ", "")
    for whole in (password, token[-16:].rstrip("="), groups, password.encode().hex(), password.upper()):
        for start in range(len(whole) - CUT + 1):
            for end in (start + CUT, len(whole)):
                assert Pieces(forms).redact(f"<{whole[start:end]}>") == f"<{MASK}>"


def test_pieces_leave_the_rest_alone() -> None:
    forms = Secret("abcd-efgh-ijkl-mnop").forms("jane")
    for text in ("the bcd-e is too short", "", "authentication failed", "İ abcd-"):
        assert Pieces(forms).redact(text) == text
    assert Pieces(forms).redact("İ EFGH-IJ, -mnop and ijkl-m x") == f"İ {MASK}, -mnop and {MASK} x"
    assert Pieces(Secret("ab").forms()).redact("an ab is a whole one") == f"an {MASK} is a whole one"
    assert Pieces(Secret("").forms()).redact("text") == "text"


@pytest.mark.parametrize(
    "between", ["\x07", "\x01", "\x1b", "\x7f", "\u202e", "\u200b", "\r", " ", "\t", " \x07 "]
)
@pytest.mark.parametrize("password", ["korrekt Pferd-77", "abcd-efgh-ijkl-mnop", "Sommer24"])
def test_letters_are_found_whatever_stands_between_them(password: str, between: str) -> None:
    text = Pieces(Secret(password).forms()).redact(f"NO you sent {between.join(password)} here")
    assert text == f"NO you sent {MASK} here"


def test_a_password_with_letters_that_are_not_shown_is_found_without_them() -> None:
    pieces = Pieces([Secret("ab\u200bcd\x07efgh")])
    assert pieces.redact("NO ab\u200bcd\x07efgh, abcdefgh") == f"NO {MASK}, {MASK}"


def test_words_with_spaces_between_them_are_not_letters() -> None:
    said = "S T A R T: some merit of a log in failed"
    assert Pieces([Secret("somemeritof")]).redact(said) == said
