"""What went over a connection, fit for a bug report: who logs in, with what and from where is masked.

Names of servers and the domain of the address stay, for they are what a report is about.
"""

from __future__ import annotations

import base64
import re
import socket
import time
from collections.abc import Sequence

from provisioner.secret import Secret

MAX_LINES = 300
MAX_LENGTH = 300
"""Characters of a line."""
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
_LITERAL = re.compile(rb"\{[1-9]\d*\}\r?\n$")
_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
_IPV6 = re.compile(r"(?<![\w:])(?:IPv6:)?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.I)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")


class Transcript:
    """Collects lines: `*` what happened, `>` sent, `<` received, after the seconds since it was made."""

    def __init__(self, address: str, users: Sequence[str], secret: Secret) -> None:
        self._started = time.monotonic()
        self._lines: list[str] = []
        self._secrets = secret.forms(*users)
        local, _, domain = address.rpartition("@")
        names = {address: f"<user>@{domain}"}
        for user in (*users, local):
            names.setdefault(user, f"<user>@{user.rpartition('@')[2]}" if "@" in user else "<user>")
        self._names = sorted(names.items(), key=lambda pair: -len(pair[0]))
        self._private = {name.lower().encode() for name in names}
        self._here = {name for name in (socket.gethostname(),) if len(name) > 3 and name != "localhost"}
        self._secret_follows = self._literal_follows = False

    def note(self, mark: str, data: bytes) -> None:
        """Takes what the check tells (check/wire.py, Transcript)."""
        if mark == "*":
            self._add(mark, self._mask_names(data.decode("utf-8", "replace")))
        elif mark == "<" and (self._literal_follows or not data.endswith(b"\n")):
            self._literal_follows = False
            self._add(mark, f"<{len(data)} bytes>")  # a piece of a mail, perhaps
        else:
            self._literal_follows = mark == "<" and bool(_LITERAL.search(data))
            for line in data.decode("utf-8", "replace").split("\n"):
                if line.rstrip("\r"):
                    self._add(mark, (self._sent if mark == ">" else self._received)(line.rstrip("\r")))

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
            return self._mask_names(line[: found.end()].rstrip()) + (" <masked>" if rest else "")
        if _COMMAND.match(line):
            return self._mask(line)
        return "<masked>" if self._secret_follows else self._mask(line)

    def _received(self, line: str) -> str:
        if not re.match(r"\+|334|\*", line):
            self._secret_follows = False
        elif re.match(r"\+ \S|334", line):
            return line.split(" ", 1)[0] + " <masked>"  # the name that was sent may be repeated, in base64
        if (found := _MAILBOX.match(line)) and not _KNOWN.fullmatch(found[2]):
            return self._mask(found[1]) + "<mailbox>"
        return self._mask(line)

    def _mask(self, line: str) -> str:
        line = _IPV4.sub("<IP address>", line)
        line = _IPV6.sub("<IP address>", line)
        for name in self._here:
            line = line.replace(name, "<this computer>")
        return self._mask_names(line)

    def _mask_names(self, line: str) -> str:
        for form in self._secrets:
            line = form.redact(line)
        line = _BASE64.sub(self._mask_encoded, line)
        for name, shown in self._names:
            line = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", shown, line, flags=re.I)
        return line

    def _mask_encoded(self, found: re.Match[str]) -> str:
        try:
            raw = base64.b64decode(found[0] + "=" * (-len(found[0]) % 4))
        except ValueError:
            return found[0]
        return "<masked>" if any(name in raw.lower() for name in self._private if len(name) > 3) else found[0]
