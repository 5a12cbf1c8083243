"""Scripts as scientists and engineers write them in plain NumPy, differentiated after one changed line: the import.

Each file of the folder scripts has a function ``result`` and a ``POINT``. Gradients are held against central
differences of order 8 of the plain script along random directions, Hessians against such differences of the gradient.
"""

import linecache
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from numbafunc import hessian, jacfwd, jacrev

SCRIPTS = sorted(Path(__file__).with_name("scripts").glob("*.py"))
WEIGHTS = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}
SLOPES_OF_NOISE = {"rkf45_adaptive": 1e-4}
"""Where the result depends on the point through the lengths of adaptive steps, differences are less exact."""


def load(path, line="import numpy as np"):
    """The module of a script with another line that imports NumPy."""
    name = f"script_{path.stem}_{line.split()[1].replace('.', '_')}"
    text = path.read_text().replace("import numpy as np", line, 1)
    assert line in text
    module = sys.modules[name] = types.ModuleType(name)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec"), vars(module))
    return module


@pytest.fixture(scope="module", params=SCRIPTS, ids=lambda path: path.stem)
def script(request):
    plain = load(request.param)
    changed = load(request.param, "import numbafunc.numpy as np")

    def function(x):
        result = changed.result(x)
        return changed.np.array(result) if isinstance(result, (list, tuple)) else result

    yield types.SimpleNamespace(name=request.param.stem, plain=plain, changed=changed, function=function)
    for module in (plain, changed):
        sys.modules.pop(module.__name__)
        linecache.cache.pop(module.__name__, None)


def slopes(function, x, direction):
    """Derivatives along a direction by central differences with steps of several lengths."""
    scale = direction * np.maximum(np.abs(x), 0.1)
    for step in (1e-3, 1e-4):
        terms = (
            weight * (np.asarray(function(x + k * step * scale)) - np.asarray(function(x - k * step * scale)))
            for k, weight in WEIGHTS.items()
        )
        yield sum(terms) / step


def assert_slope(jacobian, function, x, rtol, directions):
    generator = np.random.default_rng(3)
    for _ in range(directions):
        direction = generator.uniform(0.5, 1.0, x.size) * generator.choice([-1.0, 1.0], x.size)
        found = jacobian @ (direction * np.maximum(np.abs(x), 0.1))
        # A step may cross a kink, a shorter one suffers from rounding: the best counts.
        errors = [np.max(np.abs(found - slope)) / np.max(np.abs(slope)) for slope in slopes(function, x, direction)]
        assert min(errors) < rtol, errors


def test_value_is_that_of_numpy(script):
    plain, changed = (module.result(module.POINT.copy()) for module in (script.plain, script.changed))
    assert type(plain) is type(changed)
    assert np.asarray(plain).tobytes() == np.asarray(changed).tobytes()


def test_first_derivatives(script):
    x = script.plain.POINT
    forward, reverse = jacfwd(script.function)(x), jacrev(script.function)(x)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9, atol=1e-9 * np.max(np.abs(forward)))
    assert_slope(forward, script.plain.result, x, SLOPES_OF_NOISE.get(script.name, 1e-7), 3)


def test_second_derivatives(script):
    x = script.plain.POINT
    scalar = np.ndim(script.plain.result(x)) == 0
    found = hessian(script.function)(x) if scalar else jacfwd(jacrev(script.function))(x)
    if not np.any(found):
        return
    assert_slope(found, jacfwd(script.function), x, SLOPES_OF_NOISE.get(script.name, 1e-6), 1)
