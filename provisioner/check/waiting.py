"""How long a server wants to be left alone, as far as its own words tell."""

from __future__ import annotations

import math
import re

UNKNOWN = "a while (it does not say how long; ten minutes to an hour are usual)"
"""fail2ban's jail.conf: bantime 10 minutes; dynu.com, Auto-ban: an hour; security-mail.net, IP blocking: half
an hour to an hour."""
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN = re.compile(
    r"(?:\b(?:in|for|after|wait|least|another|next)|\btime:?)\s+(?:(?:at least|about|another|the next)\s+)?"
    r"(\d{1,9})\s*(?:(ms|milliseconds?)|(s|sec|secs|seconds?)|(m|min|mins|minutes?)|(h|hrs?|hours?)|(d|days?))\b",
    re.I,
)


def told(text: str) -> str:
    """`5 minutes`, from words such as "try again in 300 seconds"; empty if there is nothing of the kind."""
    found = _SPAN.search(text)
    if not found or not int(found[1]):
        return ""
    unit = next(name for name, word in zip(_UNITS, found.groups()[1:], strict=True) if word)
    seconds = int(found[1]) * _UNITS[unit]
    for length, name in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        if seconds >= 2 * length or length == 1:
            number = math.ceil(seconds / length)
            return f"{number} {name}{'s' if number > 1 else ''}"
    raise AssertionError
