"""What a test needs from the machine: without it the test is skipped, on a build server it fails."""

from __future__ import annotations

import os

import pytest


def need(present: object, reason: str) -> None:
    """Go on if `present`; else skip with the reason. With CI=true that is a failure, never a skip."""
    if present:
        return
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
