"""`python -m benchmarks`: every benchmark, one line each."""

from benchmarks import login, startup

startup.main()
login.main()
