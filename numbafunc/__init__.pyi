from numbafunc import (
    autodiff as autodiff,
)
from numbafunc import (
    constants as constants,
)
from numbafunc import (
    divergence as divergence,
)
from numbafunc import (
    elementary as elementary,
)
from numbafunc import (
    errors as errors,
)
from numbafunc import (
    loss as loss,
)
from numbafunc import (
    parallel as parallel,
)
from numbafunc.activation import (
    celu as celu,
)
from numbafunc.activation import (
    elu as elu,
)
from numbafunc.activation import (
    leaky_relu as leaky_relu,
)
from numbafunc.activation import (
    log_sigmoid as log_sigmoid,
)
from numbafunc.activation import (
    relu as relu,
)
from numbafunc.activation import (
    rsqrt as rsqrt,
)
from numbafunc.activation import (
    selu as selu,
)
from numbafunc.activation import (
    sigmoid as sigmoid,
)
from numbafunc.activation import (
    softplus as softplus,
)
from numbafunc.activation import (
    swish as swish,
)
from numbafunc.activation import (
    tanh as tanh,
)
from numbafunc.autodiff import (
    Dual as Dual,
)
from numbafunc.autodiff import (
    derivative as derivative,
)
from numbafunc.autodiff import (
    grad as grad,
)
from numbafunc.autodiff import (
    hessian as hessian,
)
from numbafunc.autodiff import (
    hvp as hvp,
)
from numbafunc.autodiff import (
    jacfwd as jacfwd,
)
from numbafunc.autodiff import (
    jvp as jvp,
)
from numbafunc.autodiff import (
    linearize as linearize,
)
from numbafunc.autodiff import (
    value_and_grad as value_and_grad,
)
from numbafunc.constants import ConvPadding as ConvPadding
from numbafunc.constants import Interpolate as Interpolate
from numbafunc.control_flow import stop_gradient as stop_gradient
from numbafunc.indexing import one_hot as one_hot
from numbafunc.kinds.elementwise import elementwise as elementwise
from numbafunc.normalization import log_softmax as log_softmax
from numbafunc.normalization import logsumexp as logsumexp
from numbafunc.normalization import softmax as softmax
from numbafunc.padding import pad as pad
from numbafunc.pooling import average_pool_2d as average_pool_2d
from numbafunc.pooling import max_pool_2d as max_pool_2d
from numbafunc.ranking import top_k as top_k
from numbafunc.rearrange import (
    batch_to_space2d as batch_to_space2d,
)
from numbafunc.rearrange import (
    channel_to_space2d as channel_to_space2d,
)
from numbafunc.rearrange import (
    flatten as flatten,
)
from numbafunc.rearrange import (
    space_to_batch2d as space_to_batch2d,
)
from numbafunc.rearrange import (
    space_to_channel2d as space_to_channel2d,
)
from numbafunc.rearrange import (
    upscale_nn as upscale_nn,
)
from numbafunc.resize import interpolate as interpolate
from numbafunc.resize import upsample_2d as upsample_2d
from numbafunc.scanning import scan as scan
from numbafunc.slicing import dynamic_slice as dynamic_slice

__version__: str

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
    "errors",
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
