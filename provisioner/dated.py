"""What we wrote is in the form for another version of a program than is installed. Pure data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dated:
    """`message` names both; `works`: the installed version works with it all the same."""

    message: str
    works: bool
