"""Takes out of a text who logs in, with what and from where, so that strangers may read it.

Names of servers, of their domains and of the address's domain stay, for they are what a report is about.
"""

from __future__ import annotations

import base64
import re
import socket
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from provisioner.secret import Pieces, Secret

_IPV4 = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.-]*[\w-])")
_IPV6 = re.compile(r"(?<![\w:])(?:IPv6:)?(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:])", re.I)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_REVERSE = re.compile(
    rf"(?<![\w.-])(?:[\w.-]*[^\W\d])?[-_.]?{_OCTET}([-_x.]){_OCTET}\1{_OCTET}\1{_OCTET}(?:[-_.][\w.-]*\w)?(?![\w-])"
)
"""An address as providers put it into the names of computers: host-203-0-113-7.isp.example."""
_HOST = re.compile(
    r"(?<![\w@./%-])(?:[A-Za-z0-9_](?:[\w-]*[A-Za-z0-9])?\.)+(?:[a-z]{2,24}|[A-Z]{2,24})(?![\w-]|[\w.-]*@)"
)
_GREETED = re.compile(r"\b(?:hello|greets|from|client|welcome)\W{1,3}$", re.I)
_REPLY = re.compile(r"\d{3}[ -]")
_KEYWORD = re.compile(r"[A-Z0-9-]+|AUTH .*")
"""A line of the answer to EHLO."""
_BASE64 = re.compile(r"[A-Za-z0-9+/]{8,}={0,2}")
_BRACKETED = re.compile(r"<(?![^<>\s]*(?:://|@))(?=[^<>\s]*\d)[^<>\s]{8,}>|(?<=session=)[^\s<>]+")
_ID = re.compile(
    r"(?<![\w+.-])(?!IMAP4rev\d)(?=[\w+-]*\d[\w+-]*\d)"
    r"(?:(?=[\w+-]*[a-z])(?=[\w+-]*[A-Za-z][\w+-]*[A-Za-z])[A-Za-z0-9+_-]{8,}|(?=\w*\d\w*\d\w*\d)[A-Z0-9]{9,})"
    r"(?![\w+-]|\.[A-Za-z])"
)
"""What servers number their sessions and queues with: letters and digits, mixed."""
_CAPABILITIES = re.compile(r"\* CAPABILITY .*|\[CAPABILITY [^\]]*\]", re.I)
_ANYWHERE = 5
"""Characters from which on a name is masked inside longer words, too."""


class Anonymizer:
    """Knows what to mask: the account, its password, and this computer. `hosts` are the account's servers."""

    def __init__(self, address: str, users: Sequence[str], secret: Secret, hosts: Iterable[str] = ()) -> None:
        self._pieces = Pieces(secret.forms(*users))
        local, _, domain = address.rpartition("@")
        names = {address: f"<user>@{domain}"}
        for user in (*users, local):
            names.setdefault(user, f"<user>@{user.rpartition('@')[2]}" if "@" in user else "<user>")
        self._private = {name.lower().encode() for name in names if len(name) > 3}
        for name, shown in list(names.items()):
            for form in (quote(name, safe=""), quote(name, safe="").replace(".", "%2E")):
                names.setdefault(form, shown)
        longest_first = sorted(filter(None, names), key=len, reverse=True)
        self._names = [(re.compile(_word(name), re.I), names[name]) for name in longest_first]
        self._here = {name for name in (socket.gethostname(),) if len(name) > 3 and name != "localhost"}
        self._domains = tuple(f".{_registered(name)}" for name in (*hosts, domain))

    def names(self, text: str) -> str:
        """Masks the person and the password, in whatever form and however little of it."""
        text = _BASE64.sub(self._encoded, self._pieces.redact(text))
        for pattern, shown in self._names:
            text = pattern.sub(lambda _, shown=shown: shown, text)  # type: ignore[misc]
        return text

    def all(self, text: str) -> str:
        """Masks what a server says, in which this computer, its network and the session may be named."""
        for name in self._here:
            text = text.replace(name, "<this computer>")
        text = self.names(text)
        for pattern in (_REVERSE, _IPV4, _IPV6):
            text = pattern.sub("<IP address>", text)
        reply = _REPLY.match(text)
        start = text[: reply.end()] if reply else ""
        said = text.removeprefix(start)
        greeting = start[:2] in ("22", "25")  # the server's own name follows (RFC 5321, 4.2 and 4.1.1.1)
        said = _HOST.sub(lambda found: self._host(found, named=greeting), said)
        if start and _KEYWORD.fullmatch(said):
            return start + said
        done, at = [start], 0
        for kept in _CAPABILITIES.finditer(said):
            done += [_numbers(said[at : kept.start()]), kept[0]]
            at = kept.end()
        return "".join([*done, _numbers(said[at:])])

    def _host(self, found: re.Match[str], *, named: bool) -> str:
        """`named`: the first word is the name that the server gives itself."""
        before = found.string[: found.start()]
        known = f".{found[0].lower()}".endswith(self._domains) and not _GREETED.search(before)
        return found[0] if known or (named and not before) else "<host name>"

    def _encoded(self, found: re.Match[str]) -> str:
        try:
            raw = base64.b64decode(found[0] + "=" * (-len(found[0]) % 4)).lower()
        except ValueError:
            return found[0]
        return "<masked>" if any(name in raw for name in self._private) else found[0]


def _word(name: str) -> str:
    """A pattern for a name, also as people write it (Jane Appleseed); a short one may be part of any word."""
    pattern = "[ ._-]".join(map(re.escape, re.split("[ ._-]", name)))
    return pattern if len(name) >= _ANYWHERE else rf"(?<![\w.]){pattern}(?!\w)"


def _numbers(text: str) -> str:
    return _ID.sub("<id>", _BRACKETED.sub("<id>", text))


def _registered(host: str) -> str:
    """The domain that someone has registered: the last two parts, three below such as co.uk."""
    parts = host.lower().strip(".").split(".")
    return ".".join(parts[-3:] if len(parts[-1]) == 2 and len(parts[-2:][0]) <= 3 else parts[-2:])
