"""Elementwise ops on float32, one element to sixteen million."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import Case
from bench.report import publish, run

SIZES = (1, 10**3, 10**5, 10**6, 16 * 10**6)
CLASSES = 10

# For each op the statements of ours, PyTorch, JAX and NumPy or SciPy.
STATEMENTS = {
    "celu": ("numbafunc.celu(x)", "F.celu(x)", "celu(x)", "np.where(x > 0, x, np.expm1(np.minimum(x, 0)))"),
    "elu": ("numbafunc.elu(x)", "F.elu(x)", "elu(x)", "np.where(x > 0, x, np.expm1(np.minimum(x, 0)))"),
    "gelu": ("numbafunc.gelu(x)", "F.gelu(x)", "gelu(x)", "x * special.ndtr(x)"),
    "gelu_tanh": (
        "numbafunc.gelu(x, True)",
        "F.gelu(x, approximate='tanh')",
        "gelu_tanh(x)",
        "0.5 * x * (1 + np.tanh(0.7978846 * (x + 0.044715 * x**3)))",
    ),
    "hard_swish": (
        "numbafunc.hard_swish(x)",
        "F.hardswish(x)",
        "hard_swish(x)",
        "x * np.minimum(np.maximum(x + 3, 0), 6) / 6",
    ),
    "leaky_relu": ("numbafunc.leaky_relu(x)", "F.leaky_relu(x)", "leaky_relu(x)", "np.maximum(x, 0.01 * x)"),
    "log_sigmoid": ("numbafunc.log_sigmoid(x)", "F.logsigmoid(x)", "log_sigmoid(x)", "special.log_expit(x)"),
    "mish": ("numbafunc.mish(x)", "F.mish(x)", "mish(x)", "x * np.tanh(np.logaddexp(x, 0))"),
    "relu": ("numbafunc.relu(x)", "torch.relu(x)", "relu(x)", "np.maximum(x, 0)"),
    "selu": (
        "numbafunc.selu(x)",
        "torch.selu(x)",
        "selu(x)",
        "1.0507 * np.where(x > 0, x, 1.67326 * np.expm1(np.minimum(x, 0)))",
    ),
    "sigmoid": ("numbafunc.sigmoid(x)", "torch.sigmoid(x)", "sigmoid(x)", "special.expit(x)"),
    "softplus": ("numbafunc.softplus(x)", "F.softplus(x)", "softplus(x)", "np.logaddexp(x, 0)"),
    "swish": ("numbafunc.swish(x)", "F.silu(x)", "silu(x)", "x * special.expit(x)"),
    "tanh": ("numbafunc.tanh(x)", "torch.tanh(x)", "tanh(x)", "np.tanh(x)"),
    "rsqrt": ("numbafunc.rsqrt(x)", "torch.rsqrt(x)", "rsqrt(x)", "1 / np.sqrt(x)"),
    "sigmoid_cross_entropy_logits": (
        "numbafunc.loss.sigmoid_cross_entropy_logits(x, y)",
        "F.binary_cross_entropy_with_logits(x, y, reduction='none')",
        "sigmoid_cross_entropy(x, y)",
        "np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x)))",
    ),
    # PyTorch makes int64 and JAX float32, so each is met on its own ground.
    "one_hot int64": (
        "numbafunc.one_hot(x, 10, dtype=np.int64)",
        "F.one_hot(x, 10)",
        "one_hot_integer(x)",
        "(x[:, None] == np.arange(10)).astype(np.int64)",
    ),
    "one_hot float32": (
        "numbafunc.one_hot(x, 10, dtype=np.float32)",
        "F.one_hot(x, 10).float()",
        "one_hot(x)",
        "(x[:, None] == np.arange(10)).astype(np.float32)",
    ),
}


def define_for_jax(jax_library: Any) -> None:
    """Compile the functions that JAX's statements name."""
    import jax
    import jax.numpy as jnp

    nn = jax.nn
    jax_library.define(
        **{name: getattr(nn, name) for name in ("celu", "elu", "leaky_relu", "log_sigmoid", "relu", "selu", "sigmoid")},
        gelu=lambda x: nn.gelu(x, approximate=False),
        gelu_tanh=nn.gelu,
        hard_swish=nn.hard_swish,
        mish=nn.mish,
        softplus=nn.softplus,
        silu=nn.silu,
        tanh=jnp.tanh,
        rsqrt=jax.lax.rsqrt,
        sigmoid_cross_entropy=lambda x, y: jnp.maximum(x, 0) - x * y + jnp.log1p(jnp.exp(-jnp.abs(x))),
        one_hot=lambda x: nn.one_hot(x, CLASSES),
        one_hot_integer=lambda x: nn.one_hot(x, CLASSES, dtype=jnp.int32),  # it has no int64 by default
    )


def data_of(name: str, size: int) -> Any:
    """Function that makes the arrays of a case."""

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        if name.startswith("one_hot"):
            return {"x": random.integers(0, CLASSES, size)}
        x = random.standard_normal(size, dtype=np.float32) * np.float32(3)
        if name == "rsqrt":
            return {"x": np.abs(x) + np.float32(1e-3)}
        return {"x": x, "y": random.random(size, dtype=np.float32)} if "cross_entropy" in name else {"x": x}

    return data


def cases(options: Options) -> list[Case]:
    """All ops at all sizes."""
    result = []
    for name, (ours, torch, jax, numpy) in STATEMENTS.items():
        statements = {"numbafunc": ours, "torch": torch, "jax": f"{jax}.block_until_ready()", "numpy": numpy}
        for size in SIZES:
            if options.wants(name.split()[0]) and (size <= 10**6 or not name.startswith("one_hot")):
                result.append(Case(name, f"{size:.3g}".replace("e+0", "e"), size, data_of(name, size), statements))
    return result


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    contenders = libraries()
    if "jax" in contenders:
        define_for_jax(contenders["jax"])
    results = run("elementwise", cases(options), contenders, options.effort)
    return publish("elementwise", "Elementwise ops, float32, new result arrays", results, options)


if __name__ == "__main__":
    main(parse(__doc__))
