"""What a cause is: the words for a person, and the exit code."""

from __future__ import annotations

from dataclasses import dataclass

REJECTED, UNREACHABLE, OTHER = 3, 4, 1


@dataclass(frozen=True, slots=True)
class Cause:
    sentence: str
    next: str
    exit_code: int = UNREACHABLE
