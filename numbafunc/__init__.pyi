from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Generic, Literal, NamedTuple, SupportsIndex, TypeAlias, overload

import numpy as np
from numpy.typing import DTypeLike, NDArray
from typing_extensions import TypeVar

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
from numbafunc._types import (
    Axes,
    Element,
    Float,
    Float64Like,
    FloatArray,
    Inexact,
    Kept,
    KeptNumbers,
    Normalized,
    NumberLike,
    Pair,
    RealLike,
    X,
)
from numbafunc.autodiff import (
    Dual as Dual,
    checkpoint as checkpoint,
    custom_derivative as custom_derivative,
    custom_root as custom_root,
    derivative as derivative,
    grad as grad,
    hessian as hessian,
    hvp as hvp,
    jacfwd as jacfwd,
    jacrev as jacrev,
    jvp as jvp,
    linearize as linearize,
    value_and_grad as value_and_grad,
    vjp as vjp,
)
from numbafunc.constants import ConvPadding as ConvPadding, Interpolate as Interpolate

Indices: TypeAlias = Sequence[SupportsIndex] | NDArray[np.integer[Any]]
Padding: TypeAlias = ConvPadding | str | SupportsIndex | Sequence[SupportsIndex | Sequence[SupportsIndex]]
PadWidth: TypeAlias = (
    SupportsIndex
    | Sequence[SupportsIndex]
    | Sequence[Sequence[SupportsIndex]]
    | NDArray[np.integer[Any]]
    | dict[int, int]
    | dict[int, tuple[int, int]]
    | dict[int, int | tuple[int, int]]
)

Values = TypeVar("Values")

class TopK(NamedTuple, Generic[Values]):
    values: Values
    indices: NDArray[np.int32]

# Elementwise.

