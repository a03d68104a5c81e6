"""Ratios measured in one run, printed by `make bench`; never asserted."""

import os

# An installed program has its bytecode; to compile it anew at every start is not what is measured.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
