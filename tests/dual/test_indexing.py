"""Every kind of key, alone and combined: each direction of the tangent is indexed as NumPy indexes the value."""

import itertools

import numpy as np
import pytest

from numbafunc import Dual

GENERATOR = np.random.default_rng(17)
X = GENERATOR.normal(size=(3, 4, 3))
TANGENT = GENERATOR.normal(size=(2, 3, 4, 3))
PARTS = {
    "number": 1,
    "negative": -1,
    "NumPy number": np.int64(2),
    "slice": slice(1, 3),
    "all": slice(None),
    "new axis": None,
    "ellipsis": ...,
    "vector": np.array([0, 2]),
    "matrix": np.array([[0, 1], [2, 0]]),
    "list": [0, 1],
    "empty": np.zeros(0, int),
    "0-d": np.array(1),
    "mask": np.array([True, False, True]),
    "mask of two axes": GENERATOR.normal(size=(3, 4)) > 0,
    "True": True,
}


def check(key):
    try:
        wanted = X[key]
    except IndexError:
        with pytest.raises(IndexError):
            Dual(X, TANGENT, 1)[key]
        return
    found = Dual(X, TANGENT, 1)[key]
    np.testing.assert_array_equal(found.primal, wanted)
    for direction, tangent in enumerate(TANGENT):
        np.testing.assert_array_equal(found.tangent[direction], tangent[key])


@pytest.mark.parametrize("name", PARTS)
def test_keys(name):
    check(PARTS[name])
    for others in (1, 2):
        for following in itertools.product(PARTS.values(), repeat=others):
            check((PARTS[name], *following))
