"""Resizing of images, float32: twice as large and half as large."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import Case
from bench.report import publish, run

SHAPES = ((1, 3, 32, 32), (16, 32, 56, 56), (32, 64, 112, 112))
METHODS = ("bilinear", "bicubic", "nearest")


def data_of(shape: tuple[int, ...]) -> Any:
    """Function that makes the images of a case."""

    def data(random: np.random.Generator) -> dict[str, Any]:
        return {"x": random.standard_normal(shape, dtype=np.float32)}

    return data


def case(method: str, shape: tuple[int, ...], up: bool) -> Case:
    """One method from one shape to another, with antialiasing where it becomes smaller."""
    size = tuple(2 * n if up else n // 2 for n in shape[2:])
    options = "" if method == "nearest" else f", align_corners=False, antialias={not up}"
    ours = f"upsample_2d(x, 2, '{method}')" if up else f"interpolate(x, {size}, mode='{method}')"
    statements = {
        "numbafunc": f"numbafunc.{ours}",
        "torch": f"F.interpolate(x, size={size}, mode='{method}'{options})",
        "jax": f"resize(x, {shape[:2] + size}, '{method}').block_until_ready()",
    }
    elements = int(np.prod(shape[:2] + size))
    return Case(f"{method} {'up' if up else 'down'}", "x".join(map(str, shape)), elements, data_of(shape), statements)


def cases(options: Options) -> list[Case]:
    """All methods in both directions at all shapes."""
    return [
        case(method, shape, up)
        for method in METHODS
        for up in (True, False)
        if options.wants("upsample_2d" if up else "interpolate")
        for shape in SHAPES
    ]


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    contenders = libraries()
    if "jax" in contenders:
        import jax

        contenders["jax"].namespace["resize"] = functools.partial(jax.jit, static_argnums=(1, 2))(jax.image.resize)
    results = run("resize", cases(options), contenders, options.effort)
    return publish("resize", "Resizing by 2 and 1/2, float32, new result arrays", results, options)


if __name__ == "__main__":
    main(parse(__doc__))
