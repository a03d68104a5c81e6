"""Text files as they may be shown to others: values that are, or might be, passwords are masked.

A diff is pasted into bug reports, and its context holds lines that other people wrote. So what stands after
a word such as `password` is masked in any syntax; rather a line too many than a password.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from provisioner.items import SERVICE
from provisioner.secret import MASK, Secret

_KEY = re.compile(
    r"""(?:pass(?!ive)|pwd|secret|token|cred|auth|bearer|cookie|\bpin\b
         |(?:api|private|access|encryption)[-_.]?key)
        (?:(?:[\w.]|-(?:cmd|command|eval|file|keyring))*(?=["']?[\s=:,({\[]|["']?\Z))?""",
    re.VERBOSE | re.IGNORECASE,
)
"""A word that tells of a password; with the rest of the key's name if it is one."""
_SEPARATOR = re.compile(r"""["']?[ \t]*[=:,]?[ \t]*""")
_COMMENT = re.compile(r"(?:^|\s)(?:#|//|;|--)")
_URL = re.compile(r"""(://[^\s/:@"']*:)[^\s"'<>]*@""")
_PEM_BEGIN, _PEM_END = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), re.compile(r"-----END ")
_GOES_ON = re.compile(r"""[=:,(\[{\\|>]\s*\Z""")
_USER = r"[\w.+@-]+"
_HARMLESS = re.compile(
    rf"""(?P<quote>["']?)(?:
        (?:on|off|true|false|yes|no|none|null|[0-9]{{1,3}}|login|plain|starttls|cram-md5|digest-md5|xoauth2
          |oauthbearer|external|\*|[ ])*
      | secret-tool\ lookup\ service\ {SERVICE}\ username\ {_USER}
      | /[\w./+-]+/keyring\ get\ {SERVICE}\ {_USER}
      | /usr/bin/security\ find-generic-password\ -s\ {SERVICE}\ -a\ {_USER}\ -w
    )(?P=quote)[ \t]*[);,]*\s*""",
    re.VERBOSE | re.IGNORECASE,
)


def masked_lines(text: str, secrets: Sequence[Secret] = ()) -> list[tuple[str, str]]:
    """Each line of a text file, with its line end, beside what may be shown of it.

    `secrets` are masked wherever they stand, in every form. Beyond them: what follows a key that sounds like
    a password, up to the end of the line and in the more deeply indented lines below; comments that
    speak of one; passwords in URLs; private keys.
    """
    lines = re.findall(r"[^\n]*\n|[^\n]+\Z", text)
    shown = _all(secrets, text)
    # A password with a line end in it would change how the lines pair: then nothing is shown.
    others = re.findall(r"[^\n]*\n|[^\n]+\Z", shown)
    if len(others) != len(lines):
        return [(line, MASK) for line in lines]
    masker = _Masker()
    return [(line, masker.line(other.rstrip("\r\n"))) for line, other in zip(lines, others, strict=True)]


def _all(secrets: Sequence[Secret], text: str) -> str:
    for secret in secrets:
        text = secret.redact_forms(text)
    return text


class _Masker:
    """Goes through a file line by line; a value may go on in the lines below its key."""

    def __init__(self) -> None:
        self._deeper_than: int | None = None
        self._next = False
        self._pem = False

    def line(self, line: str) -> str:
        indent = len(line) - len(line.lstrip())
        if self._pem or _PEM_BEGIN.search(line):
            self._pem = not _PEM_END.search(line)
            return MASK
        if not line.strip():
            return line
        if self._next or (self._deeper_than is not None and indent > self._deeper_than):
            self._next = line.rstrip().endswith("\\")
            return line[:indent] + MASK
        self._deeper_than = None
        found = _KEY.search(line)
        if found is None:
            return _URL.sub(rf"\g<1>{MASK}@", line)
        comment = _COMMENT.search(line)
        if comment and comment.start() < found.start():  # the password may stand before the word as well
            return f"{line[:indent]}{comment[0].strip()} {MASK}"
        start = found.end() + len(_match(_SEPARATOR, line, found.end()))
        value = line[start:]
        self._next = bool(_GOES_ON.search(line)) or line.count("(") > line.count(")")
        harmless = _HARMLESS.fullmatch(value) is not None
        if self._next or not value.strip() or not harmless:
            self._deeper_than = indent
        return line if harmless else line[:start] + MASK


def _match(pattern: re.Pattern[str], text: str, start: int) -> str:
    found = pattern.match(text, start)
    return found[0] if found else ""
