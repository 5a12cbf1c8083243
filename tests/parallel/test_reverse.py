"""Gradients by reverse mode through reductions over real ranks."""

import pytest
from rank_launcher import needs_ranks, run_ranks
from sweep import thorough

pytestmark = needs_ranks


@pytest.mark.parametrize("ranks", [2, *thorough(1, 3)])
def test_reverse_mode(tmp_path, ranks):
    result = run_ranks(tmp_path, ranks, "reverse.py")
    assert all("test_nothing_is_left_behind" in log for log in result.logs), str(result)
