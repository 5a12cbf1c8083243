"""The table of what is measured: each op with its operands and with what the peers call in its place.

An op that the package defines is measured whether or not it is here; see :func:`table`. An entry says what can't be
guessed: operands other than one array of real numbers, and calls of peers by other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

WHAT = ("value", "jvp", "gradient")


@dataclass(frozen=True)
class Op:
    """An op, or a variant of one.

    Attributes
    ----------
    ours, torch, jax, numpy, autograd : str or None
        The call: an expression on the names of the operands and, for arrays of four axes, on their lengths ``n, c, h,
        w``. None stands for the function of the same name, if the library has one; an empty text for nothing. NumPy's
        is for the value; autograd's, for derivatives, is the same unless it is given.
    operands : mapping
        What each operand is made of: a key of ``KINDS`` in ``bench.operands``. Derivatives are with respect to the
        first.
    shape : str
        How a number of elements becomes a shape: a key of ``SHAPES`` in ``bench.operands``.
    what : tuple of str
        Which of value, jvp and gradient there are.
    largest : float
        The most elements to measure.
    variant : bool
        Whether it is measured at a few sizes of float32 only.
    """

    ours: str | None = None
    torch: str | None = None
    jax: str | None = None
    numpy: str | None = ""
    autograd: str | None = None
    operands: Mapping[str, str] = field(default_factory=lambda: {"x": "real"})
    shape: str = "vector"
    what: tuple[str, ...] = WHAT
    largest: float = float("inf")
    variant: bool = False


# Public functions that are no case of their own, and why.
REASONS = {
    "stop_gradient": "gives back its operand; nothing is computed",
}

_ELU = "np.where(x > 0, x, np.expm1(np.minimum(x, 0)))"
_FLOOR = "2.0**-17"
_PAIR = {"x": "real", "y": "real"}
_SHARES = {"p": "share", "q": "share"}
_SPLIT = "x.reshape(n, c, h // 2, 2, w // 2, 2)"


def _axis(name: str, axis: int) -> Op:
    return Op(
        f"nf.{name}(x, axis={axis})",
        f"torch.{name}(x, {axis})",
        f"nn.{name}(x, axis={axis})",
        f"special.{name}(x, axis={axis})",
        {
            "logsumexp": f"special.logsumexp(x, axis={axis})",
            "log_softmax": f"x - special.logsumexp(x, axis={axis}, keepdims=True)",
            "softmax": f"np.exp(x - special.logsumexp(x, axis={axis}, keepdims=True))",
        }[name],
        shape="rows",
        variant=axis == 0,
    )


def _pad(mode: str, torch: str) -> Op:
    widths = "((0, 0), (0, 0), (1, 1), (1, 1))"
    return Op(
        f"nf.pad(x, {widths}, {mode!r})",
        f"F.pad(x, (1, 1, 1, 1), {torch!r})",
        f"jnp.pad(x, {widths}, {mode!r})",
        f"np.pad(x, {widths}, {mode!r})",
        shape="images",
        variant=mode != "constant",
    )


def _pool(name: str, size: int, stride: int, margin: int) -> Op:
    largest = name == "max_pool_2d"
    torch = f"F.{'max' if largest else 'avg'}_pool2d(x, {size}, {stride}, {margin})"
    window, strides = f"(1, 1, {size}, {size})", f"(1, 1, {stride}, {stride})"
    margins = f"((0, 0), (0, 0), ({margin}, {margin}), ({margin}, {margin}))"
    start, combine, after = ("-jnp.inf", "lax.max", "") if largest else ("0.0", "lax.add", f" / {size * size}")
    return Op(
        f"nf.{name}(x, {size}, {stride}, {margin})",
        torch,
        f"lax.reduce_window(x, {start}, {combine}, {window}, {strides}, {margins}){after}",
        # A window that overlaps takes strides, which autograd doesn't know.
        f"{_SPLIT}.{'max' if largest else 'mean'}((3, 5))" if size == stride else "",
        f"np.{'max' if largest else 'mean'}(np.reshape(x, (n, c, h // 2, 2, w // 2, 2)), (3, 5))"
        if size == stride
        else "",
        shape="images",
        variant=size != stride,
    )


def _resize(name: str, method: str, variant: bool) -> Op:
    up = name == "upsample_2d"
    size = "(2 * h, 2 * w)" if up else "(h // 2, w // 2)"
    torch = "nearest-exact" if method == "nearest" else method
    options = "" if method == "nearest" else f", align_corners=False, antialias={not up}"
    return Op(
        f"nf.upsample_2d(x, 2, {method!r})" if up else f"nf.interpolate(x, {size}, mode={method!r})",
        f"F.interpolate(x, {size}, mode={torch!r}{options})",
        f"jax.image.resize(x, (n, c, *{size}), {method!r})",
        shape="images",
        variant=variant,
    )


def _blocks(order: str, result: str, split: str = _SPLIT, shape: str = "images", torch: str | None = None) -> Op:
    moved = f"{split}.{{move}}({order}).reshape({result})"
    transposed = moved.format(move="transpose")
    return Op(
        torch=torch or moved.format(move="permute"),
        jax=transposed,
        numpy=transposed,
        autograd=f"np.reshape(np.transpose({split}, ({order})), ({result}))",
        shape=shape,
    )


# A literal would make float64 of float32 under Numba, so the factor is carried along.
_SMOOTH = "lambda c, x: ((c[0] + c[1] * (x - c[0]), c[1]), c[0])"
_DECAY = "lambda y, t: -y * np.cos(t)"

TABLE: dict[str, Op] = {
    "celu": Op(numpy=_ELU),
    "elu": Op(numpy=_ELU),
    "gelu": Op(
        jax="nn.gelu(x, approximate=False)",
        numpy="x * special.ndtr(x)",
        autograd="0.5 * x * (1 + special.erf(x / 2**0.5))",
    ),
    "gelu tanh": Op(
        "nf.gelu(x, True)",
        "F.gelu(x, approximate='tanh')",
        "nn.gelu(x)",
        "0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x**3)))",
        variant=True,
    ),
    "hard_swish": Op(torch="F.hardswish(x)", numpy="x * np.minimum(np.maximum(x + 3, 0), 6) / 6"),
    "leaky_relu": Op(numpy="np.maximum(x, 0.01 * x)"),
    "log_sigmoid": Op(torch="F.logsigmoid(x)", numpy="special.log_expit(x)", autograd="-np.logaddexp(-x, 0.0)"),
    "mish": Op(numpy="x * np.tanh(np.logaddexp(x, 0))"),
    "relu": Op(numpy="np.maximum(x, 0)"),
    "relu out=": Op(
        "nf.relu(x, out=out)",
        "torch.clamp_min(x, 0, out=out)",
        "",
        "np.maximum(x, 0, out=out)",
        operands={"x": "real", "out": "ones"},
        what=("value",),
        variant=True,
    ),
    "selu": Op(
        numpy="1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(np.minimum(x, 0)))",
    ),
    "sigmoid": Op(torch="torch.sigmoid(x)", numpy="special.expit(x)", autograd="1 / (1 + np.exp(-x))"),
    "sigmoid out=": Op(
        "nf.sigmoid(x, out=out)",
        "torch.sigmoid(x, out=out)",
        "",
        "special.expit(x, out=out)",
        operands={"x": "real", "out": "ones"},
        what=("value",),
        variant=True,
    ),
    "softplus": Op(numpy="np.logaddexp(x, 0)"),
    "swish": Op(torch="F.silu(x)", numpy="x * special.expit(x)", autograd="x / (1 + np.exp(-x))"),
    "tanh": Op(torch="torch.tanh(x)", numpy="np.tanh(x)"),
    "rsqrt": Op(numpy="1 / np.sqrt(x)", operands={"x": "positive"}),
    "sigmoid_cross_entropy_logits": Op(
        "nf.loss.sigmoid_cross_entropy_logits(x, y)",
        "F.binary_cross_entropy_with_logits(x, y, reduction='none')",
        "jnp.maximum(x, 0) - x * y + jnp.log1p(jnp.exp(-jnp.abs(x)))",
        "np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))",
        operands={"x": "real", "y": "share"},
    ),
    # The number of elements is that of the result.
    "one_hot": Op(
        "nf.one_hot(labels, 10, dtype=dtype)",
        "F.one_hot(labels, 10).to(dtype)",
        "nn.one_hot(labels, 10, dtype=dtype)",
        "(labels[:, None] == np.arange(10)).astype(dtype)",
        operands={"labels": "labels"},
        shape="ten classes",
        what=("value",),
    ),
    **{
        f"{name}{' axis 0' if axis == 0 else ''}": _axis(name, axis)
        for axis in (-1, 0)
        for name in ("softmax", "log_softmax", "logsumexp")
    },
    "cross_entropy_logits": Op(
        "nf.loss.cross_entropy_logits(x, y)",
        "F.cross_entropy(x, y, reduction='none')",
        "-jnp.sum(y * nn.log_softmax(x), axis=-1)",
        "special.logsumexp(x, axis=-1) - np.sum(x * y, axis=-1)",
        operands={"x": "real", "y": "distribution"},
        shape="rows",
    ),
    "cross_entropy_logits_sparse": Op(
        "nf.loss.cross_entropy_logits_sparse(x, labels)",
        "F.cross_entropy(x, labels, reduction='none')",
        "nn.logsumexp(x, axis=-1) - jnp.take_along_axis(x, labels[:, None], -1)[:, 0]",
        "special.logsumexp(x, axis=-1) - np.take_along_axis(x, labels[:, None], -1)[:, 0]",
        "special.logsumexp(x, axis=-1) - x[np.arange(len(labels)), labels]",
        operands={"x": "real", "labels": "labels"},
        shape="rows",
    ),
    "l2": Op(
        torch="torch.vdot(x.view(-1), x.view(-1)) / 2", jax="jnp.vdot(x, x) / 2", numpy="np.dot(x, x) / 2", shape="flat"
    ),
    "mean_squared_error": Op(
        "nf.loss.mean_squared_error(x, y, keep_axis=None)",
        "F.mse_loss(x, y)",
        "jnp.mean(jnp.square(x - y))",
        "np.mean(np.square(x - y))",
        operands=_PAIR,
    ),
    "mean_absolute_error": Op(
        "nf.loss.mean_absolute_error(x, y, keep_axis=None)",
        "F.l1_loss(x, y)",
        "jnp.mean(jnp.abs(x - y))",
        "np.mean(np.abs(x - y))",
        operands=_PAIR,
    ),
    "mean_squared_log_error": Op(
        "nf.loss.mean_squared_log_error(p, q, keep_axis=None)",
        "F.mse_loss(torch.log1p(p), torch.log1p(q))",
        "jnp.mean(jnp.square(jnp.log1p(p) - jnp.log1p(q)))",
        "np.mean(np.square(np.log1p(p) - np.log1p(q)))",
        operands=_SHARES,
    ),
    "kl": Op(
        "nf.divergence.kl(p, q)",
        f"torch.dot(p, torch.log(p + {_FLOOR}) - torch.log(q + {_FLOOR}))",
        f"jnp.dot(p, jnp.log(p + {_FLOOR}) - jnp.log(q + {_FLOOR}))",
        f"np.dot(p, np.log(p + {_FLOOR}) - np.log(q + {_FLOOR}))",
        operands=_SHARES,
        shape="flat",
    ),
    "pad": _pad("constant", "constant"),
    "pad edge": _pad("edge", "replicate"),
    "pad reflect": _pad("reflect", "reflect"),
    "pad wrap": _pad("wrap", "circular"),
    "max_pool_2d": _pool("max_pool_2d", 2, 2, 0),
    "max_pool_2d 3/2": _pool("max_pool_2d", 3, 2, 1),
    "average_pool_2d": _pool("average_pool_2d", 2, 2, 0),
    "average_pool_2d 3/2": _pool("average_pool_2d", 3, 2, 1),
    "top_k": Op(
        "nf.top_k(x, k).values",
        "torch.topk(x, k)[0]",
        "lax.top_k(x, k)[0]",
        "np.take_along_axis(x, np.argsort(x, -1)[:, :-k-1:-1], -1)",
        "",
        shape="rows",
    ),
    "top_k all": Op(
        "nf.top_k(x, x.shape[-1]).values",
        "torch.topk(x, x.shape[-1])[0]",
        "lax.top_k(x, x.shape[-1])[0]",
        "np.take_along_axis(x, np.argsort(x, -1)[:, ::-1], -1)",
        "",
        shape="rows",
        variant=True,
    ),
    "upsample_2d": _resize("upsample_2d", "bilinear", False),
    "upsample_2d bicubic": _resize("upsample_2d", "bicubic", True),
    "upsample_2d nearest": _resize("upsample_2d", "nearest", True),
    "interpolate": _resize("interpolate", "bilinear", False),
    "interpolate bicubic": _resize("interpolate", "bicubic", True),
    "interpolate nearest": _resize("interpolate", "nearest", True),
    "space_to_channel2d": _blocks("0, 1, 3, 5, 2, 4", "n, 4 * c, h // 2, w // 2", torch="F.pixel_unshuffle(x, 2)"),
    "channel_to_space2d": _blocks(
        "0, 1, 4, 2, 5, 3",
        "n, c // 4, 2 * h, 2 * w",
        "x.reshape(n, c // 4, 2, 2, h, w)",
        "images with channels",
        "F.pixel_shuffle(x, 2)",
    ),
    "space_to_batch2d": _blocks("0, 3, 5, 1, 2, 4", "4 * n, c, h // 2, w // 2"),
    "batch_to_space2d": _blocks(
        "0, 3, 4, 1, 5, 2", "n // 4, c, 2 * h, 2 * w", "x.reshape(n // 4, 2, 2, c, h, w)", "images in batches"
    ),
    # PyTorch's would be a view; ours and those of the others are new arrays.
    "flatten": Op(
        torch="x.flatten(1).clone()",
        jax="x.reshape(n, -1)",
        numpy="x.reshape(n, -1).copy()",
        autograd="np.reshape(x, (n, -1))",
        shape="images",
    ),
    "upscale_nn": Op(
        torch="F.interpolate(x, scale_factor=2, mode='nearest')",
        jax="jnp.repeat(jnp.repeat(x, 2, axis=2), 2, axis=3)",
        numpy="x.repeat(2, 2).repeat(2, 3)",
        autograd="np.repeat(np.repeat(x, 2, 2), 2, 3)",
        shape="images",
    ),
    "dynamic_slice": Op(
        "nf.dynamic_slice(x, (0, 0, 1, 1), (n, c, h - 1, w - 1))",
        "x[:, :, 1:, 1:].clone()",
        "lax.dynamic_slice(x, (0, 0, 1, 1), (n, c, h - 1, w - 1))",
        "x[:, :, 1:, 1:].copy()",
        "1 * x[:, :, 1:, 1:]",
        shape="images",
    ),
    # Loops: the number of elements is that of the steps, and for odeint that of the equations.
    "scan": Op(
        f"nf.scan(njit({_SMOOTH!r}), (dtype(0), dtype(0.25)), x)[1]",
        "",
        f"lax.scan({_SMOOTH}, (dtype(0), dtype(0.25)), x)[1]",
        shape="flat",
        largest=1e6,
    ),
    "while_loop": Op(
        "nf.while_loop(njit('lambda c: c[0] < c[2]'), njit('lambda c: (c[0] + 1, c[1] * c[3], c[2], c[3])'), "
        "(0, x, steps, s))[1]",
        "",
        "lax.while_loop(lambda c: c[0] < steps, lambda c: (c[0] + 1, c[1] * s), (0, x))[1]",
        operands={"x": "number", "s": "factor"},
        shape="steps",
        largest=1e5,
    ),
    "odeint": Op(
        f"nf.odeint(njit({_DECAY!r}), x, t, rtol=1e-4, atol=1e-4)",
        "",
        f"odeint({_DECAY.replace('np', 'jnp')}, x, t, rtol=1e-4, atol=1e-4)",
        "solve_ivp(lambda t, y: -y * np.cos(t), (0.0, 1.0), x, t_eval=t, rtol=1e-4, atol=1e-4).y",
        "",
        {"x": "real", "t": "times"},
        shape="flat",
        largest=1e5,
    ),
}

# What moving memory costs: the roofline of the plots.
COPY = "copy"
TABLE[COPY] = Op("", "x.clone()", "", "x.copy()", what=("value",))
TABLE[f"{COPY} out="] = replace(
    TABLE[COPY], torch="out.copy_(x)", numpy="np.copyto(out, x)", operands={"x": "real", "out": "ones"}, variant=True
)


def public() -> dict[str, Any]:
    """The package's ops, that is the public functions that ``numbafunc.ops`` defines, by their full names."""
    import numbafunc

    found = {}
    for module, prefix in ((numbafunc, ""), (numbafunc.loss, "loss."), (numbafunc.divergence, "divergence.")):
        for name in module.__all__:
            value = getattr(module, name)
            if getattr(value, "__module__", "").startswith("numbafunc.ops."):
                found[prefix + name] = value
    return found


def table() -> dict[str, Op]:
    """All entries, those of registered elementwise ops that are not in ``TABLE`` included.

    Raises
    ------
    LookupError
        If the package has an op of which neither the table nor its kind tells the operands.
    """
    from numbafunc.kinds.registry import REGISTRY

    full = {name.rpartition(".")[2]: name for name in public()}
    found = {key: op for key, op in TABLE.items() if key.split(" ")[0] == COPY}
    for name in full:
        entries = {key: op for key, op in TABLE.items() if key.split(" ")[0] == name}
        if not entries and name in REGISTRY:
            entries = {name: Op()}
        if not entries and name not in REASONS:
            raise LookupError(f"numbafunc.{full[name]} is not measured: give it an entry in TABLE of bench/ops.py")
        found.update(entries)
    return {
        key: op if op.ours is not None else replace(op, ours=f"nf.{full[key]}({', '.join(op.operands)})")
        for key, op in found.items()
    }
