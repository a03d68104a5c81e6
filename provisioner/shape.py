"""Does a password look like the provider's app-specific password, or like one damaged while copying?

Only a hint: it words a refusal that has already happened, and it can warn before one.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, NamedTuple

from provisioner.model import AppPassword, PasswordForm
from provisioner.secret import Secret

_DASHES = re.compile(r"[\u2010-\u2015\u2212\ufe58\ufe63\uff0d\u00ad\u2043]")
_SEPARATORS = re.compile(r"[\s\-]+")


class Shape(NamedTuple):
    """`fits`, `mangled` (it would fit once mended; `why` says what is wrong) or `other`."""

    kind: Literal["fits", "mangled", "other"]
    why: str = ""


def shape_of(secret: Secret, rule: AppPassword) -> Shape:
    """Compares the password with the provider's pattern, which may be written with or without separators."""
    form = rule.form
    if form is None:
        return Shape("fits")
    password = secret.reveal()
    if rule.spaces_are_decoration:
        password = "".join(password.split())
    if _fits(password, form):
        lost = "-" in form.example and "-" not in password and not re.fullmatch(form.pattern, password)
        return Shape("mangled", "its dashes are missing") if lost else Shape("fits")
    for why, mended in (
        ("long dashes instead of plain ones", _DASHES.sub("-", password)),
        ("blanks in it", "".join(password.split())),
        ("blanks instead of dashes", _SEPARATORS.sub("-", password.strip())),
        ("a dash is missing or at the wrong place", password.replace("-", "")),
        ("capital letters", password.lower()),
        ("quotes or punctuation around it", password.strip("\"'“”‘’`«»<>()[].,;: ")),
        ("invisible or look-alike characters", _plain(password)),
        ("several changes", _plain(password).lower().strip("\"'“”‘’`.,;: ")),
    ):
        if mended != password and _fits(mended, form):
            return Shape("mangled", why)
    return Shape("mangled", why) if (why := _letter_off(_plain(password).lower(), form)) else Shape("other")


def _fits(password: str, form: PasswordForm) -> bool:
    """With its separators, or with none of them at all: blanks may be left out, and so may the pattern."""
    if re.fullmatch(form.pattern, password):
        return True
    groups = _SEPARATORS.split(form.example)
    compact = password.replace("-", "")
    if "-" in password:
        return [len(part) for part in password.split("-")] == [len(part) for part in groups] and bool(
            re.fullmatch(form.pattern, compact)
        )
    return bool(re.fullmatch(form.pattern, _regroup(compact, form.example)))


def _regroup(compact: str, example: str) -> str:
    """`compact` with the separators of `example` put back at their places."""
    letters = iter(compact)
    grouped = "".join(char if _SEPARATORS.fullmatch(char) else next(letters, "") for char in example)
    return grouped + "".join(letters)


def _plain(password: str) -> str:
    """Compatibility forms, long dashes, blanks and invisible characters taken away."""
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", password))
    return "".join(char for char in text if unicodedata.category(char)[0] not in "CZ")


def _letter_off(password: str, form: PasswordForm) -> str:
    """Whether one letter too few or too many is all that is wrong; only where separators show the groups."""
    if len(_SEPARATORS.split(form.example)) < 2 or len(_SEPARATORS.split(password)) < 2:
        return ""
    letter = form.example[0]
    places = range(len(password) + 1)
    if any(_fits(password[:at] + letter + password[at:], form) for at in places):
        return "a letter is missing"
    if any(_fits(password[:at] + password[at + 1 :], form) for at in places):
        return "a letter too many"
    return ""
