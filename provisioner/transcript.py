"""What went over a connection, fit for a bug report: who logs in, with what and from where is masked."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Sequence

from provisioner.anonymous import Anonymizer
from provisioner.secret import Secret

MAX_LINES = 300
MAX_LENGTH = 300
"""Characters of a line."""
_LOOKED_AT = 4096
_LOGIN = re.compile(
    r"(?:(?!AUTH )\S+ AUTHENTICATE|AUTH)(?: (?:PLAIN|LOGIN)(?= |$))?(?= |$)|(?!AUTH )\S+ LOGIN(?= |$)", re.I
)
_COMMAND = re.compile(
    r"\S+ (CAPABILITY|EXAMINE|LIST|ID|LOGOUT|STARTTLS|GETQUOTAROOT|NAMESPACE|NOOP)\b|(EHLO|QUIT|STARTTLS)\b",
    re.I,
)
_MAILBOX = re.compile(r'(\* (?:X?LIST|LSUB|STATUS) \([^)]*\) (?:"[^"]*"|NIL) )(.*)', re.I | re.S)
_KNOWN = re.compile(
    r'"?(inbox|sent|sent (items|messages|mail)|trash|deleted (items|messages)|bin|drafts?|junk|junk e-mail|'
    r'spam|bulk mail|archives?|notes|outbox)"?\s*',
    re.I,
)
_ROOTS = re.compile(r"(\* (?:NAMESPACE|QUOTAROOT|QUOTA) )(.*)", re.I | re.S)
_ROOT = re.compile(r'"(?:[^"\\]|\\.)*"?|[^\s()"]+')
_TOLD = re.compile(
    r'"?(NIL|inbox|root|user quota|#?users?|other users|#?shared|shared folders|#?public)?[./\\]*"?', re.I
)
"""What names no person and no mailbox of one's own."""
_LITERAL = re.compile(rb"\{[1-9]\d*\}\r?\n$")


class Transcript:
    """Collects lines: `*` what happened, `>` sent, `<` received, after the seconds since it was made."""

    def __init__(self, address: str, users: Sequence[str], secret: Secret, hosts: Iterable[str] = ()) -> None:
        self._started = time.monotonic()
        self._lines: list[str] = []
        self.mask = Anonymizer(address, users, secret, hosts)
        """For what else is shown beside it."""
        self._secret_follows = self._literal_follows = False

    def note(self, mark: str, data: bytes) -> None:
        """Takes what the check tells (check/wire.py, Transcript)."""
        if mark == "*":
            self._add(mark, self.mask.names(data.decode("utf-8", "replace")))
        elif mark == "<" and (self._literal_follows or not data.endswith(b"\n")):
            self._literal_follows = False
            self._add(mark, f"<{len(data)} bytes>")  # a piece of a mail, perhaps
        else:
            self._literal_follows = mark == "<" and bool(_LITERAL.search(data))
            for line in data.decode("utf-8", "replace").split("\n"):
                if kept := line.rstrip("\r")[:_LOOKED_AT]:
                    self._add(mark, (self._sent if mark == ">" else self._received)(kept))

    @property
    def lines(self) -> tuple[str, ...]:
        """All of it, at most MAX_LINES."""
        left_out = len(self._lines) - MAX_LINES
        more = (f"... {left_out} more lines",) if left_out > 0 else ()
        return (*self._lines[:MAX_LINES], *more)

    def _add(self, mark: str, text: str) -> None:
        if len(text) > MAX_LENGTH:
            text = text[:MAX_LENGTH] + f"... ({len(text)} characters)"
        self._lines.append(f"{time.monotonic() - self._started:7.3f} {mark} {text}")

    def _sent(self, line: str) -> str:
        """A login's line up to its mechanism; then nothing until the server has answered."""
        if found := _LOGIN.match(line):
            self._secret_follows = True
            rest = line[found.end() :].strip()
            return self.mask.names(line[: found.end()].rstrip()) + (" <masked>" if rest else "")
        if _COMMAND.match(line):
            return self.mask.all(line)
        return "<masked>" if self._secret_follows else self.mask.all(line)

    def _received(self, line: str) -> str:
        if not re.match(r"\+|334|\*", line):
            self._secret_follows = False
        elif re.match(r"\+ \S|334", line):
            return line.split(" ", 1)[0] + " <masked>"  # the name that was sent may be repeated, in base64
        if (found := _MAILBOX.match(line)) and not _KNOWN.fullmatch(found[2]):
            return self.mask.all(found[1]) + "<mailbox>"
        if found := _ROOTS.match(line):
            root, limits = found[2], ""
            if found[1].upper() == "* QUOTA ":  # the root, and then numbers (RFC 9208, 5.1)
                first = _ROOT.match(root)
                root, limits = root[: first.end() if first else 0], root[first.end() if first else 0 :]
            return found[1] + _ROOT.sub(_own_root, root) + self.mask.all(limits)
        return self.mask.all(line)


def _own_root(found: re.Match[str]) -> str:
    return found[0] if _TOLD.fullmatch(found[0]) else "<mailbox>"
