"""Reductions and losses on float32, along rows and down columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import Case
from bench.report import publish, run

SHAPES = ((64, 10), (128, 1000), (4096, 1000))
VECTORS = (10**3, 10**5, 10**7)

# Statements of ours, PyTorch, JAX and NumPy or SciPy; ``{axis}`` is -1 or 0.
ALONG_AXIS = {
    "softmax": (
        "numbafunc.softmax(x, axis={axis})",
        "torch.softmax(x, {axis})",
        "softmax(x, axis={axis})",
        "special.softmax(x, axis={axis})",
    ),
    "log_softmax": (
        "numbafunc.log_softmax(x, axis={axis})",
        "torch.log_softmax(x, {axis})",
        "log_softmax(x, axis={axis})",
        "special.log_softmax(x, axis={axis})",
    ),
    "logsumexp": (
        "numbafunc.logsumexp(x, axis={axis})",
        "torch.logsumexp(x, {axis})",
        "logsumexp(x, axis={axis})",
        "special.logsumexp(x, axis={axis})",
    ),
}
LOSSES = {
    "cross_entropy_logits": (
        "numbafunc.loss.cross_entropy_logits(x, y)",
        "F.cross_entropy(x, y, reduction='none')",
        "cross_entropy(x, y)",
        "special.logsumexp(x, axis=-1) - np.sum(x * y, axis=-1)",
    ),
    "cross_entropy_logits_sparse": (
        "numbafunc.loss.cross_entropy_logits_sparse(x, labels)",
        "F.cross_entropy(x, labels, reduction='none')",
        "cross_entropy_sparse(x, labels)",
        "special.logsumexp(x, axis=-1) - np.take_along_axis(x, labels[:, None], -1)[:, 0]",
    ),
}
TO_SCALAR = {
    "l2": ("numbafunc.loss.l2(x)", "torch.dot(x, x) / 2", "l2(x)", "np.dot(x, x) / 2"),
    "mean_squared_error": (
        "numbafunc.loss.mean_squared_error(x, y, keep_axis=None)",
        "F.mse_loss(x, y)",
        "mean_squared_error(x, y)",
        "np.mean(np.square(x - y))",
    ),
    "mean_absolute_error": (
        "numbafunc.loss.mean_absolute_error(x, y, keep_axis=None)",
        "F.l1_loss(x, y)",
        "mean_absolute_error(x, y)",
        "np.mean(np.abs(x - y))",
    ),
    "mean_squared_log_error": (
        "numbafunc.loss.mean_squared_log_error(p, q, keep_axis=None)",
        "F.mse_loss(torch.log1p(p), torch.log1p(q))",
        "mean_squared_log_error(p, q)",
        "np.mean(np.square(np.log1p(p) - np.log1p(q)))",
    ),
    "kl": (
        "numbafunc.divergence.kl(p, q)",
        "torch.dot(p, torch.log(p + 2**-17) - torch.log(q + 2**-17))",
        "kl(p, q)",
        "np.dot(p, np.log(p + np.float32(2**-17)) - np.log(q + np.float32(2**-17)))",
    ),
}


def define_for_jax(jax_library: Any) -> None:
    """Compile the functions that JAX's statements name."""
    import jax
    import jax.numpy as jnp

    nn = jax.nn

    def cross_entropy_sparse(x: Any, labels: Any) -> Any:
        picked = jnp.take_along_axis(x, labels[..., None], axis=-1)[..., 0]
        return nn.logsumexp(x, axis=-1) - picked

    jax_library.define(static=("axis",), softmax=nn.softmax, log_softmax=nn.log_softmax, logsumexp=nn.logsumexp)
    jax_library.define(
        cross_entropy=lambda x, y: -jnp.sum(y * nn.log_softmax(x), axis=-1),
        cross_entropy_sparse=cross_entropy_sparse,
        l2=lambda x: jnp.vdot(x, x) / 2,
        mean_squared_error=lambda x, y: jnp.mean(jnp.square(x - y)),
        mean_absolute_error=lambda x, y: jnp.mean(jnp.abs(x - y)),
        mean_squared_log_error=lambda p, q: jnp.mean(jnp.square(jnp.log1p(p) - jnp.log1p(q))),
        kl=lambda p, q: jnp.vdot(p, jnp.log(p + 2**-17) - jnp.log(q + 2**-17)),
    )


def matrices(rows: int, columns: int) -> Any:
    """Function that makes logits, probabilities and labels."""

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        y = random.random((rows, columns), dtype=np.float32)
        return {
            "x": random.standard_normal((rows, columns), dtype=np.float32) * np.float32(3),
            "y": y / y.sum(-1, keepdims=True),
            "labels": random.integers(0, columns, rows),
        }

    return data


def vectors(size: int) -> Any:
    """Function that makes two vectors, and two of probabilities."""

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        numbers = {name: random.standard_normal(size, dtype=np.float32) for name in "xy"}
        return numbers | {name: random.random(size, dtype=np.float32) for name in "pq"}

    return data


def cases(options: Options) -> list[Case]:
    """All ops at all shapes."""
    result = []

    def add(name: str, size: str, elements: int, data: Any, statements: tuple[str, ...], **fields: Any) -> None:
        if options.wants(name):
            ours, torch, jax, numpy = (statement.format(**fields) for statement in statements)
            contenders = {"numbafunc": ours, "torch": torch, "jax": f"{jax}.block_until_ready()", "numpy": numpy}
            result.append(Case(name, size, elements, data, contenders))

    for rows, columns in SHAPES:
        shape, data = f"({rows}, {columns})", matrices(rows, columns)
        for axis in (-1, 0):
            for name, statements in ALONG_AXIS.items():
                add(name, f"{shape} axis {axis}", rows * columns, data, statements, axis=axis)
        for name, statements in LOSSES.items():
            add(name, shape, rows * columns, data, statements)
    for size in VECTORS:
        for name, statements in TO_SCALAR.items():
            add(name, f"{size:.0e}".replace("e+0", "e"), size, vectors(size), statements)
    return sorted(result, key=lambda case: [*ALONG_AXIS, *LOSSES, *TO_SCALAR].index(case.name))


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    contenders = libraries()
    if "jax" in contenders:
        define_for_jax(contenders["jax"])
    results = run("reduction", cases(options), contenders, options.effort)
    return publish("reduction", "Reductions and losses, float32, new result arrays", results, options)


if __name__ == "__main__":
    main(parse(__doc__))
