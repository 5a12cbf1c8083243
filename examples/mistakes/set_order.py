"""Sums in the order of a set, which differs from rank to rank."""

import numpy as np

from numbafunc.parallel import CollectiveMismatchError, axis_index, psum

NAMES = ("mass", "charge", "spin", "energy", "momentum", "age", "width", "parity")
part = {name: np.ones(3) for name in NAMES}

try:
    total = {name: psum(part[name], name=name) for name in set(NAMES)}
except CollectiveMismatchError as error:
    if axis_index() == 0:
        print(error)
total = psum(part)  # what was meant: the keys of a nest are put in order
