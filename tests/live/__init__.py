"""Tests with the real Thunderbird and real servers, in a private network.

conftest.py says how to watch one.
"""

import pytest

pytest.register_assert_rewrite("tests.live.world", "tests.live.thunderbird", "tests.live.lab")
