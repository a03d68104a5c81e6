"""`python -m benchmarks`: every benchmark, a few lines each, and a table of verdicts."""

import benchmarks.login
import benchmarks.many
import benchmarks.startup
import benchmarks.verdicts

benchmarks.startup.main()
benchmarks.login.main()
benchmarks.many.main()
benchmarks.verdicts.main()
