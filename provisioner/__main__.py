"""The `provisioner` command, and `python -m provisioner`."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Runs the command line; Ctrl-C while it is still loading ends quietly, too."""
    said = "Stopped; nothing was changed."
    try:
        from provisioner import cli

        said = "Stopped."
        cli.main()
    except SystemExit:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is said and done; the exit code stands
        raise
    except KeyboardInterrupt:
        sys.stderr.write(f"\n✗ {said}\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
