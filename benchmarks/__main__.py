"""`python -m benchmarks`: every benchmark, one line each."""

import benchmarks.login
import benchmarks.many
import benchmarks.startup

benchmarks.startup.main()
benchmarks.login.main()
benchmarks.many.main()
