"""Elementary functions for definitions of ops; they are defined in :mod:`numbafunc.numbers.elementary`."""

from numbafunc.numbers.elementary import *  # noqa: F403
