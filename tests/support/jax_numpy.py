"""NumPy that hands over to JAX where an argument is an array of JAX: for tables of functions written for NumPy."""

import importlib.util
import types

import numpy
import pytest

jax = pytest.importorskip("jax")
pytest.importorskip("jax.numpy")


def _is_traced(nest):
    if isinstance(nest, (list, tuple)):
        return any(map(_is_traced, nest))
    return isinstance(nest, jax.Array)


def _as_array(x):
    return x if _is_traced(x) or not isinstance(x, list) else jax.numpy.asarray(x)


class _Function:
    """A function, or a ufunc with its methods, that both have."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs
        self.__name__ = getattr(ours, "__name__", "function")

    def __call__(self, /, *arguments, **options):
        if self.theirs is None or not _is_traced([*arguments, *options.values()]):
            return self.ours(*arguments, **options)
        try:
            return self.theirs(*arguments, **options)
        except TypeError as error:
            if "requires ndarray or scalar arguments" not in str(error):
                raise
        # JAX takes no lists in the place of arrays.
        arrays = [_as_array(x) for x in arguments]
        return self.theirs(*arrays, **{name: _as_array(x) for name, x in options.items()})

    def __getattr__(self, name):
        return _either(getattr(self.ours, name), getattr(self.theirs, name, None))


class _Module:
    """A module of NumPy beside that of JAX."""

    def __init__(self, ours, theirs):
        self.ours, self.theirs = ours, theirs

    def __getattr__(self, name):
        return _either(getattr(self.ours, name), getattr(self.theirs, name, None))


def _either(ours, theirs):
    if isinstance(ours, types.ModuleType):
        return ours if theirs is None else _Module(ours, theirs)
    return ours if isinstance(ours, type) or not callable(ours) else _Function(ours, theirs)


def imported(name):
    """A test module in whose source ``np`` is this NumPy."""
    source = importlib.util.find_spec(name).loader.get_source(name)
    module = types.ModuleType(name)
    module.both = _Module(numpy, jax.numpy)
    exec(compile(source.replace("import numpy as np", "np = both"), name, "exec"), vars(module))
    return module
