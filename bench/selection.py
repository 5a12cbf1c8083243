"""Pooling of float32 images, and the largest elements of float32 rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import Case
from bench.report import publish, run

SHAPES = ((1, 3, 32, 32), (16, 32, 56, 56), (32, 64, 112, 112))
ROWS = ((64, 1000), (16, 100_000), (1, 1_000_000))

# Windows: size, stride, and padding for ours and for the others.
WINDOWS = {
    "2/2": (2, 2, 0, 0),
    "3/2": (3, 2, 1, 1),
    "3/1 SAME": (3, 1, "SAME", 1),
}
LARGEST = (1, 5, 100, "n")

POOLING = {
    "max_pool_2d": (
        "numbafunc.max_pool_2d(x, {size}, {stride}, {ours!r})",
        "F.max_pool2d(x, {size}, {stride}, {padding})",
        "max_pool_2d(x, {size}, {stride}, {padding})",
        "np.lib.stride_tricks.sliding_window_view(padded, ({size}, {size}), (2, 3))"
        "[:, :, ::{stride}, ::{stride}].max((-2, -1))",
    ),
    "average_pool_2d": (
        "numbafunc.average_pool_2d(x, {size}, {stride}, {ours!r})",
        "F.avg_pool2d(x, {size}, {stride}, {padding}, count_include_pad=True)",
        "average_pool_2d(x, {size}, {stride}, {padding})",
        "np.lib.stride_tricks.sliding_window_view(padded, ({size}, {size}), (2, 3))"
        "[:, :, ::{stride}, ::{stride}].mean((-2, -1))",
    ),
}
TOP_K = (
    "numbafunc.top_k(x, {k})",
    "torch.topk(x, {k})",
    "jax.block_until_ready(top_k(x, {k}))",
    "np.take_along_axis(x, np.argsort(x, -1)[:, :-{k} - 1:-1], -1)",
)


def define_for_jax(jax_library: Any) -> None:
    """Compile the functions that JAX's statements name."""
    import jax

    lax = jax.lax

    def reduce(x: Any, start: float, combine: Any, size: int, stride: int, padding: int) -> Any:
        margins = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        return lax.reduce_window(x, start, combine, (1, 1, size, size), (1, 1, stride, stride), margins)

    def max_pool_2d(x: Any, size: int, stride: int, padding: int) -> Any:
        return reduce(x, -np.inf, lax.max, size, stride, padding)

    def average_pool_2d(x: Any, size: int, stride: int, padding: int) -> Any:
        return reduce(x, 0.0, lax.add, size, stride, padding) / (size * size)

    windows = ("size", "stride", "padding")
    jax_library.define(static=windows, max_pool_2d=max_pool_2d, average_pool_2d=average_pool_2d)
    jax_library.define(static=("k",), top_k=lambda x, k: lax.top_k(x, k))


def images(shape: tuple[int, ...], padding: int) -> Any:
    """Function that makes a batch of images; NumPy gets it with its padding."""

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        x = random.standard_normal(shape, dtype=np.float32)
        margin = (padding, padding)
        return {"x": x, "padded": np.pad(x, ((0, 0), (0, 0), margin, margin)) if padding else x}

    return data


def rows(shape: tuple[int, ...]) -> Any:
    """Function that makes rows."""

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        return {"x": random.standard_normal(shape, dtype=np.float32)}

    return data


def cases(options: Options) -> list[Case]:
    """All ops at all shapes."""
    result = []
    for name, statements in POOLING.items():
        for window, (size, stride, ours, padding) in WINDOWS.items():
            values = {"size": size, "stride": stride, "ours": ours, "padding": padding}
            own, torch, jax, numpy = (statement.format(**values) for statement in statements)
            contenders = {"numbafunc": own, "torch": torch, "jax": f"{jax}.block_until_ready()", "numpy": numpy}
            for shape in SHAPES:
                if options.wants(name):
                    elements = int(np.prod(shape))
                    result.append(Case(f"{name} {window}", str(shape), elements, images(shape, padding), contenders))
    for shape in ROWS:
        for largest in LARGEST:
            if options.wants("top_k"):
                k = shape[-1] if largest == "n" else largest
                names = ("numbafunc", "torch", "jax", "numpy")
                contenders = {name: statement.format(k=k) for name, statement in zip(names, TOP_K)}
                result.append(Case(f"top_k {largest}", str(shape), int(np.prod(shape)), rows(shape), contenders))
    return result


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    contenders = libraries()
    if "jax" in contenders:
        define_for_jax(contenders["jax"])
    results = run("selection", cases(options), contenders, options.effort)
    return publish("selection", "Pooling and top_k, float32, new result arrays", results, options)


if __name__ == "__main__":
    main(parse(__doc__))
