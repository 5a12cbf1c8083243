"""What the programs of the ranks share: random data of every rank, known to all, and what mpi4py says."""

import numpy as np


def world():
    from mpi4py import MPI

    return MPI.COMM_WORLD


def data(shape, dtype, ranks, seed=0):
    """One array for each rank, the same list everywhere. Small integers and floats of few digits."""
    generator = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    result = []
    for _ in range(ranks):
        if dtype.kind == "b":
            x = generator.integers(0, 2, shape)
        elif dtype.kind == "u":
            x = generator.integers(0, 100, shape)
        elif dtype.kind == "c":
            x = generator.standard_normal(shape) + 1j * generator.standard_normal(shape)
        elif dtype.kind == "i":
            x = generator.integers(-100, 100, shape)
        else:
            x = generator.standard_normal(shape)
        result.append(np.asarray(x).astype(dtype))
    return result


def same_bits_everywhere(x):
    """Whether all ranks have an array with the same shape, dtype and bits."""
    everyone = world().allgather((x.shape, str(x.dtype), x.tobytes()))
    return all(one == everyone[0] for one in everyone)
