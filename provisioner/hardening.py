"""Keeps the memory of this process, which will hold a password, out of core dumps and other processes."""

from __future__ import annotations

import contextlib
import sys

_PR_SET_DUMPABLE = 4
"""prctl(2): 0 means no core dump, and no other process of the same user may look in with ptrace or /proc."""


def protect_memory() -> None:
    """No core dumps from here on; on Linux also no attaching by the user's other programs. Never fails."""
    if sys.platform == "win32":
        return
    import resource

    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