@overload
def celu(x: Kept, alpha: float = 1.0, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def celu(x: RealLike, alpha: Dual, *, out: NDArray[Any] | None = None) -> Dual: ...
@overload
def celu(x: Float64Like, alpha: Float64Like = 1.0, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def celu(x: RealLike, alpha: RealLike = 1.0, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def elu(x: Kept, alpha: float = 1.0, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def elu(x: RealLike, alpha: Dual, *, out: NDArray[Any] | None = None) -> Dual: ...
@overload
def elu(x: Float64Like, alpha: Float64Like = 1.0, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def elu(x: RealLike, alpha: RealLike = 1.0, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def gelu(x: Kept, approximate: bool = False, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def gelu(x: Float64Like, approximate: bool = False, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def gelu(x: RealLike, approximate: bool = False, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def hard_swish(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def hard_swish(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def hard_swish(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def leaky_relu(x: KeptNumbers, negative_slope: float = 0.01, *, out: NDArray[Any] | None = None) -> KeptNumbers: ...
@overload
def leaky_relu(x: RealLike, negative_slope: Dual, *, out: NDArray[Any] | None = None) -> Dual: ...
@overload
def leaky_relu(x: RealLike, negative_slope: RealLike = 0.01, *, out: NDArray[Any] | None = None) -> NDArray[Any]: ...
@overload
def log_sigmoid(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def log_sigmoid(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def log_sigmoid(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def mish(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def mish(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def mish(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def relu(x: KeptNumbers, *, out: NDArray[Any] | None = None) -> KeptNumbers: ...
@overload
def relu(x: RealLike, *, out: NDArray[Any] | None = None) -> NDArray[Any]: ...
@overload
def rsqrt(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def rsqrt(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def rsqrt(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def selu(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def selu(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def selu(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def sigmoid(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def sigmoid(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def sigmoid(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def softplus(x: Kept, *, beta: float = 1.0, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def softplus(x: RealLike, *, beta: Dual, out: NDArray[Any] | None = None) -> Dual: ...
@overload
def softplus(x: Float64Like, *, beta: Float64Like = 1.0, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def softplus(x: RealLike, *, beta: RealLike = 1.0, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def swish(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def swish(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def swish(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...
@overload
def tanh(x: Kept, *, out: NDArray[Any] | None = None) -> Kept: ...
@overload
def tanh(x: Float64Like, *, out: NDArray[Any] | None = None) -> NDArray[np.float64]: ...
@overload
def tanh(x: RealLike, *, out: NDArray[Any] | None = None) -> FloatArray: ...

# Along axes.

@overload
def log_softmax(
    x: Normalized,
    axis: Axes = -1,
    where: RealLike | None = None,
    initial: float | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> Normalized: ...
@overload
def log_softmax(
    x: Float64Like,
    axis: Axes = -1,
    where: RealLike | None = None,
    initial: float | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> NDArray[np.float64]: ...
@overload
def log_softmax(
    x: RealLike,
    axis: Axes = -1,
    where: RealLike | None = None,
    initial: float | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> FloatArray: ...
@overload
def softmax(
    x: Normalized,
    axis: Axes = -1,
    where: RealLike | None = None,
    initial: float | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> Normalized: ...
@overload
def softmax(
    x: Float64Like,
    axis: Axes = -1,
    where: RealLike | None = None,
    initial: float | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> NDArray[np.float64]: ...
@overload
def softmax(
    x: RealLike,
    axis: Axes = -1,
    where: RealLike | None = None,
    initial: float | None = None,
    *,
    out: NDArray[Any] | None = None,
) -> FloatArray: ...
@overload
def logsumexp(
    a: NDArray[Inexact],
    axis: Axes = None,
    b: NDArray[Inexact] | float | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
    *,
    where: RealLike | None = None,
) -> NDArray[Inexact]: ...
@overload
def logsumexp(
    a: Dual,
    axis: Axes = None,
    b: NumberLike | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
    *,
    where: RealLike | None = None,
) -> Dual: ...
@overload
def logsumexp(
    a: Float64Like,
    axis: Axes = None,
    b: Float64Like | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
    *,
    where: RealLike | None = None,
) -> NDArray[np.float64]: ...
@overload
def logsumexp(
    a: NumberLike,
    axis: Axes = None,
    b: NumberLike | None = None,
    keepdims: bool = False,
    return_sign: Literal[False] = False,
    *,
    where: RealLike | None = None,
) -> Any: ...
@overload
def logsumexp(
    a: NumberLike,
    axis: Axes = None,
    b: NumberLike | None = None,
    keepdims: bool = False,
    *,
    return_sign: Literal[True],
    where: RealLike | None = None,
) -> tuple[Any, Any]: ...
@overload
def logsumexp(
    a: NumberLike, axis: Axes, b: NumberLike | None, keepdims: bool, return_sign: bool, *, where: RealLike | None = None
) -> Any: ...
@overload
def one_hot(x: RealLike, num_classes: int, *, dtype: type[np.float64] = ..., axis: int = -1) -> NDArray[np.float64]: ...
@overload
def one_hot(
    x: RealLike, num_classes: int, *, dtype: type[Element] | np.dtype[Element], axis: int = -1
) -> NDArray[Element]: ...
@overload
def one_hot(x: RealLike, num_classes: int, *, dtype: DTypeLike, axis: int = -1) -> NDArray[Any]: ...
@overload
def top_k(operand: NDArray[Element], k: int, *, axis: int = -1, largest: bool = True) -> TopK[NDArray[Element]]: ...
@overload
def top_k(operand: Dual, k: int, *, axis: int = -1, largest: bool = True) -> TopK[Dual]: ...
@overload
def top_k(operand: RealLike, k: int, *, axis: int = -1, largest: bool = True) -> TopK[NDArray[Any]]: ...

# Images and other arrays whose elements move.

@overload
def batch_to_space2d(x: NDArray[Element], size: Pair = 2) -> NDArray[Element]: ...
@overload
def batch_to_space2d(x: Dual, size: Pair = 2) -> Dual: ...
@overload
def batch_to_space2d(x: NumberLike, size: Pair = 2) -> NDArray[Any]: ...
@overload
def channel_to_space2d(x: NDArray[Element], size: Pair = 2) -> NDArray[Element]: ...
@overload
def channel_to_space2d(x: Dual, size: Pair = 2) -> Dual: ...
@overload
def channel_to_space2d(x: NumberLike, size: Pair = 2) -> NDArray[Any]: ...
@overload
def space_to_batch2d(x: NDArray[Element], size: Pair = 2) -> NDArray[Element]: ...
@overload
def space_to_batch2d(x: Dual, size: Pair = 2) -> Dual: ...
@overload
def space_to_batch2d(x: NumberLike, size: Pair = 2) -> NDArray[Any]: ...
@overload
def space_to_channel2d(x: NDArray[Element], size: Pair = 2) -> NDArray[Element]: ...
@overload
def space_to_channel2d(x: Dual, size: Pair = 2) -> Dual: ...
@overload
def space_to_channel2d(x: NumberLike, size: Pair = 2) -> NDArray[Any]: ...
@overload
def flatten(x: NDArray[Element]) -> NDArray[Element]: ...
@overload
def flatten(x: Dual) -> Dual: ...
@overload
def flatten(x: NumberLike) -> NDArray[Any]: ...
@overload
def upscale_nn(x: NDArray[Element], scale: SupportsIndex = 2) -> NDArray[Element]: ...
@overload
def upscale_nn(x: Dual, scale: SupportsIndex = 2) -> Dual: ...
@overload
def upscale_nn(x: NumberLike, scale: SupportsIndex = 2) -> NDArray[Any]: ...
@overload
def dynamic_slice(operand: NDArray[Element], start_indices: Indices, slice_sizes: Indices) -> NDArray[Element]: ...
@overload
def dynamic_slice(operand: Dual, start_indices: Indices, slice_sizes: Indices) -> Dual: ...
@overload
def dynamic_slice(operand: NumberLike, start_indices: Indices, slice_sizes: Indices) -> NDArray[Any]: ...
@overload
def average_pool_2d(
    x: NDArray[Inexact],
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> NDArray[Inexact]: ...
@overload
def average_pool_2d(
    x: Dual,
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Dual: ...
@overload
def average_pool_2d(
    x: NumberLike,
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> FloatArray: ...
@overload
def max_pool_2d(
    x: NDArray[Element],
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> NDArray[Element]: ...
@overload
def max_pool_2d(
    x: Dual,
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> Dual: ...
@overload
def max_pool_2d(
    x: RealLike,
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[False] = False,
) -> NDArray[Any]: ...
@overload
def max_pool_2d(
    x: NDArray[Element],
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[True],
) -> tuple[NDArray[Element], NDArray[np.int64]]: ...
@overload
def max_pool_2d(
    x: RealLike,
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: Literal[True],
) -> tuple[Any, NDArray[np.int64]]: ...
@overload
def max_pool_2d(
    x: RealLike,
    size: Pair = 2,
    strides: Pair | None = None,
    padding: Padding = ...,
    *,
    dilation: Pair = 1,
    ceil_mode: bool = False,
    return_indices: bool,
) -> Any: ...
@overload
def interpolate(
    input: NDArray[Float],
    size: Pair | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Interpolate | str = ...,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: Literal["renormalize", "replicate"] = "renormalize",
) -> NDArray[Float]: ...
@overload
def interpolate(
    input: Dual,
    size: Pair | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Interpolate | str = ...,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: Literal["renormalize", "replicate"] = "renormalize",
) -> Dual: ...
@overload
def interpolate(
    input: RealLike,
    size: Pair | None = None,
    scale_factor: float | Sequence[float] | None = None,
    mode: Interpolate | str = ...,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: Literal["renormalize", "replicate"] = "renormalize",
) -> FloatArray: ...
@overload
def upsample_2d(
    x: NDArray[Float],
    scale: float | Sequence[float],
    method: Interpolate | str = ...,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: Literal["renormalize", "replicate"] = "renormalize",
) -> NDArray[Float]: ...
@overload
def upsample_2d(
    x: Dual,
    scale: float | Sequence[float],
    method: Interpolate | str = ...,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: Literal["renormalize", "replicate"] = "renormalize",
) -> Dual: ...
@overload
def upsample_2d(
    x: RealLike,
    scale: float | Sequence[float],
    method: Interpolate | str = ...,
    *,
    align_corners: bool = False,
    antialias: bool = True,
    cubic_coefficient: float = -0.5,
    border: Literal["renormalize", "replicate"] = "renormalize",
) -> FloatArray: ...
@overload
def pad(
    array: NDArray[Element],
    pad_width: PadWidth,
    mode: str | Callable[..., Any] = "constant",
    *,
    stat_length: Any = None,
    constant_values: NumberLike = 0,
    end_values: NumberLike | None = None,
    reflect_type: Literal["even", "odd"] | None = None,
) -> NDArray[Element]: ...
@overload
def pad(
    array: Dual,
    pad_width: PadWidth,
    mode: str | Callable[..., Any] = "constant",
    *,
    stat_length: Any = None,
    constant_values: NumberLike = 0,
    end_values: NumberLike | None = None,
    reflect_type: Literal["even", "odd"] | None = None,
) -> Dual: ...
@overload
def pad(
    array: NumberLike,
    pad_width: PadWidth,
    mode: str | Callable[..., Any] = "constant",
    *,
    stat_length: Any = None,
    constant_values: NumberLike = 0,
    end_values: NumberLike | None = None,
    reflect_type: Literal["even", "odd"] | None = None,
) -> NDArray[Any]: ...

# Loops.

@overload
def odeint(
    f: Callable[Concatenate[Any, Any, ...], Any],
    y0: NDArray[Inexact],
    t: RealLike,
    *args: Any,
    rtol: float = 1e-08,
    atol: float = 1e-10,
    max_steps: int = 100000,
    first_step: float | None = None,
) -> NDArray[Inexact]: ...
@overload
def odeint(
    f: Callable[Concatenate[Any, Any, ...], Any],
    y0: Dual,
    t: RealLike,
    *args: Any,
    rtol: float = 1e-08,
    atol: float = 1e-10,
    max_steps: int = 100000,
    first_step: float | None = None,
) -> Dual: ...
@overload
def odeint(
    f: Callable[Concatenate[Any, Any, ...], Any],
    y0: float,
    t: RealLike,
    *args: Any,
    rtol: float = 1e-08,
    atol: float = 1e-10,
    max_steps: int = 100000,
    first_step: float | None = None,
) -> NDArray[np.float64]: ...
@overload
def odeint(
    f: Callable[Concatenate[Any, Any, ...], Any],
    y0: X,
    t: RealLike,
    *args: Any,
    rtol: float = 1e-08,
    atol: float = 1e-10,
    max_steps: int = 100000,
    first_step: float | None = None,
) -> X: ...
def scan(
    f: Callable[[Any, Any], tuple[X, Any]],
    init: Any,
    xs: Any,
    length: SupportsIndex | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
    *,
    until: Callable[[Any], Any] | None = None,
) -> tuple[X, Any]: ...
def while_loop(condition: Callable[[Any], Any], body: Callable[[Any], X], initial: Any) -> X: ...
def stop_gradient(x: X) -> X: ...
def elementwise(definition: Callable[..., Any]) -> Callable[..., Any]: ...

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
