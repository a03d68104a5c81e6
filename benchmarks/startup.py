"""What the quick answers cost, beside a bare import of click (target: at most 1.5 times)."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

ROUNDS = 25


def cpu_seconds(command: list[str]) -> float:
    """User and system time of one run of `command`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)


def main() -> None:
    commands = {
        "import click": [sys.executable, "-c", "import click"],
        "--version": [sys.executable, "-m", "provisioner", "--version"],
        "--help": [sys.executable, "-m", "provisioner", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):  # interleaved, so that a busy moment hits all of them
        for name, command in commands.items():
            times[name].append(cpu_seconds(command))
    base = statistics.median(times.pop("import click"))
    for name, seconds in times.items():
        ratio = statistics.median(seconds) / base
        print(f"startup: provisioner {name} takes {ratio:.2f} times the CPU of `import click`")
