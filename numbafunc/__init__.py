"""Fast numerical functions for NumPy arrays, with derivatives of every order, on nothing heavier than Numba."""

from __future__ import annotations

from numbafunc import divergence, loss, parallel
from numbafunc.activation import (
    celu,
    elu,
    leaky_relu,
    log_sigmoid,
    relu,
    rsqrt,
    selu,
    sigmoid,
    softplus,
    swish,
    tanh,
)
from numbafunc.autodiff import Dual, grad, jacfwd, jvp, value_and_grad
from numbafunc.control_flow import stop_gradient
from numbafunc.indexing import one_hot
from numbafunc.inside_numba import register as _register
from numbafunc.kinds.elementwise import elementwise
from numbafunc.normalization import log_softmax, logsumexp, softmax

_register()

__version__ = "0.1.0"

__all__ = [
    "Dual",
    "celu",
    "divergence",
    "elementwise",
    "elu",
    "grad",
    "jacfwd",
    "jvp",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "loss",
    "one_hot",
    "parallel",
    "relu",
    "rsqrt",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "stop_gradient",
    "swish",
    "tanh",
    "value_and_grad",
]
