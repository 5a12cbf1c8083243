"""A short check of an installed numbafunc: values, derivatives, compiled functions, the cache, the command line.

Run it from any folder, with the Python that numbafunc was installed for.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np

import numbafunc as nf

CHECKOUT = Path(__file__).resolve().parent.parent


def energy(x: np.ndarray) -> float:
    """A scalar function."""
    return np.sum(nf.softmax(x) * x**2)


def main() -> None:
    """Check, and say where."""
    here = Path(nf.__file__).resolve()
    assert not here.is_relative_to(CHECKOUT / "numbafunc"), f"imported {here} in place of what is installed"
    generator = np.random.default_rng(1)
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 1e-15)):
        x = generator.normal(size=(300, 70)).astype(dtype)
        exponentials = np.exp(x.astype(np.float64))
        np.testing.assert_allclose(nf.sigmoid(x), 1 / (1 + 1 / exponentials), rtol=tolerance)
        softmax = exponentials / exponentials.sum(1, keepdims=True)
        np.testing.assert_allclose(nf.softmax(x), softmax, rtol=10 * tolerance)
    x, h = generator.normal(size=5), 1e-6
    compiled = numba.njit(energy)
    differences = [(compiled(x + h * d) - compiled(x - h * d)) / (2 * h) for d in np.eye(5)]
    for mode in ("forward", "reverse"):
        np.testing.assert_allclose(nf.grad(energy, mode=mode)(x), differences, atol=1e-8)
    np.testing.assert_allclose(nf.hessian(lambda y: np.sum(nf.gelu(y)))(x).sum(), nf.derivative(nf.gelu, 2)(x).sum())
    op = nf.elementwise(lambda a, b: a * np.exp(-b * b))
    np.testing.assert_allclose(op(x, 2.0), x * np.exp(-4.0), rtol=1e-15)
    assert nf.scan(lambda c, y: (c + y, c), 0.0, x)[1].shape == (5,)
    assert nf.parallel.psum(2.0) == 2.0
    for command in (["info"], ["cache"], ["demo", "--quiet"]):
        subprocess.run([sys.executable, "-m", "numbafunc", *command], check=True, stdout=subprocess.DEVNULL)
    print(
        f"numbafunc {nf.__version__} works on Python {platform.python_version()}, {platform.system()} "
        f"{platform.machine()}, NumPy {np.__version__}, Numba {numba.__version__}"
    )


if __name__ == "__main__":
    main()
