"""Heat in a plate: from what is seen back to how it began, by its gradient.

python examples/stencil.py [picture]
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
import scipy.optimize

import numbafunc

SIZE, STEPS, RATE = 24, 40, 0.2


def step(heat, _):
    """One step of diffusion; the halo repeats the edge, so no heat gets out."""
    halo = numbafunc.pad(heat, 1, "edge")
    around = halo[:-2, 1:-1] + halo[2:, 1:-1] + halo[1:-1, :-2] + halo[1:-1, 2:]
    return heat + RATE * (around - 4 * heat), None


def diffuse(heat, steps=STEPS):
    """The heat after some steps, of which reverse mode keeps about 2 sqrt(steps)."""
    return numbafunc.scan(numbafunc.checkpoint(step), heat, None, length=steps)[0]


def first_heat():
    heat = np.zeros((SIZE, SIZE))
    heat[5:10, 4:9], heat[13:17, 12:20] = 1.0, 0.6
    return heat


def main(picture="stencil.png", iterations=60):
    true = first_heat()
    seen = diffuse(true)

    def misfit(flat):
        heat = flat.reshape(SIZE, SIZE)
        return numbafunc.loss.l2(diffuse(heat) - seen)

    start = np.full(SIZE * SIZE, seen.mean())
    found = scipy.optimize.minimize(
        numbafunc.value_and_grad(misfit),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * start.size,
        options={"maxiter": iterations},
    )
    heat = found.x.reshape(SIZE, SIZE)
    print(
        f"misfit {misfit(start):.2e} at first, {found.fun:.2e} after {found.nit} steps"
    )

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
    return true, heat, found, misfit(start)


if __name__ == "__main__":
    main(*sys.argv[1:])
