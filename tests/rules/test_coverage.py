"""Every public function of NumPy either has a rule or refuses dual arrays by name."""

import inspect

import numpy as np
import pytest

from numbafunc.autodiff import Dual
from numbafunc.dual.tables import FUNCTION_RULES, UFUNC_RULES

MODULES = [np, np.linalg, np.fft, np.lib.stride_tricks]
FUNCTIONS = {
    f"{module.__name__}.{name}": getattr(module, name)
    for module in MODULES
    for name in dir(module)
    if not name.startswith("_") and type(getattr(module, name)) is type(np.concatenate)
}
UFUNCS = {name: getattr(np, name) for name in dir(np) if isinstance(getattr(np, name), np.ufunc)}


def dual():
    return Dual(np.array([0.3, 0.5]), np.ones((1, 2)), 1)


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function not in FUNCTION_RULES])
def test_function_without_a_rule_is_named(name):
    function = FUNCTIONS[name]
    with pytest.raises(TypeError, match=rf"{function.__name__} has no rule .*stop_gradient"):
        dual().__array_function__(function, (Dual,), (dual(),), {})


@pytest.mark.parametrize("name", [name for name, ufunc in UFUNCS.items() if ufunc not in UFUNC_RULES])
def test_ufunc_without_a_rule_is_named(name):
    ufunc = UFUNCS[name]
    with pytest.raises(TypeError, match=rf"numpy.{ufunc.__name__} has no rule"):
        ufunc(*[dual()] * ufunc.nin)
    assert not any("f" in one or "d" in one for one in ufunc.types), "a ufunc of floating numbers needs a rule"


@pytest.mark.parametrize("name", [name for name, function in FUNCTIONS.items() if function in FUNCTION_RULES])
def test_rule_takes_the_arguments_of_the_function(name):
    function = FUNCTIONS[name]
    rule = FUNCTION_RULES[function]
    try:
        wanted = inspect.signature(function).parameters
    except ValueError:
        pytest.skip("NumPy states no signature")
    found = inspect.signature(rule).parameters
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in found.values()):
        return
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {one.name for one in wanted.values() if one.kind in named}
    assert names <= set(found), f"{names - set(found)} missing"
