"""Ops of the linear kind on float32 images: small, middle and large."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bench.arguments import Options, parse
from bench.libraries import libraries
from bench.measure import Case
from bench.report import publish, run

SHAPES = ((1, 3, 32, 32), (16, 32, 56, 56), (32, 64, 112, 112))

Shape = tuple[int, int, int, int]

# For each op the statements of ours, PyTorch, JAX and NumPy, on x, of the shape that ``SHAPED`` tells. JAX's functions
# are those of ``define_for_jax``, compiled. Lengths of the shape are named n, c, h and w.
STATEMENTS = {
    "space_to_channel2d": (
        "numbafunc.space_to_channel2d(x)",
        "F.pixel_unshuffle(x, 2)",
        "space_to_channel2d(x)",
        "x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)",
    ),
    "channel_to_space2d": (
        "numbafunc.channel_to_space2d(x)",
        "F.pixel_shuffle(x, 2)",
        "channel_to_space2d(x)",
        "x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)",
    ),
    "space_to_batch2d": (
        "numbafunc.space_to_batch2d(x)",
        "x.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 5, 1, 2, 4).reshape(4 * n, c, h // 2, w // 2)",
        "space_to_batch2d(x)",
        "x.reshape(n, c, h // 2, 2, w // 2, 2).transpose(0, 3, 5, 1, 2, 4).reshape(4 * n, c, h // 2, w // 2)",
    ),
    "batch_to_space2d": (
        "numbafunc.batch_to_space2d(x)",
        "x.reshape(n // 4, 2, 2, c, h, w).permute(0, 3, 4, 1, 5, 2).reshape(n // 4, c, 2 * h, 2 * w)",
        "batch_to_space2d(x)",
        "x.reshape(n // 4, 2, 2, c, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n // 4, c, 2 * h, 2 * w)",
    ),
    # PyTorch's would be a view; ours and those of the others are new arrays.
    "flatten": ("numbafunc.flatten(x)", "x.flatten(1).clone()", "flatten(x)", "x.reshape(n, -1).copy()"),
    "upscale_nn": (
        "numbafunc.upscale_nn(x)",
        "F.interpolate(x, scale_factor=2, mode='nearest')",
        "upscale_nn(x)",
        "x.repeat(2, 2).repeat(2, 3)",
    ),
    "dynamic_slice": (
        "numbafunc.dynamic_slice(x, (0, 0, 2, 3), (n, c, h - 4, w - 5))",
        "x[:, :, 2 : h - 2, 3 : w - 2].clone()",
        "dynamic_slice(x)",
        "x[:, :, 2 : h - 2, 3 : w - 2].copy()",
    ),
    **{
        f"pad {ours}": (
            f"numbafunc.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), {ours!r})",
            f"F.pad(x, (1, 1, 1, 1), {torch!r})",
            f"pad_{ours}(x)",
            f"np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), {ours!r})",
        )
        for ours, torch in {
            "constant": "constant",
            "edge": "replicate",
            "reflect": "reflect",
            "wrap": "circular",
        }.items()
    },
}

# Ops that take another shape: what they make of it has the shape of the others.
SHAPED: dict[str, Callable[[Shape], Shape]] = {
    "batch_to_space2d": lambda shape: (4 * shape[0], shape[1], shape[2] // 2, shape[3] // 2),
    "channel_to_space2d": lambda shape: (shape[0], 4 * shape[1], shape[2] // 2, shape[3] // 2),
}


def define_for_jax(jax_library: Any) -> None:
    """Compile the functions that JAX's statements name."""
    import jax
    import jax.numpy as jnp

    def split(x: Any) -> Any:
        n, c, h, w = x.shape
        return x.reshape(n, c, h // 2, 2, w // 2, 2)

    def space_to_channel2d(x: Any) -> Any:
        n, c, h, w = x.shape
        return split(x).transpose(0, 1, 3, 5, 2, 4).reshape(n, 4 * c, h // 2, w // 2)

    def channel_to_space2d(x: Any) -> Any:
        n, c, h, w = x.shape
        return x.reshape(n, c // 4, 2, 2, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c // 4, 2 * h, 2 * w)

    def space_to_batch2d(x: Any) -> Any:
        n, c, h, w = x.shape
        return split(x).transpose(0, 3, 5, 1, 2, 4).reshape(4 * n, c, h // 2, w // 2)

    def batch_to_space2d(x: Any) -> Any:
        n, c, h, w = x.shape
        return x.reshape(n // 4, 2, 2, c, h, w).transpose(0, 3, 4, 1, 5, 2).reshape(n // 4, c, 2 * h, 2 * w)

    def dynamic_slice(x: Any) -> Any:
        n, c, h, w = x.shape
        return jax.lax.dynamic_slice(x, (0, 0, 2, 3), (n, c, h - 4, w - 5))

    def pad(mode: str) -> Callable[[Any], Any]:
        return lambda x: jnp.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), mode)

    jax_library.define(
        space_to_channel2d=space_to_channel2d,
        channel_to_space2d=channel_to_space2d,
        space_to_batch2d=space_to_batch2d,
        batch_to_space2d=batch_to_space2d,
        flatten=lambda x: x.reshape(x.shape[0], -1),
        upscale_nn=lambda x: jnp.repeat(jnp.repeat(x, 2, axis=2), 2, axis=3),
        dynamic_slice=dynamic_slice,
        **{f"pad_{mode}": pad(mode) for mode in ("constant", "edge", "reflect", "wrap")},
    )


def images(shape: Shape) -> Any:
    """Function that makes a batch of images, and the lengths of its axes."""

    def data(random: np.random.Generator) -> Mapping[str, Any]:
        return {"x": random.standard_normal(shape, dtype=np.float32), **dict(zip("nchw", shape))}

    return data


def cases(options: Options) -> list[Case]:
    """All ops at all shapes."""
    result = []
    for name, (ours, torch, jax, numpy) in STATEMENTS.items():
        statements = {"numbafunc": ours, "torch": torch, "jax": f"{jax}.block_until_ready()", "numpy": numpy}
        for shape in SHAPES:
            if options.wants(name.split()[0]):
                taken = SHAPED.get(name, lambda shape: shape)(shape)
                result.append(Case(name, str(shape), int(np.prod(shape)), images(taken), statements))
    return result


def main(options: Options) -> list[str]:
    """Measure, show and write; the cases where a peer was faster."""
    contenders = libraries()
    if "jax" in contenders:
        define_for_jax(contenders["jax"])
    results = run("linear", cases(options), contenders, options.effort)
    return publish("linear", "Ops that are linear in an array, float32 images, new result arrays", results, options)


if __name__ == "__main__":
    main(parse(__doc__))
