from numbafunc import (
    autodiff as autodiff,
    constants as constants,
    divergence as divergence,
    elementary as elementary,
    errors as errors,
    loss as loss,
    numpy as numpy,
    parallel as parallel,
    scipy as scipy,
)
from numbafunc.autodiff.custom import custom_derivative as custom_derivative
from numbafunc.autodiff.drivers import grad as grad, jacfwd as jacfwd, jvp as jvp, value_and_grad as value_and_grad
from numbafunc.autodiff.implicit import custom_root as custom_root
from numbafunc.autodiff.linearization import linearize as linearize
from numbafunc.autodiff.nth_derivative import derivative as derivative
from numbafunc.autodiff.reverse import jacrev as jacrev, vjp as vjp
from numbafunc.autodiff.second_order import hessian as hessian, hvp as hvp
from numbafunc.constants import ConvPadding as ConvPadding, Interpolate as Interpolate
from numbafunc.dual.array import Dual as Dual
from numbafunc.dual.checkpoint import checkpoint as checkpoint
from numbafunc.kinds.elementwise import elementwise as elementwise
from numbafunc.ops.activation import (
    gelu as gelu,
    log_sigmoid as log_sigmoid,
    mish as mish,
    rsqrt as rsqrt,
    sigmoid as sigmoid,
    softplus as softplus,
    swish as swish,
    tanh as tanh,
)
from numbafunc.ops.activation_piecewise import (
    celu as celu,
    elu as elu,
    hard_swish as hard_swish,
    leaky_relu as leaky_relu,
    relu as relu,
    selu as selu,
)
from numbafunc.ops.dynamic_slice import dynamic_slice as dynamic_slice
from numbafunc.ops.odeint import odeint as odeint
from numbafunc.ops.one_hot import one_hot as one_hot
from numbafunc.ops.pad import pad as pad
from numbafunc.ops.pool import average_pool_2d as average_pool_2d, max_pool_2d as max_pool_2d
from numbafunc.ops.rearrange import (
    batch_to_space2d as batch_to_space2d,
    channel_to_space2d as channel_to_space2d,
    flatten as flatten,
    space_to_batch2d as space_to_batch2d,
    space_to_channel2d as space_to_channel2d,
    upscale_nn as upscale_nn,
)
from numbafunc.ops.resize import interpolate as interpolate, upsample_2d as upsample_2d
from numbafunc.ops.scan import scan as scan
from numbafunc.ops.softmax import log_softmax as log_softmax, logsumexp as logsumexp, softmax as softmax
from numbafunc.ops.stop_gradient import stop_gradient as stop_gradient
from numbafunc.ops.top_k import top_k as top_k
from numbafunc.ops.while_loop import while_loop as while_loop

__all__ = [
    "ConvPadding",
    "Dual",
    "Interpolate",
    "average_pool_2d",
    "batch_to_space2d",
    "celu",
    "channel_to_space2d",
    "checkpoint",
    "constants",
    "custom_derivative",
    "custom_root",
    "derivative",
    "divergence",
    "dynamic_slice",
    "elementwise",
    "elu",
    "errors",
    "flatten",
    "gelu",
    "grad",
    "hard_swish",
    "hessian",
    "hvp",
    "interpolate",
    "jacfwd",
    "jacrev",
    "jvp",
    "leaky_relu",
    "linearize",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "loss",
    "max_pool_2d",
    "mish",
    "odeint",
    "one_hot",
    "pad",
    "parallel",
    "relu",
    "rsqrt",
    "scan",
    "scipy",
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
    "vjp",
    "while_loop",
]

__version__: str
