"""Heat in a plate, over the ranks of MPI: from what is seen back to how it began.

python examples/stencil.py [picture [iterations]]
mpiexec -n 4 python examples/stencil.py [picture [iterations]]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize

import numbafunc
from numbafunc import parallel

SIZE, STEPS, RATE = 24, 40, 0.2


def step(heat, _):
    """One step of diffusion; the halo repeats the plate's edge, so no heat gets out."""
    halo = parallel.halo(heat, ("row", "column"), border="edge")
    around = halo[:-2, 1:-1] + halo[2:, 1:-1] + halo[1:-1, :-2] + halo[1:-1, 2:]
    return heat + RATE * (around - 4 * heat), None


def diffuse(heat, steps=STEPS):
    """The heat after some steps, of which reverse mode keeps about 2 sqrt(steps)."""
    return numbafunc.scan(numbafunc.checkpoint(step), heat, None, length=steps)[0]


def own(name):
    """The part of this rank of the cells along an axis of the plate."""
    rank, ranks = parallel.axis_index(name), parallel.axis_size(name)
    return slice(SIZE * rank // ranks, SIZE * (rank + 1) // ranks)


def whole(block):
    """The plate, of the blocks of all ranks."""
    rows = parallel.all_gather(block, "column", axis=1, tiled=True)
    return parallel.all_gather(rows, "row", tiled=True)


def first_heat():
    heat = np.zeros((SIZE, SIZE))
    heat[5:10, 4:9], heat[13:17, 12:20] = 1.0, 0.6
    return heat


def main(picture="stencil.png", iterations=60):
    parallel.grid(row=-1, column=1 if parallel.axis_size() % 2 else 2)
    block = own("row"), own("column")
    true = first_heat()
    seen = diffuse(true[block])

    def misfit(flat):
        heat = flat.reshape(SIZE, SIZE)[block]
        return numbafunc.loss.l2(diffuse(heat) - seen)

    def everywhere(flat):
        """The misfit of all blocks and its gradient, the same on all ranks."""
        return parallel.psum(numbafunc.value_and_grad(misfit, mode="reverse")(flat))

    start = np.full(SIZE * SIZE, parallel.psum(seen.sum()) / SIZE**2)
    found = scipy.optimize.minimize(
        everywhere,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * start.size,
        options={"maxiter": int(iterations)},
    )
    heat = found.x.reshape(SIZE, SIZE)
    first = float(everywhere(start)[0])
    seen = whole(seen)
    if parallel.axis_index() > 0:
        return true, heat, found, first
    print(f"misfit {first:.2e} at first, {found.fun:.2e} after {found.nit} steps")

    figure, axes = plt.subplots(1, 3, figsize=(8.4, 3), layout="constrained")
    for place, title, shown in zip(
        axes,
        ("how it began", f"after {STEPS} steps", "found"),
        (true, seen, heat),
        strict=True,
    ):
        place.imshow(shown, cmap="inferno", vmin=0, vmax=1)
        place.set_title(title)
        place.set_axis_off()
    figure.savefig(picture)
    return true, heat, found, first


if __name__ == "__main__":
    main(*sys.argv[1:])
