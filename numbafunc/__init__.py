"""Fast numerical functions for NumPy arrays, with derivatives of every order, on nothing heavier than Numba."""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import Any as _Any

from numbafunc.collective_symbol import name_collective as _name_collective
from numbafunc.interrupts import held_back as _held_back
from numbafunc.numba_import import after_import as _after_import
from numbafunc.tbb_library import load as _load_tbb

__version__ = "0.1.0"

# Where each public name is defined. A module is loaded when one of its names is first used: importing the package costs
# a script no more than what it needs. Type checkers read the same from `__init__.pyi`.
_DEFINITIONS = {
    "ops.activation": ("gelu", "log_sigmoid", "mish", "rsqrt", "sigmoid", "softplus", "swish", "tanh"),
    "ops.activation_piecewise": ("celu", "elu", "hard_swish", "leaky_relu", "relu", "selu"),
    "autodiff": (
        *("Dual", "checkpoint", "custom_derivative", "custom_root", "derivative", "grad", "hessian", "hvp", "jacfwd"),
        *("jacrev", "jvp", "linearize", "value_and_grad", "vjp"),
    ),
    "constants": ("ConvPadding", "Interpolate"),
    "ops.stop_gradient": ("stop_gradient",),
    "ops.one_hot": ("one_hot",),
    "kinds.elementwise": ("elementwise",),
    "ops.softmax": ("log_softmax", "logsumexp", "softmax"),
    "ops.pad": ("pad",),
    "ops.pool": ("average_pool_2d", "max_pool_2d"),
    "ops.top_k": ("top_k",),
    "ops.rearrange": (
        *("batch_to_space2d", "channel_to_space2d", "flatten", "space_to_batch2d", "space_to_channel2d", "upscale_nn"),
    ),
    "ops.resize": ("interpolate", "upsample_2d"),
    "ops.scan": ("scan",),
    "ops.while_loop": ("while_loop",),
    "ops.odeint": ("odeint",),
    "ops.dynamic_slice": ("dynamic_slice",),
}
_MODULES = ("constants", "divergence", "errors", "loss", "parallel")
# Modules that ``from numbafunc import *`` leaves out; the names of the last two are often in use.
_NOT_STARRED = ("autodiff", "elementary", "numpy", "scipy")
_HOMES = {name: module for module, names in _DEFINITIONS.items() for name in names}

__all__ = sorted([*_HOMES, *_MODULES])


def __getattr__(name: str) -> _Any:
    from numbafunc.prompt import no_attribute, presented

    home = _HOMES.get(name)
    if home is not None or name in _MODULES or name in _NOT_STARRED:
        with _held_back():  # a module that is loaded in part has registered a part of its functions
            found = _import_module(f"numbafunc.{home or name}")
        found = found if home is None else presented(getattr(found, name))
    else:
        raise no_attribute(__name__, name, __dir__())
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, *_NOT_STARRED, "__version__"])


_after_import(_load_tbb)
_after_import(_name_collective)
