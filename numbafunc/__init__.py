"""Fast numerical functions for NumPy arrays, with derivatives of every order, on nothing heavier than Numba."""

from __future__ import annotations

from numbafunc import constants, divergence, loss, parallel
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
from numbafunc.autodiff import Dual, derivative, grad, hessian, hvp, jacfwd, jvp, linearize, value_and_grad
from numbafunc.constants import ConvPadding, Interpolate
from numbafunc.control_flow import stop_gradient
from numbafunc.indexing import one_hot
from numbafunc.inside_numba import register as _register
from numbafunc.kinds.elementwise import elementwise
from numbafunc.normalization import log_softmax, logsumexp, softmax
from numbafunc.padding import pad
from numbafunc.pooling import average_pool_2d, max_pool_2d
from numbafunc.ranking import top_k
from numbafunc.rearrange import (
    batch_to_space2d,
    channel_to_space2d,
    flatten,
    space_to_batch2d,
    space_to_channel2d,
    upscale_nn,
)
from numbafunc.resize import interpolate, upsample_2d
from numbafunc.scanning import scan
from numbafunc.slicing import dynamic_slice

_register()

__version__ = "0.1.0"

__all__ = [
    "ConvPadding",
    "Dual",
    "Interpolate",
    "average_pool_2d",
    "batch_to_space2d",
    "celu",
    "channel_to_space2d",
    "constants",
    "derivative",
    "divergence",
    "dynamic_slice",
    "elementwise",
    "elu",
    "flatten",
    "grad",
    "hessian",
    "hvp",
    "interpolate",
    "jacfwd",
    "jvp",
    "leaky_relu",
    "linearize",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "loss",
    "max_pool_2d",
    "one_hot",
    "pad",
    "parallel",
    "relu",
    "rsqrt",
    "scan",
    "selu",
    "sigmoid",
    "softmax",
    "softplus",
    "space_to_batch2d",
    "space_to_channel2d",
    "stop_gradient",
    "swish",
    "tanh",
    "top_k",
    "upsample_2d",
    "upscale_nn",
    "value_and_grad",
]
