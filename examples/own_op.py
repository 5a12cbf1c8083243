"""An op of your own: one formula for arrays, for compiled functions and for a GPU.

python examples/own_op.py [picture]
NUMBA_ENABLE_CUDASIM=1 python examples/own_op.py    # with a simulated GPU too
"""

import math
import os
import sys

import matplotlib.pyplot as plt
import numba
import numpy as np

import numbafunc


@numbafunc.elementwise
def morse(r, depth, width, distance):
    """Energy of two atoms: a well at their distance in the molecule."""
    return depth * ((1 - math.exp(-width * (r - distance))) ** 2 - 1)


@numba.njit
def chain(positions):
    """Energy of atoms in a row; the op in a compiled loop."""
    total = 0.0
    for i in range(len(positions)):
        for j in range(i):
            total += morse(positions[i] - positions[j], 1.0, 1.5, 1.0)
    return total


def on_a_device(r):
    """Energy and force of the same op on a device, or in the simulator of one."""
    from numba import cuda

    place = cuda.to_device(r)
    ones = cuda.to_device(np.ones_like(r))
    return [
        part.copy_to_host()
        for part in numbafunc.jvp(lambda r: morse(r, 1.0, 1.5, 1.0), (place,), (ones,))
    ]


def main(picture="own_op.png"):
    r = np.linspace(0.6, 4.0, 200)
    energy, slope = numbafunc.jvp(
        lambda r: morse(r, 1.0, 1.5, 1.0), (r,), (np.ones_like(r),)
    )
    by_width = numbafunc.jvp(lambda width: morse(r, 1.0, width, 1.0), (1.5,), (1.0,))[1]

    atoms = np.array([0.0, 1.2, 2.1, 3.4])
    forces = -numbafunc.grad(chain)(atoms)  # through the compiled loop
    print(
        "forces on four atoms in a row:",
        forces.round(4),
        "which add up to",
        f"{forces.sum():.0e}",
    )
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        same = all(
            np.array_equal(*pair)
            for pair in zip(on_a_device(r), (energy, slope), strict=True)
        )
        print(
            "energy and slope from the simulated GPU:",
            "the same bits" if same else "other bits",
        )

    figure, axes = plt.subplots(figsize=(7, 3.4))
    axes.plot(r, energy, label="energy")
    axes.plot(r, -slope, label="force")
    axes.plot(r, by_width, "--", label="derivative of the energy by the width")
    axes.set(xlabel="distance", ylim=(-1.3, 1.5))
    axes.legend()
    figure.savefig(picture)
    return energy, slope, by_width, atoms, forces


if __name__ == "__main__":
    main(*sys.argv[1:])
