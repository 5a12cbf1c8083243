"""SciPy's functions that take arrays of any library of the array API standard, in a process of its own: the setting
SCIPY_ARRAY_API counts when SciPy is imported. Derivatives are held against differences of eighth order."""

import os
import subprocess
import sys

import numpy as np
import pytest

PROGRAM = """
import warnings
warnings.simplefilter("ignore")
import numpy, scipy
from scipy import fft, integrate, optimize, signal, special, stats
from scipy.optimize import elementwise
from scipy.spatial.transform import Rotation
import numbafunc
import numbafunc.numpy as np

X = numpy.array([0.3, 0.7, 1.1, 0.2])

FUNCTIONS = {
    **{
        name: getattr(stats, name)
        for name in "circmean circstd circvar gmean gstd gzscore hmean kstat kstatvar kurtosis moment sem skew tvar "
        "zscore".split()
    },
    "boxcox_llf": lambda x: stats.boxcox_llf(0.5, x),
    "describe": lambda x: stats.describe(x).variance,
    "directional_stats": lambda x: stats.directional_stats(x.reshape(2, 2)).mean_direction,
    "moment 3": lambda x: stats.moment(x, 3),
    "pmean": lambda x: stats.pmean(x, 3),
    "sigmaclip": lambda x: stats.sigmaclip(x).clipped,
    "trim_mean": lambda x: stats.trim_mean(x, 0.1),
    "zmap": lambda x: stats.zmap(x, x * x),
    "cubature": lambda x: integrate.cubature(lambda t: t[:, 0] * x[0], np.zeros(1), np.ones(1)).estimate,
    "cumulative_simpson": integrate.cumulative_simpson,
    "cumulative_trapezoid": integrate.cumulative_trapezoid,
    "fixed_quad": lambda x: integrate.fixed_quad(lambda t: x[0] * t**2, 0, 1)[0],
    "trapezoid": integrate.trapezoid,
    "find_root": lambda x: elementwise.find_root(lambda t, x: t**3 - x, (0 * x, 2 + 0 * x), args=(x,)).x,
    "rosen": optimize.rosen,
    "rosen_der": optimize.rosen_der,
    "rosen_hess": optimize.rosen_hess,
    "fftconvolve": lambda x: signal.fftconvolve(x, x),
    "gausspulse": signal.gausspulse,
    "hilbert": lambda x: np.imag(signal.hilbert(x)),
    "normalize": lambda x: signal.normalize(x, x)[0],
    "oaconvolve": lambda x: signal.oaconvolve(x, x),
    "resample": lambda x: signal.resample(x, 6),
    "from_quat": lambda x: Rotation.from_quat(x).as_matrix(),
    "from_rotvec": lambda x: Rotation.from_rotvec(x[:3]).inv().as_quat(),
    "from_euler": lambda x: Rotation.from_euler("xyz", x[:3]).apply(np.ones(3)),
    "fft": lambda x: np.abs(fft.ifft(fft.fft(x) ** 2)),
    "rfft": lambda x: fft.irfft(fft.rfft(x) ** 2),
    "log_softmax": special.log_softmax,
    "logsumexp": special.logsumexp,
    "softmax": special.softmax,
    "xlogy": lambda x: special.xlogy(x, x),
}

def differences(f):
    columns = []
    for i in range(X.size):
        column = 0
        for k, weight in ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280)):
            step = numpy.zeros(X.size)
            step[i] = k * 2e-3
            column = column + weight * (numpy.asarray(f(X + step)) - numpy.asarray(f(X - step))) / 2e-3
        columns.append(column)
    return numpy.stack(columns, -1)

for name, f in FUNCTIONS.items():
    forward = numbafunc.jacfwd(f)(X)
    numpy.testing.assert_allclose(forward, differences(f), rtol=1e-6, atol=1e-8, err_msg=name)
    numpy.testing.assert_allclose(numbafunc.jacrev(f)(X), forward, rtol=1e-9, atol=1e-12, err_msg=name)
print(len(FUNCTIONS), "functions")
"""


@pytest.mark.skipif(not hasattr(np, "cumulative_sum"), reason="SciPy calls clip(max=), which NumPy has from 2.1 on")
def test_functions_of_scipy_differentiate():
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(" functions\n")
