"""Results of vjp's pull are apart from the cotangents that it is given."""

import numpy as np

import numbafunc


def test_memory_of_cotangents():
    cotangent = np.ones(3)
    _, pull = numbafunc.vjp(lambda x, y: (x, np.flip(y), x * y), np.zeros(3), np.zeros(3))
    results = pull((cotangent, cotangent, None))
    for result in results:
        assert not np.shares_memory(result, cotangent)
        result += 1
    np.testing.assert_array_equal(results, np.full((2, 3), 2.0))
    np.testing.assert_array_equal(cotangent, np.ones(3))
