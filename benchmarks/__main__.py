"""`python -m benchmarks`: every benchmark, one line each."""

import benchmarks.login
import benchmarks.startup

benchmarks.startup.main()
benchmarks.login.main()
