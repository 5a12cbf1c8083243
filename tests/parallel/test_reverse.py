"""Gradients by reverse mode through reductions over real ranks."""

from rank_launcher import in_one_job, needs_ranks

pytestmark = needs_ranks


@in_one_job("reverse.py", ranks=[2], more=[1, 3])
def test_reverse_mode(logs):
    assert all("test_nothing_is_left_behind" in log for log in logs)
